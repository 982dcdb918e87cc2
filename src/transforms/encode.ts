/**
 * Records as bytes: Avro single-object encoding or JSON. Whatever a parser or a transform has put into a record, a value
 * that the schema cannot carry is narrowed or refused by name, and the raw bytes go through untouched (G12).
 */
import { SinkError, describeError } from '../errors.ts'
import type { AttachmentInfo, HeaderField, MailAddress, MailRecord } from '../message.ts'
import { recordHeader, recordType } from './avro-schema.ts'

/** Longs that avsc 5.7 writes right: below -2^52 its zigzag loses the sign, beyond 2^53 it throws. */
const MAX_LONG = 2 ** 52

const whole = (value: number): number =>
  Number.isFinite(value) ? Math.max(-MAX_LONG, Math.min(MAX_LONG, Math.trunc(value))) : 0

const wholeOrNull = (value: number | null): number | null => (value === null ? null : whole(value))

/** A date that no reader could hold is no date. 2^52 ms lie within what ECMAScript takes (year 144,683). */
const dateOrNull = (value: number | null): number | null =>
  value === null || !(Math.abs(value) <= MAX_LONG) ? null : Math.trunc(value)

/** ECMAScript 2024, in Node since 20; the library of this TypeScript target does not know it. */
interface WellFormable {
  toWellFormed(): string
}

/** avsc writes lone surrogates as they are in short strings, which is not UTF-8: strict readers would stop there. */
const wellFormed = (text: string): string =>
  typeof text === 'string' ? (text as string & WellFormable).toWellFormed() : text

const wellFormedOrNull = (text: string | null): string | null =>
  text === null ? null : wellFormed(text)

function list<T>(field: string, values: readonly T[], plain: (value: T) => T): T[] {
  if (!Array.isArray(values)) throw new TypeError(`field ${field} is not a list`)
  return values.map(plain)
}

const plainHeader = ({ name, value }: HeaderField): HeaderField => ({
  name: wellFormed(name),
  value: wellFormed(value),
})

const plainAddress = ({ name, address }: MailAddress): MailAddress => ({
  name: wellFormed(name),
  address: wellFormed(address),
})

const plainAttachment = (attachment: AttachmentInfo): AttachmentInfo => ({
  name: wellFormedOrNull(attachment.name),
  type: wellFormed(attachment.type),
  disposition: wellFormedOrNull(attachment.disposition),
  size: whole(attachment.size),
  sha256: attachment.sha256,
  rawOffset: wholeOrNull(attachment.rawOffset),
  rawLength: wholeOrNull(attachment.rawLength),
})

/** The fields of the schema in its order, plain objects throughout, every value within what readers take. */
function plainRecord(record: MailRecord): MailRecord {
  return {
    key: record.key,
    mailbox: wellFormed(record.mailbox),
    uidl: wellFormedOrNull(record.uidl),
    octets: whole(record.octets),
    sha256: record.sha256,
    fetchedAt: dateOrNull(record.fetchedAt) ?? 0,
    headers: list('headers', record.headers, plainHeader),
    subject: wellFormedOrNull(record.subject),
    sentAt: dateOrNull(record.sentAt),
    messageId: wellFormedOrNull(record.messageId),
    from: list('from', record.from, plainAddress),
    sender: list('sender', record.sender, plainAddress),
    replyTo: list('replyTo', record.replyTo, plainAddress),
    to: list('to', record.to, plainAddress),
    cc: list('cc', record.cc, plainAddress),
    bcc: list('bcc', record.bcc, plainAddress),
    text: wellFormedOrNull(record.text),
    html: wellFormedOrNull(record.html),
    attachments: list('attachments', record.attachments, plainAttachment),
    parseStatus: record.parseStatus,
    parseReasons: list('parseReasons', record.parseReasons, wellFormed),
    raw: record.raw,
  }
}

/** Checks against the schema, so that both encodings refuse the same things; names the first wrong field. */
function checked(record: MailRecord): MailRecord {
  let plain: MailRecord
  try {
    plain = plainRecord(record)
  } catch (error) {
    throw refused(record, describeError(error), error)
  }
  recordType.isValid(plain, {
    errorHook: (path: string[]) => {
      throw refused(record, `field ${path.join('.')} does not fit the schema`)
    },
  })
  return plain
}

const refused = (record: MailRecord, why: string, cause?: unknown): SinkError =>
  new SinkError(
    'MAILDRAIN_SINK_RECORD_REJECTED',
    `record ${record.key} cannot be encoded: ${why}; correct the transform that made it`,
    { cause },
  )

const unreadable = (why: string, cause?: unknown): SinkError =>
  new SinkError('MAILDRAIN_RECORD_UNREADABLE', why, { cause })

/**
 * Avro single-object encoding by schemas/mail-message.avsc. Lone surrogates become U+FFFD; `raw` keeps the truth.
 * @throws SinkError MAILDRAIN_SINK_RECORD_REJECTED when a transform has put in a value that the schema cannot carry
 */
export function encodeAvro(record: MailRecord): Buffer {
  const plain = checked(record)
  // At once where it belongs: avsc alone would grow a buffer by doubling, and the header would take one more copy.
  let buffer = Buffer.allocUnsafe(expectedBytes(plain))
  let end = recordType.encode(plain, buffer, recordHeader.length)
  if (end < 0) {
    buffer = Buffer.allocUnsafe(buffer.length - end)
    end = recordType.encode(plain, buffer, recordHeader.length)
  }
  recordHeader.copy(buffer)
  return buffer.subarray(0, end)
}

/** More than nearly every record takes. A character takes 3 bytes at most, and mail is mostly ASCII. */
function expectedBytes({ raw, text, html, headers }: MailRecord): number {
  const bodies = (text?.length ?? 0) + (html?.length ?? 0)
  return raw.length + bodies + Math.ceil(bodies / 8) + 128 * headers.length + 4096
}

/** @throws SinkError MAILDRAIN_RECORD_UNREADABLE when the bytes are not a record of this schema */
export function decodeAvro(buffer: Buffer): MailRecord {
  const header = buffer.subarray(0, recordHeader.length)
  if (header.length < recordHeader.length || header[0] !== 0xc3 || header[1] !== 0x01)
    throw unreadable(
      'these bytes are not Avro single-object encoding (C3 01): read them with what wrote them',
    )
  if (!header.equals(recordHeader))
    throw unreadable(
      `the record was written with schema ${fingerprint(header)}, this is ${fingerprint(recordHeader)}: read it with the version of maildrain that wrote it`,
    )
  try {
    return plainRecord(recordType.fromBuffer(buffer.subarray(header.length)) as MailRecord)
  } catch (error) {
    throw unreadable('the Avro record is cut short or damaged: fetch it again', error)
  }
}

const fingerprint = (header: Buffer): string => header.readBigUInt64LE(2).toString(16)

/**
 * JSON in UTF-8 with the fields of the schema in its order, raw bytes as base64, times as ms since 1970 UTC.
 * @throws SinkError MAILDRAIN_SINK_RECORD_REJECTED when a transform has put in a value that the schema cannot carry
 */
export function encodeJson(record: MailRecord): Buffer {
  const plain = checked(record)
  return Buffer.from(JSON.stringify({ ...plain, raw: plain.raw.toString('base64') }), 'utf8')
}

/**
 * The same JSON without `raw`, for a destination that stores the bytes beside it.
 * @throws SinkError MAILDRAIN_SINK_RECORD_REJECTED when a transform has put in a value that the schema cannot carry
 */
export function encodeJsonWithoutRaw(record: MailRecord): string {
  return JSON.stringify({ ...checked(record), raw: undefined })
}

/** @throws SinkError MAILDRAIN_RECORD_UNREADABLE when the bytes are not a record as `encodeJson` writes it */
export function decodeJson(buffer: Buffer): MailRecord {
  try {
    const value = JSON.parse(buffer.toString('utf8')) as MailRecord & { readonly raw: unknown }
    if (typeof value.raw !== 'string') throw new TypeError('raw is not base64')
    return checked({ ...value, raw: Buffer.from(value.raw, 'base64') })
  } catch (error) {
    throw unreadable(`these bytes are not a record as JSON: ${describeError(error)}`, error)
  }
}

/** Why `withoutBodies` left the bodies out. */
const TOO_LARGE = 'too large'

/** The record without text and html, for a destination that cannot take it whole; raw bytes and all else stay. */
export function withoutBodies(record: MailRecord): MailRecord {
  const { parseStatus, parseReasons } = record
  return {
    ...record,
    text: null,
    html: null,
    parseStatus: parseStatus === 'ok' ? 'partial' : parseStatus,
    parseReasons: parseReasons.includes(TOO_LARGE) ? parseReasons : [...parseReasons, TOO_LARGE],
  }
}
