/**
 * From the greeting to TRANSACTION: CAPA, STLS where TLS is required by it, UTF8, login, CAPA again. What was said before
 * TLS or before login is not believed after it (RFC 2449 section 5, RFC 2595 section 4).
 */
import { ConfigError, Pop3ProtocolError, Pop3ReplyError } from '../errors.ts'
import { bearer } from './bearer.ts'
import { NO_CAPABILITIES, parseCapabilities } from './capabilities.ts'
import { type Credentials, apop, bare, pass, user } from './commands.ts'
import type { Connection } from './connection.ts'
import { apopDigest, apopTimestamp, cramMd5, login, plain } from './mechanisms.ts'
import type { Mechanism, ResolvedPop3ClientOptions } from './options.ts'
import { remedy } from './replies.ts'
import { type SaslExchange, runSasl } from './sasl.ts'
import { scram } from './scram.ts'

/** Asks for the capabilities; a refusal means none, and voids earlier ones (o2.pl lists PIPELINING and then breaks on it). */
export async function askCapabilities(connection: Connection, maxLines: number): Promise<void> {
  const lines: string[] = []
  const take = (line: string) => {
    if (lines.length >= maxLines) throw tooManyLines(connection.server, maxLines)
    lines.push(line)
  }
  try {
    await connection.run({
      ...{ command: bare('CAPA'), expects: 'lines', onLine: take },
      read: () => undefined,
    })
    connection.capabilities = parseCapabilities(lines)
  } catch (error) {
    if (!(error instanceof Pop3ReplyError)) throw error
    connection.capabilities = NO_CAPABILITIES
  }
}

/** Begins TLS, or fails: never goes on in clear (CVE-2021-22946, CVE-2021-39272). */
export async function requireTls(connection: Connection): Promise<void> {
  const { server } = connection
  if (!connection.capabilities.stls) throw stlsRefused(server, `${server} does not offer STLS`)
  try {
    await connection.run({ command: bare('STLS'), read: () => undefined })
  } catch (error) {
    if (!(error instanceof Pop3ReplyError)) throw error
    throw stlsRefused(server, `${server} refused STLS: "${error.replyText}"`, error)
  }
  await connection.startTls()
}

/** Turns UTF-8 mode on where it is offered (RFC 6856 section 2). @returns whether it is on */
export async function enableUtf8(connection: Connection): Promise<boolean> {
  if (!connection.capabilities.utf8) return false
  try {
    await connection.run({ command: bare('UTF8'), read: () => undefined })
    return true
  } catch (error) {
    if (!(error instanceof Pop3ReplyError)) throw error
    return false
  }
}

export interface LoginOptions {
  readonly credentials: Credentials
  readonly options: ResolvedPop3ClientOptions
  /** Host of the server as the user typed it. */
  readonly host: string
  readonly nonce?: (() => string) | undefined
}

/**
 * Logs in by one mechanism. What it rejects is not tried again by another: servers lock accounts, and who can break one
 * mechanism must not get the password by the next.
 */
export async function authenticate(connection: Connection, login: LoginOptions): Promise<void> {
  connection.throwIfEnded()
  const mechanism = choose(connection, login)
  if (mechanism === 'USER') await loginUser(connection, login)
  else if (mechanism === 'APOP') await loginApop(connection, login.credentials)
  else {
    const { sasl } = connection.capabilities
    await runSasl(connection, exchangeOf(mechanism, connection, login), sasl.length > 0)
  }
  connection.loggedIn()
}

const BY_TOKEN = ['OAUTHBEARER', 'XOAUTH2'] as const
const BY_PASSWORD = ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN', 'LOGIN'] as const

/** @throws Pop3ProtocolError MAILDRAIN_POP3_NO_MECHANISM, ConfigError when mechanism and credentials do not fit */
function choose(connection: Connection, { credentials, options }: LoginOptions): Mechanism {
  const { sasl, known, user: offersUser } = connection.capabilities
  const { mechanism: wanted } = options.auth
  if (wanted !== undefined) {
    // What a server does not say about itself is no reason to refuse what the user asks for.
    const offered = wanted === 'USER' || wanted === 'APOP' || sasl.includes(wanted) || !known
    if (offered) return wanted
    throw noMechanism(connection, `does not offer ${wanted}`)
  }
  const able: readonly Mechanism[] = credentials.kind === 'token' ? BY_TOKEN : BY_PASSWORD
  const best = able.find((name) => sasl.includes(name))
  if (best !== undefined) return best
  if (credentials.kind === 'password' && (offersUser || !known)) return 'USER'
  throw noMechanism(
    connection,
    `offers none of ${[...able, ...(credentials.kind === 'password' ? ['USER'] : [])].join(', ')}`,
  )
}

type SaslMechanism = Exclude<Mechanism, 'USER' | 'APOP'>

function exchangeOf(
  mechanism: SaslMechanism,
  { server, port, clean }: Connection,
  { credentials, options, host, nonce }: LoginOptions,
): SaslExchange {
  switch (mechanism) {
    case 'OAUTHBEARER':
    case 'XOAUTH2':
      return bearer(mechanism, { server, host, port, credentials, clean })
    case 'SCRAM-SHA-256':
    case 'SCRAM-SHA-1': {
      const digest = mechanism === 'SCRAM-SHA-1' ? 'sha1' : 'sha256'
      const { maxScramIterations: maxIterations } = options
      return scram({ server, digest, credentials, maxIterations, nonce })
    }
    case 'PLAIN':
      return plain(server, credentials)
    case 'LOGIN':
      return login(server, credentials)
    case 'CRAM-MD5':
      return cramMd5(server, credentials)
  }
}

async function loginUser(
  connection: Connection,
  { credentials, options }: LoginOptions,
): Promise<void> {
  const { user: name, secret } = credentials
  // RFC 6856 section 2.2: nobody knows in which charset another server compares them. Who asks for USER by name knows.
  const carries = connection.capabilities.utf8User || options.auth.mechanism === 'USER'
  if (!carries && /[^\x20-\x7e]/.test(name + secret)) throw notInAscii(connection.server)
  const password = pass(secret)
  await connection.run({ command: user(name), read: () => undefined })
  await connection.run({ command: password, read: () => undefined })
}

async function loginApop(connection: Connection, { user, secret }: Credentials): Promise<void> {
  const timestamp = apopTimestamp(connection.greeting)
  if (timestamp === undefined)
    throw noMechanism(
      connection,
      'offers no APOP: its greeting has no valid timestamp, or came before TLS',
    )
  const digest = apopDigest(timestamp, secret)
  connection.hide(digest)
  await connection.run({ command: apop(user, digest), read: () => undefined })
}

const stlsRefused = (server: string, what: string, cause?: unknown): Pop3ProtocolError =>
  new Pop3ProtocolError(
    'MAILDRAIN_POP3_STLS_REFUSED',
    `${what}, and TLS is required; nothing was sent in clear to ${server}; ${remedy('MAILDRAIN_POP3_STLS_REFUSED')}`,
    { cause },
  )

function noMechanism(
  { server, secure, capabilities, clean }: Connection,
  what: string,
): Pop3ProtocolError {
  const { sasl, user: offersUser } = capabilities
  const offered = clean([...sasl, ...(offersUser ? ['USER'] : [])].join(', ')) || 'none'
  return new Pop3ProtocolError(
    'MAILDRAIN_POP3_NO_MECHANISM',
    `${server} ${what} (it offers ${offered}${secure ? '' : ' without TLS'}); nothing was sent; ${remedy('MAILDRAIN_POP3_NO_MECHANISM')}`,
  )
}

const notInAscii = (server: string): ConfigError =>
  new ConfigError(
    'MAILDRAIN_POP3_ARGUMENT',
    `user or password hold letters beyond ASCII, and ${server} offers no mechanism that carries them; choose the mechanism USER to send them as UTF-8 all the same`,
  )

const tooManyLines = (server: string, maxLines: number): Pop3ProtocolError =>
  new Pop3ProtocolError(
    'MAILDRAIN_POP3_LIMIT',
    `${server} sent more than ${maxLines} lines of capabilities; raise maxCapabilityLines if the server is trusted`,
  )
