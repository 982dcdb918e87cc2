/**
 * Attachments and their places: what the library described is matched by SHA-256 to the part of our own scan that
 * decodes to the same bytes, so a place that is given is proven.
 */
import { createHash } from 'node:crypto'
import type { AttachmentInfo } from '../../message.ts'
import type { MimeScan, ScannedPart } from './mime-scan.ts'
import type { ParserAttachment } from './parser.ts'
import { decodeTransfer } from './transfer-encoding.ts'

/**
 * The library's attachments in their order, then inline text parts that have a file name: the library merges those into
 * the text and drops their names.
 */
export function locateAttachments(
  bytes: Buffer,
  { parts }: MimeScan,
  attachments: readonly ParserAttachment[],
): AttachmentInfo[] {
  const open = parts.filter((part) => !isBodyText(part)).map((part) => ({ part, used: false }))
  const contents = new Map<ScannedPart, Content>()
  const contentOf = (part: ScannedPart): Content => {
    const known = contents.get(part) ?? decodedContent(bytes, part)
    contents.set(part, known)
    return known
  }
  const located = attachments.map((attachment) => {
    const match = open.find(
      ({ part, used }) => !used && contentOf(part).sha256 === attachment.sha256,
    )
    if (match !== undefined) match.used = true
    return described(attachment, match?.part)
  })
  const named = parts.filter((part) => isBodyText(part) && part.name !== null)
  return inOrder([...located, ...named.map((part) => fromScan(part, contentOf(part)))])
}

interface Content {
  readonly size: number
  readonly sha256: string
}

function decodedContent(bytes: Buffer, part: ScannedPart): Content {
  const raw = bytes.subarray(part.offset, part.offset + part.length)
  const content = decodeTransfer(raw, part.encoding)
  return { size: content.length, sha256: createHash('sha256').update(content).digest('hex') }
}

/** Does the library take the part for text of the message rather than for an attachment? */
export function isBodyText({ type, disposition }: ScannedPart): boolean {
  return (type === 'text/plain' || type === 'text/html') && (disposition ?? 'inline') === 'inline'
}

/** The library guesses the type of application/octet-stream by the name; what the sender declared stays. */
const described = (
  attachment: ParserAttachment,
  part: ScannedPart | undefined,
): AttachmentInfo => ({
  name: attachment.name,
  type: part?.type ?? attachment.type,
  disposition: attachment.disposition,
  size: attachment.size,
  sha256: attachment.sha256,
  rawOffset: part?.offset ?? null,
  rawLength: part?.length ?? null,
})

const fromScan = (part: ScannedPart, { size, sha256 }: Content): AttachmentInfo => ({
  name: part.name,
  type: part.type,
  disposition: part.disposition,
  size,
  sha256,
  rawOffset: part.offset,
  rawLength: part.length,
})

/** Message order where all places are known; else as the library gave them, and ours behind. */
function inOrder(attachments: AttachmentInfo[]): AttachmentInfo[] {
  if (attachments.some(({ rawOffset }) => rawOffset === null)) return attachments
  return attachments.sort((a, b) => (a.rawOffset ?? 0) - (b.rawOffset ?? 0))
}
