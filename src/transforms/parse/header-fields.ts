/**
 * The fields of a record that come from the header block alone, by our own reading: needs no parser library, so that the
 * main thread, which only falls back to this, does not load one.
 */
import type { HeaderField, MailAddress, MailRecord } from '../../message.ts'
import { parseDate } from './date.ts'
import { type HeaderBlock, readHeaderBlock, valuesOf } from './header-block.ts'
import { decodeWords } from './mime-header.ts'
import type { Parser } from './parser.ts'
import { REASON } from './reasons.ts'

/** What parsing adds to a message's identity and raw bytes. */
export type ParsedFields = Omit<
  MailRecord,
  'key' | 'mailbox' | 'uidl' | 'octets' | 'sha256' | 'fetchedAt' | 'raw'
>

/** Headers alone, for a message whose parsing failed; never throws. */
export function headersOf(raw: Buffer, reason: string): ParsedFields {
  const { bytes, reasons } = normalised(raw)
  const fields = headerFields(readHeaderBlock(bytes), undefined, reasons)
  return settled('failed', fields, reasons.add(reason))
}

export const settled = (
  parseStatus: ParsedFields['parseStatus'],
  fields: ParsedFields,
  reasons: ReadonlySet<string>,
): ParsedFields => ({ ...fields, parseStatus, parseReasons: [...reasons] })

/**
 * Messages whose line ends are bare CR (old Macs, broken exporters) would be one long header to every parser: they are
 * read from a copy with CRLF.
 */
export function normalised(raw: Buffer): { bytes: Buffer; reasons: Set<string> } {
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
  const sample = raw.toString('latin1', 0, SAMPLE_BYTES + 1)
  // Nearly all mail has none: one search instead of one for each line.
  if (!/\r(?!\n)/.test(sample)) return false
  const bare = sample.match(/\r(?!\n)/g)?.length ?? 0
  const feeds = sample.match(/\r\n/g)?.length ?? 0
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

export function headerFields(
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
