/**
 * Every error that maildrain raises on purpose: eight classes named by who has to act, and one table of
 * stable codes. The table decides the exit code and whether trying again can help; match on `code`, not on text.
 */
import { ERROR_CODES, type ErrorCode } from './error-codes.ts'

export { ERROR_CODES, type ErrorCode } from './error-codes.ts'
export { EXIT } from './error-row.ts'

export interface ErrorOptions {
  readonly cause?: unknown
}

/** Base of all errors raised on purpose. The message says what happened, to what, and what to do now. */
export class MaildrainError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
  }

  /** Can the same attempt succeed later without anybody changing anything? */
  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable
  }

  get exitCode(): number {
    return ERROR_CODES[this.code].exit
  }
}

/** The user corrects options, addresses or transforms. */
export class ConfigError extends MaildrainError {}

/** Socket, TLS or time: the way to the POP3 server. */
export class ConnectionError extends MaildrainError {}

/** Fields of the error challenge of OAUTHBEARER and XOAUTH2; null where absent. */
export interface OAuthRefusal {
  /** For instance `invalid_token`, or `401` from Gmail. */
  readonly status: string | null
  /** What a token must be good for. */
  readonly scope: string | null
}

/** The POP3 server said -ERR. */
export class Pop3ReplyError extends MaildrainError {
  /** Verb that was refused; never its arguments. */
  readonly command: string
  /** Text after -ERR, made safe to show. */
  readonly replyText: string
  /** Extended response code in upper case without brackets (RFC 2449 section 8), or null. */
  readonly responseCode: string | null
  /** What an OAuth server said before it refused the token (RFC 7628 section 3.2.2), made safe to show, or null. */
  readonly oauth: OAuthRefusal | null

  constructor(
    code: ErrorCode,
    message: string,
    reply: {
      readonly command: string
      readonly replyText: string
      readonly responseCode: string | null
      readonly oauth?: OAuthRefusal | null
    },
    options: ErrorOptions = {},
  ) {
    super(code, message, options)
    this.command = reply.command
    this.replyText = reply.replyText
    this.responseCode = reply.responseCode
    this.oauth = reply.oauth ?? null
  }
}

/** The POP3 server broke the protocol, or a limit that guards us from it. */
export class Pop3ProtocolError extends MaildrainError {}

/** The calling code broke the protocol: our bug. */
export class Pop3StateError extends MaildrainError {}

/** A whole batch failed; the sink claims none of it. */
export class SinkError extends MaildrainError {}

/** Exactly the listed messages of a batch are not durable; all others are. */
export class BatchError extends MaildrainError {
  /** Index in `batch.messages` to the reason. */
  readonly failures: ReadonlyMap<number, MaildrainError>

  constructor(failures: ReadonlyMap<number, MaildrainError>, options: ErrorOptions = {}) {
    super(
      'MAILDRAIN_SINK_RECORD_REJECTED',
      `the destination rejected ${failures.size} of a batch's messages`,
      options,
    )
    this.failures = failures
  }
}

/** The ledger is damaged, lost or not ours. */
export class LedgerError extends MaildrainError {}

/** One line for whatever was thrown. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
