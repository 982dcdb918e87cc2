/**
 * A connection that is ready for the login: token, server, greeting, CAPA, and STLS with CAPA again where it is asked for.
 */
import { MaildrainError } from '../errors.ts'
import { type Credentials, checkCredentials } from './commands.ts'
import { Connection, type ConnectionIo } from './connection.ts'
import { type ResolveSrv, discoverPop3 } from './discovery.ts'
import { askCapabilities, requireTls } from './handshake.ts'
import { type ResolvedPop3ClientOptions, bareHost } from './options.ts'
import { TokenSource, checkToken } from './tokens.ts'

export interface EstablishIo extends ConnectionIo {
  readonly resolveSrv: ResolveSrv | undefined
}

export interface Established {
  readonly connection: Connection
  /** The server answers CAPA. */
  readonly capa: boolean
}

/** Tries the servers of the host until one can be reached. */
export async function establish(
  options: ResolvedPop3ClientOptions,
  credentials: Credentials,
  io: EstablishIo,
): Promise<Established> {
  const [first = options, ...more] = await serversOf(options, io)
  let established = establishWith(first, credentials, io)
  for (const next of more)
    established = established.catch((error: unknown) => {
      if (!hasCode(error, 'MAILDRAIN_POP3_UNREACHABLE') || io.signal?.aborted === true) throw error
      return establishWith(next, credentials, io)
    })
  return established
}

/** The options for each server of the host. */
async function serversOf(
  options: ResolvedPop3ClientOptions,
  io: EstablishIo,
): Promise<ResolvedPop3ClientOptions[]> {
  const { discover, host, tls, servername = bareHost(host) } = options
  if (!discover) return [options]
  const found = await discoverPop3(host, tls === 'stls' ? 'stls' : 'implicit', io.resolveSrv)
  return found.map((server) => ({ ...options, ...server, servername }))
}

async function establishWith(
  options: ResolvedPop3ClientOptions,
  credentials: Credentials,
  io: ConnectionIo,
): Promise<Established> {
  const { tls, capa, maxCapabilityLines } = options
  const connection = await Connection.open(options, credentials, io)
  if (capa === 'off') return { connection, capa: false }
  try {
    await askCapabilities(connection, maxCapabilityLines)
    if (tls === 'stls') {
      await requireTls(connection)
      await askCapabilities(connection, maxCapabilityLines)
    }
    return { connection, capa: true }
  } catch (error) {
    connection.close()
    // Some old servers hang on CAPA; where TLS does not depend on it they are asked without.
    if (tls === 'stls' || !hasCode(error, 'MAILDRAIN_POP3_TIMEOUT')) throw error
    return { connection: await Connection.open(options, credentials, io), capa: false }
  }
}

/**
 * What the account is proven with.
 * @param rejected a token that the server has just refused: another is got by force
 * @throws ConfigError when it holds what cannot be sent; what the function that gives tokens throws
 */
export async function credentialsOf(
  { auth, tokenTimeoutMs: timeoutMs }: ResolvedPop3ClientOptions,
  { clock, signal }: ConnectionIo,
  rejected?: string,
): Promise<Credentials> {
  const { user, password, token } = auth
  if (token === undefined) {
    const credentials: Credentials = { kind: 'password', user, secret: password ?? '' }
    checkCredentials(credentials)
    return credentials
  }
  let secret = token
  if (typeof secret === 'function') {
    const source = TokenSource.of(secret)
    const request = { clock, signal, timeoutMs }
    secret =
      rejected === undefined ? await source.get(request) : await source.renew(rejected, request)
  }
  checkToken(secret)
  const credentials: Credentials = { kind: 'token', user, secret }
  checkCredentials(credentials)
  return credentials
}

const hasCode = (error: unknown, code: MaildrainError['code']): boolean =>
  error instanceof MaildrainError && error.code === code
