/**
 * The values that flow: a raw message as it came off the wire, and the record that parsing makes of it.
 */

/** A message whose every byte was read: dots unstuffed, CRLF kept, terminator seen (RFC 1939 section 3). */
export interface RawMessage {
  /** Mailbox id: `user@host`, or what the user named it. */
  readonly mailbox: string
  /** Unique-id (RFC 1939 section 7), one character a byte (latin1); null where the server has none. */
  readonly uidl: string | null
  /** Octets that LIST announced. */
  readonly listedOctets: number
  /** Octets that came. */
  readonly octets: number
  /** SHA-256 of `raw`, lower-case hex. */
  readonly sha256: string
  /** SHA-256 of the header block with the empty line that ends it, lower-case hex. */
  readonly headerSha256: string
  /** K: the message's key at every destination (src/identity.ts). */
  readonly key: string
  readonly raw: Buffer
  /** Wall clock when the last byte came, ms since 1970 UTC. Metadata: never part of a key or a parsed field. */
  readonly fetchedAt: number
}

export interface HeaderField {
  /** As written, without the colon. */
  readonly name: string
  /** Unfolded, encoded words as written; bytes outside ASCII read as UTF-8 where valid, else latin1. */
  readonly value: string
}

export interface MailAddress {
  /** Display name, decoded; empty if none. */
  readonly name: string
  /** addr-spec as written; empty for a group. */
  readonly address: string
}

export interface AttachmentInfo {
  /** File name, decoded, as the sender wrote it: data, never a path. */
  readonly name: string | null
  /** Media type, lower case. */
  readonly type: string
  readonly disposition: string | null
  /** Octets after transfer decoding. */
  readonly size: number
  /** SHA-256 of the decoded content, lower-case hex. */
  readonly sha256: string
  /** Where the still encoded content begins in the raw bytes; null when it could not be located. */
  readonly rawOffset: number | null
  /** How many raw bytes it takes; null when it could not be located. */
  readonly rawLength: number | null
}

export type ParseStatus = 'ok' | 'partial' | 'failed'

/** What a sink writes for a message. A function of the raw bytes alone but for `fetchedAt`. */
export interface MailRecord {
  readonly key: string
  readonly mailbox: string
  readonly uidl: string | null
  readonly octets: number
  readonly sha256: string
  readonly fetchedAt: number
  readonly headers: readonly HeaderField[]
  readonly subject: string | null
  /** The Date header, ms since 1970 UTC; null when absent or unparseable. */
  readonly sentAt: number | null
  /** Message-ID as written, with angle brackets. */
  readonly messageId: string | null
  readonly from: readonly MailAddress[]
  readonly sender: readonly MailAddress[]
  readonly replyTo: readonly MailAddress[]
  readonly to: readonly MailAddress[]
  readonly cc: readonly MailAddress[]
  readonly bcc: readonly MailAddress[]
  readonly text: string | null
  readonly html: string | null
  readonly attachments: readonly AttachmentInfo[]
  readonly parseStatus: ParseStatus
  /** Why the status is not `ok`; empty when it is. */
  readonly parseReasons: readonly string[]
  readonly raw: Buffer
}

/** The record of a message that was not parsed: raw bytes and identity only. */
export function unparsedRecord(message: RawMessage, reason: string): MailRecord {
  const { key, mailbox, uidl, octets, sha256, fetchedAt, raw } = message
  return {
    ...{ key, mailbox, uidl, octets, sha256, fetchedAt, headers: [] },
    ...{ subject: null, sentAt: null, messageId: null },
    ...{ from: [], sender: [], replyTo: [], to: [], cc: [], bcc: [] },
    ...{ text: null, html: null, attachments: [] },
    ...{ parseStatus: 'failed', parseReasons: [reason], raw },
  }
}
