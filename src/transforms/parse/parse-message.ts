/**
 * The parsed fields of a record as a function of the raw bytes alone (G13). Parsers answer broken mail with silence, not
 * with errors, so what the library says is held against our own reading of headers and structure (G12).
 */
import type { AttachmentInfo, HeaderField, MailAddress, MailRecord } from '../../message.ts'
import { findDefects } from './defects.ts'
import { parseDate } from './date.ts'
import { type HeaderBlock, readHeaderBlock, valuesOf } from './header-block.ts'
import { locateAttachments } from './locate.ts'
import { decodeWords } from './mime-header.ts'
import { type MimeScan, scanMime } from './mime-scan.ts'
import { mailparserParser } from './mailparser-parser.ts'
import type { Parser, ParserResult } from './parser.ts'
import { REASON, tooLargeToParse } from './reasons.ts'

/** What parsing adds to a message's identity and raw bytes. */
export type ParsedFields = Omit<
  MailRecord,
  'key' | 'mailbox' | 'uidl' | 'octets' | 'sha256' | 'fetchedAt' | 'raw'
>

export interface ParseMessageOptions {
  /** Set where `raw` is the header block of a message above this many bytes: nothing else is parsed. */
  readonly headersOnlyAbove?: number
  readonly parser?: Parser
}

/** Never rejects: what cannot be parsed says so in `parseStatus` and `parseReasons`. */
export async function parseMessage(
  raw: Buffer,
  options: ParseMessageOptions = {},
): Promise<ParsedFields> {
  const parser = options.parser ?? mailparserParser
  const { bytes, reasons } = normalised(raw)
  const block = readHeaderBlock(bytes)
  const fields = headerFields(block, parser, reasons)
  if (raw.length === 0) reasons.add(REASON.emptyMessage)
  else if (block.fields.length === 0) reasons.add(REASON.noHeaders)
  if (block.malformedLines > 0) reasons.add(REASON.malformedHeader)
  if (block.truncated) reasons.add(REASON.headerTooLarge)
  if (options.headersOnlyAbove !== undefined) {
    reasons.add(tooLargeToParse(options.headersOnlyAbove))
    return settled('partial', fields, reasons)
  }
  if (raw.length === 0) return settled('partial', fields, reasons)
  return withBody({ raw, bytes, block, fields, reasons, parser })
}

/** Headers alone, for a message whose parsing failed; never throws. */
export function headersOf(raw: Buffer, reason: string): ParsedFields {
  const { bytes, reasons } = normalised(raw)
  const fields = headerFields(readHeaderBlock(bytes), undefined, reasons)
  return settled('failed', fields, reasons.add(reason))
}

interface Work {
  readonly raw: Buffer
  readonly bytes: Buffer
  readonly block: HeaderBlock
  readonly fields: ParsedFields
  readonly reasons: Set<string>
  readonly parser: Parser
}

async function withBody(work: Work): Promise<ParsedFields> {
  try {
    const result = await work.parser.parse(work.bytes)
    return checked(work, result)
  } catch (error) {
    return settled('failed', work.fields, work.reasons.add(failureOf(error)))
  }
}

function checked({ raw, bytes, block, fields, reasons }: Work, result: ParserResult): ParsedFields {
  const scan = scanMime(bytes)
  const body = { text: textOf(result), html: htmlOf(result, scan) }
  const { attachments, matched } = locateAttachments(bytes, scan, result.attachments)
  const findings = { bytes, block, scan, result, matched, ...body }
  for (const defect of findDefects(findings)) reasons.add(defect)
  const record = {
    ...fields,
    ...body,
    subject: subjectOf(result.subject, fields.subject),
    // In bytes with other line ends the places would be those of a copy.
    attachments: bytes === raw ? attachments : attachments.map(withoutPlace),
  }
  return settled(reasons.size === 0 ? 'ok' : 'partial', record, reasons)
}

const withoutPlace = (attachment: AttachmentInfo): AttachmentInfo => ({
  ...attachment,
  rawOffset: null,
  rawLength: null,
})

const settled = (
  parseStatus: ParsedFields['parseStatus'],
  fields: ParsedFields,
  reasons: ReadonlySet<string>,
): ParsedFields => ({ ...fields, parseStatus, parseReasons: [...reasons] })

/**
 * Messages whose line ends are bare CR (old Macs, broken exporters) would be one long header to every parser: they are
 * read from a copy with CRLF.
 */
function normalised(raw: Buffer): { bytes: Buffer; reasons: Set<string> } {
  const reasons = new Set<string>()
  if (!raw.includes('\r') || !isBareCr(raw)) return { bytes: raw, reasons }
  reasons.add(REASON.bareCr)
  return {
    bytes: Buffer.from(raw.toString('latin1').replace(/\r\n?|\n/g, '\r\n'), 'latin1'),
    reasons,
  }
}

/** Bytes within which the first line ends decide. */
const SAMPLE_BYTES = 64 * 1024

function isBareCr(raw: Buffer): boolean {
  let bare = 0
  let feeds = 0
  const end = Math.min(raw.length, SAMPLE_BYTES)
  for (let at = raw.indexOf('\r'); at !== -1 && at < end; at = raw.indexOf('\r', at + 1))
    if (raw[at + 1] === 0x0a) feeds += 1
    else bare += 1
  return bare > feeds && bare > 1
}

const ADDRESS_FIELDS = {
  from: 'from',
  sender: 'sender',
  replyTo: 'reply-to',
  to: 'to',
  cc: 'cc',
  bcc: 'bcc',
} as const

function headerFields(
  { fields }: HeaderBlock,
  parser: Parser | undefined,
  reasons: Set<string>,
): ParsedFields {
  const addresses = (name: string): MailAddress[] => addressesOf(fields, name, parser)
  const [subject] = valuesOf(fields, 'subject')
  const [messageId] = valuesOf(fields, 'message-id')
  const [date] = valuesOf(fields, 'date')
  const sentAt = date === undefined ? null : parseDate(date)
  if (date !== undefined && sentAt === null) reasons.add(REASON.date)
  return {
    headers: fields,
    subject: subject === undefined ? null : decodeWords(subject),
    sentAt,
    messageId: messageId === undefined || messageId === '' ? null : messageId,
    from: addresses(ADDRESS_FIELDS.from),
    sender: addresses(ADDRESS_FIELDS.sender),
    replyTo: addresses(ADDRESS_FIELDS.replyTo),
    to: addresses(ADDRESS_FIELDS.to),
    cc: addresses(ADDRESS_FIELDS.cc),
    bcc: addresses(ADDRESS_FIELDS.bcc),
    ...{ text: null, html: null, attachments: [], parseStatus: 'failed', parseReasons: [] },
  }
}

function addressesOf(
  fields: readonly HeaderField[],
  name: string,
  parser: Parser | undefined,
): MailAddress[] {
  if (parser === undefined) return []
  try {
    return valuesOf(fields, name).flatMap((value) => parser.addresses(value))
  } catch {
    return []
  }
}

/** The library knows more charsets than we do, but has lost raw bytes that are not UTF-8. */
function subjectOf(library: string | null, ours: string | null): string | null {
  return library === null || library.includes('\ufffd') ? ours : library
}

const textOf = ({ text }: ParserResult): string | null =>
  text === null || /^\n*$/.test(text) ? null : text

/** Where the library joined text parts into the html, it left a break for each, as their conversion is off. */
function htmlOf({ html }: ParserResult, { parts }: MimeScan): string | null {
  if (html === null || html === '') return null
  if (!parts.some(({ type }) => type === 'text/plain')) return html
  const stripped = html.replace(/^(?:<br\/>\n)+|(?:<br\/>\n)+$/g, '')
  return stripped === '' ? null : stripped
}

function failureOf(error: unknown): string {
  const message = error instanceof Error ? error.message : ''
  if (message.includes('child nodes')) return REASON.tooManyParts
  return message.includes('header size') ? REASON.headerTooLarge : REASON.parserFailed
}
