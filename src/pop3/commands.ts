/**
 * Commands as bytes. Everything that goes to the server is made here, so that no argument can hold a line break and become
 * a second command, and none is longer than RFC 2449 section 4 allows.
 */
import { ConfigError, Pop3StateError } from '../errors.ts'

/** Octets of a command with its CRLF (RFC 2449 section 4). */
const MAX_COMMAND_BYTES = 255

export type Verb =
  | 'CAPA'
  | 'STLS'
  | 'USER'
  | 'PASS'
  | 'AUTH'
  | 'STAT'
  | 'LIST'
  | 'UIDL'
  | 'RETR'
  | 'TOP'
  | 'DELE'
  | 'NOOP'
  | 'QUIT'

export interface Command {
  readonly verb: Verb
  /** The whole line with CRLF, to be sent as UTF-8. */
  readonly line: string
}

/** A verb without arguments. */
export function bare(verb: Verb): Command {
  return { verb, line: `${verb}\r\n` }
}

/**
 * A verb with a message-number, and TOP's count of lines.
 * @throws Pop3StateError for what is no message-number
 */
export function numbered(verb: Verb, n: number, lines?: number): Command {
  if (!Number.isSafeInteger(n) || n < 1) throw invalidNumber(verb, 'message-number', n)
  if (lines === undefined) return { verb, line: `${verb} ${n}\r\n` }
  if (!Number.isSafeInteger(lines) || lines < 0) throw invalidNumber(verb, 'count of lines', lines)
  return { verb, line: `${verb} ${n} ${lines}\r\n` }
}

/** @throws ConfigError when USER cannot carry the name */
export function user(name: string): Command {
  if (name.includes(' ')) throw invalidCredential('the user', 'a space, which USER cannot carry')
  return credential('USER', 'the user', name)
}

/** @throws ConfigError when PASS cannot carry the password */
export function pass(password: string): Command {
  return credential('PASS', 'the password', password)
}

/** SASL PLAIN (RFC 4616): with the initial response where it fits, else two steps (RFC 5034 section 4). */
export interface PlainExchange {
  readonly command: Command
  /** The line that answers the server's `+`. */
  readonly response: Command
  /** The command carries the response already. */
  readonly initial: boolean
}

/** @throws ConfigError when user or password holds what PLAIN cannot carry */
export function authPlain(name: string, password: string): PlainExchange {
  checkCredentials(name, password)
  const payload = plainPayload(name, password)
  const response: Command = { verb: 'AUTH', line: `${payload}\r\n` }
  const whole: Command = { verb: 'AUTH', line: `AUTH PLAIN ${payload}\r\n` }
  if (whole.line.length <= MAX_COMMAND_BYTES) return { command: whole, response, initial: true }
  return { command: { verb: 'AUTH', line: 'AUTH PLAIN\r\n' }, response, initial: false }
}

/** What PLAIN sends for the account: as secret as the password in it. */
export function plainPayload(name: string, password: string): string {
  return Buffer.from(`\0${name}\0${password}`, 'utf8').toString('base64')
}

/** @throws ConfigError for a line break or NUL, which no mechanism can carry */
export function checkCredentials(name: string, password: string): void {
  refuseBreaks('the user', name)
  refuseBreaks('the password', password)
}

function refuseBreaks(what: string, value: string): void {
  if (/[\r\n\0]/.test(value)) throw invalidCredential(what, 'a line break or NUL')
}

function credential(verb: Verb, what: string, value: string): Command {
  refuseBreaks(what, value)
  const line = `${verb} ${value}\r\n`
  if (Buffer.byteLength(line, 'utf8') > MAX_COMMAND_BYTES)
    throw invalidCredential(what, `more than ${verb} can carry in ${MAX_COMMAND_BYTES} octets`)
  return { verb, line }
}

const invalidCredential = (what: string, why: string): ConfigError =>
  new ConfigError('MAILDRAIN_POP3_ARGUMENT', `${what} holds ${why}: correct it`)

const invalidNumber = (verb: Verb, what: string, value: number): Pop3StateError =>
  new Pop3StateError(
    'MAILDRAIN_POP3_STATE',
    `${verb} was called with the ${what} ${value}: correct the calling code`,
  )
