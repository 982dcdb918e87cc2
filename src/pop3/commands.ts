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
  | 'APOP'
  | 'AUTH'
  | 'UTF8'
  | 'STAT'
  | 'LIST'
  | 'UIDL'
  | 'RETR'
  | 'TOP'
  | 'DELE'
  | 'NOOP'
  | 'QUIT'

/** What proves to the server who logs in. */
export interface Credentials {
  readonly kind: 'password' | 'token'
  readonly user: string
  readonly secret: string
}

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

/**
 * APOP (RFC 1939 section 7).
 * @param digest lower-case hexadecimal
 * @throws ConfigError when APOP cannot carry the name
 */
export function apop(name: string, digest: string): Command {
  if (name.includes(' ')) throw invalidCredential('the user', 'a space, which APOP cannot carry')
  return credential('APOP', 'the user', `${name} ${digest}`)
}

/**
 * AUTH, with the first response where it is given; `=` stands for an empty one (RFC 5034 section 4).
 * @returns undefined when both do not fit into one line: then it takes two
 */
export function sasl(mechanism: string): Command
export function sasl(mechanism: string, first: string): Command | undefined
export function sasl(mechanism: string, first?: string): Command | undefined {
  const whole = first === undefined ? mechanism : `${mechanism} ${first === '' ? '=' : first}`
  const line = `AUTH ${whole}\r\n`
  return line.length <= MAX_COMMAND_BYTES ? { verb: 'AUTH', line } : undefined
}

/** A line that answers a challenge. @param response base64 */
export function saslResponse(response: string): Command {
  return { verb: 'AUTH', line: `${response}\r\n` }
}

/** @throws ConfigError for a line break or NUL, which no mechanism can carry */
export function checkCredentials({ user: name, kind, secret }: Credentials): void {
  refuseBreaks('the user', name)
  refuseBreaks(kind === 'password' ? 'the password' : 'the token', secret)
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
