/**
 * From the greeting to TRANSACTION: CAPA, STLS where TLS is required by it, login, CAPA again. What was said before TLS or
 * before login is not believed after it (RFC 2449 section 5, RFC 2595 section 4).
 */
import { Pop3ProtocolError, Pop3ReplyError } from '../errors.ts'
import { NO_CAPABILITIES, parseCapabilities } from './capabilities.ts'
import { type Command, authPlain, bare, pass, user } from './commands.ts'
import type { Connection } from './connection.ts'
import { remedy } from './replies.ts'

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

/**
 * SASL PLAIN where the server offers it, else USER and PASS. A rejected password is not tried again by another mechanism:
 * servers lock accounts.
 */
export async function authenticate(
  connection: Connection,
  auth: { readonly user: string; readonly password: string },
): Promise<void> {
  const { sasl, known, user: offersUser } = connection.capabilities
  if (sasl.includes('PLAIN')) await loginPlain(connection, auth)
  else if (offersUser || !known) await loginUser(connection, auth)
  else throw noMechanism(connection)
  connection.loggedIn()
}

async function loginUser(
  connection: Connection,
  auth: { readonly user: string; readonly password: string },
): Promise<void> {
  const password = pass(auth.password)
  await connection.run({ command: user(auth.user), read: () => undefined })
  await connection.run({ command: password, read: () => undefined })
}

async function loginPlain(
  connection: Connection,
  auth: { readonly user: string; readonly password: string },
): Promise<void> {
  const { command, response, initial } = authPlain(auth.user, auth.password)
  const send = (line: Command) =>
    connection.run({ command: line, read: ({ kind }) => kind === 'continue' })
  let asked = await send(command)
  // Some servers ask for the response although they have it; some say +OK where RFC 5034 wants +, whose text does not matter.
  if (asked || !initial) asked = await send(response)
  if (!asked) return
  const error = new Pop3ProtocolError(
    'MAILDRAIN_POP3_PROTOCOL',
    `${connection.server} asked again after SASL PLAIN was answered; look at the server log`,
  )
  connection.fail(error)
  throw error
}

const stlsRefused = (server: string, what: string, cause?: unknown): Pop3ProtocolError =>
  new Pop3ProtocolError(
    'MAILDRAIN_POP3_STLS_REFUSED',
    `${what}, and TLS is required; nothing was sent in clear to ${server}; ${remedy('MAILDRAIN_POP3_STLS_REFUSED')}`,
    { cause },
  )

const noMechanism = ({ server, secure }: Connection): Pop3ProtocolError =>
  new Pop3ProtocolError(
    'MAILDRAIN_POP3_NO_MECHANISM',
    `${server} offers neither USER nor SASL PLAIN${secure ? '' : ' without TLS'}; ${remedy('MAILDRAIN_POP3_NO_MECHANISM')}`,
  )

const tooManyLines = (server: string, maxLines: number): Pop3ProtocolError =>
  new Pop3ProtocolError(
    'MAILDRAIN_POP3_LIMIT',
    `${server} sent more than ${maxLines} lines of capabilities; raise maxCapabilityLines if the server is trusted`,
  )
