/**
 * What a mail parser library has to give. maildrain takes headers, dates and places in the raw bytes from its own code,
 * so the library can be exchanged behind this interface.
 */
import type { MailAddress } from '../../message.ts'

export interface ParserAttachment {
  readonly name: string | null
  readonly type: string
  readonly disposition: string | null
  /** Octets after transfer decoding. */
  readonly size: number
  /** SHA-256 of the decoded content, lower-case hex. */
  readonly sha256: string
}

export interface ParserResult {
  readonly subject: string | null
  readonly text: string | null
  readonly html: string | null
  readonly attachments: readonly ParserAttachment[]
}

export interface Parser {
  /** May reject, may hang, may answer with nothing: the caller trusts none of it. */
  parse(raw: Buffer): Promise<ParserResult>
  /** Addresses of one header value, the members of groups singly. */
  addresses(value: string): MailAddress[]
}
