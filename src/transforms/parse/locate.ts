/**
 * Attachments and their places: what the library described is matched by SHA-256 to the part of our own scan that
 * decodes to the same bytes, so a place that is given is proven.
 */
import { createHash } from 'node:crypto'
import type { AttachmentInfo } from '../../message.ts'
import type { MimeScan, ScannedPart } from './mime-scan.ts'
import type { ParserAttachment } from './parser.ts'
import { decodeTransfer } from './transfer-encoding.ts'

export interface Located {
  readonly attachments: readonly AttachmentInfo[]
  /** Parts whose content is one of the library's attachments. */
  readonly matched: ReadonlySet<ScannedPart>
}

/**
 * The library's attachments in their order, with inline text parts that have a file name: the library merges those into
 * the text and drops their names.
 */
export function locateAttachments(
  bytes: Buffer,
  { parts }: MimeScan,
  attachments: readonly ParserAttachment[],
  known: ReadonlyMap<ScannedPart, Content> = new Map(),
): Located {
  // Text comes last, so that it is decoded only where the library took some for an attachment.
  const body = parts.filter(isBodyText)
  const candidates = [...parts.filter((part) => !isBodyText(part)), ...body]
  const matched = new Set<ScannedPart>()
  const contents = new Map(known)
  const contentOf = (part: ScannedPart): Content => {
    const content = contents.get(part) ?? decodedContent(bytes, part)
    contents.set(part, content)
    return content
  }
  const described = attachments.map((attachment) => {
    const part = candidates.find(
      (candidate) => !matched.has(candidate) && contentOf(candidate).sha256 === attachment.sha256,
    )
    if (part !== undefined) matched.add(part)
    return describe(attachment, part)
  })
  const named = body.filter((part) => part.name !== null && !matched.has(part))
  return {
    attachments: inOrder([...described, ...named.map((part) => fromScan(part, contentOf(part)))]),
    matched,
  }
}

export interface Content {
  readonly size: number
  readonly sha256: string
}

export function decodedContent(bytes: Buffer, part: ScannedPart): Content {
  const raw = bytes.subarray(part.offset, part.offset + part.length)
  const content = decodeTransfer(raw, part.encoding)
  return { size: content.length, sha256: createHash('sha256').update(content).digest('hex') }
}

/** Does the library take the part for text of the message rather than for an attachment? */
export function isBodyText({ type, disposition }: ScannedPart): boolean {
  return (type === 'text/plain' || type === 'text/html') && (disposition ?? 'inline') === 'inline'
}

/** The library guesses the type of application/octet-stream by the name; what the sender declared stays. */
const describe = (attachment: ParserAttachment, part: ScannedPart | undefined): AttachmentInfo => ({
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
