/**
 * Every error that maildrain raises on purpose: eight classes named by who has to act, and one table of
 * stable codes. The table decides the exit code and whether trying again can help; match on `code`, not on text.
 */

/** Exit codes of the command line; documented in docs/reference/errors.md. */
export const EXIT = {
  drained: 0,
  bug: 1,
  usage: 2,
  mailboxRefused: 3,
  mailboxUnreachable: 4,
  sinkFailed: 5,
  messagesKept: 6,
  otherDrainer: 7,
  ledgerUnusable: 8,
} as const

interface CodeRow {
  readonly exit: number
  /** Can the same attempt succeed later without anybody changing anything? */
  readonly retryable: boolean
  /** What happened, in one line for the reference page. */
  readonly meaning: string
  /** What the reader of the error does now. */
  readonly remedy: string
}

const row = (exit: number, retryable: boolean, meaning: string, remedy: string): CodeRow => ({
  exit,
  retryable,
  meaning,
  remedy,
})

/** Stable error codes. Adding one is a feature, changing one is a breaking change. */
export const ERROR_CODES = {
  MAILDRAIN_INTERNAL: row(
    EXIT.bug,
    false,
    'A state that maildrain holds impossible',
    'Report it; nothing was deleted on its account',
  ),
  MAILDRAIN_CONFIG_INVALID: row(
    EXIT.usage,
    false,
    'An option has a wrong value or name',
    'Correct the option named in the message',
  ),
  MAILDRAIN_CONFIG_URL: row(
    EXIT.usage,
    false,
    'A source or destination address cannot be read',
    'Write it in one of the forms that the message shows',
  ),
  MAILDRAIN_CONFIG_PASSWORD_IN_URL: row(
    EXIT.usage,
    false,
    'A password was given in an address',
    'Give it by --password-file or MAILDRAIN_PASSWORD',
  ),
  MAILDRAIN_CONFIG_PASSWORD: row(
    EXIT.usage,
    false,
    'No usable password was given',
    'Give it by --password-file, MAILDRAIN_PASSWORD, or at the prompt',
  ),
  MAILDRAIN_CONFIG_TRANSFORM: row(
    EXIT.usage,
    false,
    'A transform cannot be part of a drain',
    'Pass plain functions or the stages that maildrain exports',
  ),
  MAILDRAIN_CONFIG_TOPIC_COMPACTED: row(
    EXIT.usage,
    false,
    'The data topic is compacted in a way that would lose mail',
    'Use a topic with cleanup.policy=delete',
  ),
  MAILDRAIN_CONFIG_DURABILITY: row(
    EXIT.usage,
    false,
    'The destination is not durable enough for deletion',
    'Drain without deletion or choose a durable destination',
  ),
  MAILDRAIN_CONFIG_KEEP_NEEDS_UIDL: row(
    EXIT.usage,
    false,
    'The server has no unique-ids, so kept mail cannot be told from new mail',
    'Drain with deletion',
  ),
  MAILDRAIN_POP3_UNREACHABLE: row(
    EXIT.mailboxUnreachable,
    true,
    'No connection to the POP3 server',
    'Check host, port and network',
  ),
  MAILDRAIN_POP3_DISCONNECTED: row(
    EXIT.mailboxUnreachable,
    true,
    'The connection to the POP3 server was lost',
    'maildrain reconnects by itself; if it persists, look at the server log',
  ),
  MAILDRAIN_POP3_TIMEOUT: row(
    EXIT.mailboxUnreachable,
    true,
    'The POP3 server did not answer in time',
    'maildrain reconnects by itself; if it persists, look at the server',
  ),
  MAILDRAIN_POP3_TLS: row(
    EXIT.mailboxRefused,
    false,
    'The certificate of the POP3 server is not acceptable',
    'Use the name in the certificate, or give its authority by --ca-file',
  ),
  MAILDRAIN_POP3_TLS_HANDSHAKE: row(
    EXIT.mailboxUnreachable,
    true,
    'The TLS handshake with the POP3 server failed',
    'Check that the port speaks TLS 1.2 or newer',
  ),
  MAILDRAIN_POP3_CLEARTEXT: row(
    EXIT.mailboxRefused,
    false,
    'The password would have crossed the network in clear',
    'Use pop3s://, --starttls, or, knowing the risk, --insecure',
  ),
  MAILDRAIN_POP3_STLS_REFUSED: row(
    EXIT.mailboxRefused,
    false,
    'TLS was required and the server does not start it',
    'Use pop3s://, or ask the server administrator for STLS',
  ),
  MAILDRAIN_POP3_AUTH_REJECTED: row(
    EXIT.mailboxRefused,
    false,
    'The server rejected user or password',
    'Correct the credentials; maildrain does not try a rejected password again',
  ),
  MAILDRAIN_POP3_NO_MECHANISM: row(
    EXIT.mailboxRefused,
    false,
    'The server offers no way to log in that maildrain may use',
    'Enable USER or SASL PLAIN over TLS on the server',
  ),
  MAILDRAIN_POP3_MAILDROP_BUSY: row(
    EXIT.mailboxUnreachable,
    true,
    'Another session holds the mailbox',
    'Wait, or end the other session',
  ),
  MAILDRAIN_POP3_LOGIN_DELAY: row(
    EXIT.mailboxUnreachable,
    true,
    'The server wants more time between logins',
    'Wait; maildrain does so by itself',
  ),
  MAILDRAIN_POP3_SERVER_TEMPORARY: row(
    EXIT.mailboxUnreachable,
    true,
    'The server reports a temporary failure',
    'Wait; if it persists, look at the server log',
  ),
  MAILDRAIN_POP3_SERVER_PERMANENT: row(
    EXIT.mailboxRefused,
    false,
    'The server reports a permanent failure',
    'Ask the server administrator',
  ),
  MAILDRAIN_POP3_REFUSED: row(
    EXIT.mailboxUnreachable,
    true,
    'The server answered -ERR to a command',
    'Look at the reply in the message and at the server log',
  ),
  MAILDRAIN_POP3_PROTOCOL: row(
    EXIT.mailboxUnreachable,
    true,
    'The server broke the POP3 protocol',
    'Check that host and port are those of a POP3 server',
  ),
  MAILDRAIN_POP3_DESYNC: row(
    EXIT.mailboxUnreachable,
    true,
    'Replies did not match the commands',
    'maildrain reconnects and stops pipelining by itself',
  ),
  MAILDRAIN_POP3_LIMIT: row(
    EXIT.mailboxUnreachable,
    true,
    'The server sent more than a limit allows',
    'Raise the named limit if the server is trusted',
  ),
  MAILDRAIN_POP3_STATE: row(
    EXIT.bug,
    false,
    'A command was issued in a session state that forbids it',
    'Report it, or correct the calling code',
  ),
  MAILDRAIN_POP3_ARGUMENT: row(
    EXIT.usage,
    false,
    'A command argument holds characters that POP3 cannot carry',
    'Remove line breaks and NUL from user and password',
  ),
  MAILDRAIN_SINK_UNREACHABLE: row(
    EXIT.sinkFailed,
    true,
    'The destination does not answer',
    'Start it or correct its address; the mail stays on the server',
  ),
  MAILDRAIN_SINK_REFUSED: row(
    EXIT.sinkFailed,
    false,
    'The destination refused',
    'Give the permission or correct the setting that the message names',
  ),
  MAILDRAIN_SINK_UNKNOWN_OUTCOME: row(
    EXIT.sinkFailed,
    true,
    'Whether the last batch was committed is not known yet',
    'Run again: the next run reads the ledger first',
  ),
  MAILDRAIN_SINK_FULL: row(
    EXIT.sinkFailed,
    true,
    'The destination has no space left',
    'Make space and run again',
  ),
  MAILDRAIN_SINK_IO_FAILED: row(
    EXIT.sinkFailed,
    false,
    'Reading, writing or syncing the disk under the destination failed; the file was closed',
    'Look at the disk and the kernel log, then run again: the next run reads the ledger first',
  ),
  MAILDRAIN_SINK_FENCED: row(
    EXIT.otherDrainer,
    false,
    'Another drainer has taken this mailbox and destination over',
    'Let the other one finish',
  ),
  MAILDRAIN_DRAINER_BUSY: row(
    EXIT.otherDrainer,
    false,
    'Another drainer on this host holds this mailbox and destination',
    'Let the other one finish',
  ),
  MAILDRAIN_SINK_NETWORK_FILE_SYSTEM: row(
    EXIT.sinkFailed,
    false,
    'Locks do not hold on this file system',
    'Put the file on a local disk',
  ),
  MAILDRAIN_SINK_RECORD_REJECTED: row(
    EXIT.messagesKept,
    false,
    'The destination rejected a record',
    'Look at the reason; the message stays on the server',
  ),
  MAILDRAIN_SINK_RECORD_TOO_LARGE: row(
    EXIT.messagesKept,
    false,
    'A record is larger than the destination takes',
    'Raise the limit of the destination; the message stays on the server',
  ),
  MAILDRAIN_TRANSFORM_DEADLINE: row(
    EXIT.messagesKept,
    true,
    'A transform has not finished with a message in time',
    'Look at what the transform waits for; the message stays on the server',
  ),
  MAILDRAIN_RECORD_UNREADABLE: row(
    EXIT.sinkFailed,
    false,
    'Bytes that should be a record of this schema are not',
    'Read them with the version of maildrain that wrote them',
  ),
  MAILDRAIN_LEDGER_DAMAGED: row(
    EXIT.ledgerUnusable,
    false,
    'The ledger cannot be read',
    'Restore the destination from a backup',
  ),
  MAILDRAIN_LEDGER_FOREIGN: row(
    EXIT.ledgerUnusable,
    false,
    'The ledger belongs to something else',
    'Name the right destination, or a new one',
  ),
  MAILDRAIN_LEDGER_LOST: row(
    EXIT.ledgerUnusable,
    false,
    'The ledger names records that the destination does not hold',
    'Restore the destination, or run with a new one',
  ),
  MAILDRAIN_LEDGER_NOT_COMPACTED: row(
    EXIT.ledgerUnusable,
    false,
    'The ledger topic would forget entries',
    'Set cleanup.policy=compact on it, and nothing else',
  ),
  MAILDRAIN_STOPPED: row(
    143,
    false,
    'A signal stopped the drain',
    'Run again; it goes on where it stopped',
  ),
} as const satisfies Record<string, CodeRow>

export type ErrorCode = keyof typeof ERROR_CODES

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

/** The POP3 server said -ERR. */
export class Pop3ReplyError extends MaildrainError {
  /** Verb that was refused; never its arguments. */
  readonly command: string
  /** Text after -ERR, made safe to show. */
  readonly replyText: string
  /** Extended response code in upper case without brackets (RFC 2449 section 8), or null. */
  readonly responseCode: string | null

  constructor(
    code: ErrorCode,
    message: string,
    reply: {
      readonly command: string
      readonly replyText: string
      readonly responseCode: string | null
    },
    options: ErrorOptions = {},
  ) {
    super(code, message, options)
    this.command = reply.command
    this.replyText = reply.replyText
    this.responseCode = reply.responseCode
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
