/**
 * Access tokens from a function: asked once however many sessions wait, kept while they last, renewed by force once after a
 * server has rejected one. All clients with the same function share this.
 */
import { ConfigError, MaildrainError, ConnectionError, describeError } from '../errors.ts'
import { cleanText } from './replies.ts'
import type { Pop3Clock } from './transport.ts'

export interface AccessToken {
  readonly token: string
  /** Absent: the function is asked again for each login. */
  readonly expiresAt?: Date | undefined
}

/**
 * Gives an access token of the account. It may keep one; with `forceRefresh` it must get a new one, because the server has
 * rejected the last. The signal aborts when nobody waits for the answer any more.
 */
export type TokenProvider = (request: {
  readonly forceRefresh: boolean
  readonly signal: AbortSignal
}) => Promise<AccessToken>

export interface TokenRequest {
  readonly clock: Pop3Clock
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs: number
}

/** A token that ends sooner is renewed before it is used: opening a mailbox takes its time. */
const LEAST_LIFE_MS = 5 * 60_000

interface Flight {
  readonly answer: Promise<AccessToken>
  readonly abort: AbortController
  waiting: number
}

const sources = new WeakMap<TokenProvider, TokenSource>()

export class TokenSource {
  readonly #provider: TokenProvider
  #latest: AccessToken | undefined
  readonly #flights = new Map<boolean, Flight>()

  /** The one of the function. */
  static of(provider: TokenProvider): TokenSource {
    const known = sources.get(provider)
    if (known !== undefined) return known
    const source = new TokenSource(provider)
    sources.set(provider, source)
    return source
  }

  private constructor(provider: TokenProvider) {
    this.#provider = provider
  }

  /**
   * A token that lasts for another five minutes, as far as the function can give one.
   * @throws MaildrainError MAILDRAIN_POP3_TOKEN_UNAVAILABLE, MAILDRAIN_CONFIG_TOKEN
   */
  async get(request: TokenRequest): Promise<string> {
    const { clock } = request
    if (this.#latest?.expiresAt !== undefined && lasts(this.#latest, clock))
      return this.#latest.token
    const given = await this.#ask(false, request)
    return lasts(given, clock) ? given.token : (await this.#ask(true, request)).token
  }

  /** A token other than the rejected one: another session may have got it already. @throws as `get` */
  async renew(rejected: string, request: TokenRequest): Promise<string> {
    const latest = this.#latest
    if (latest !== undefined && latest.token !== rejected) return latest.token
    return (await this.#ask(true, request)).token
  }

  #ask(forceRefresh: boolean, request: TokenRequest): Promise<AccessToken> {
    const flight =
      this.#flights.get(true) ?? this.#flights.get(forceRefresh) ?? this.#takeOff(forceRefresh)
    flight.waiting += 1
    return within(flight.answer, request, () => {
      flight.waiting -= 1
      if (flight.waiting === 0) this.#giveUp(flight)
    })
  }

  #takeOff(forceRefresh: boolean): Flight {
    const abort = new AbortController()
    const answer = callProvider(this.#provider, { forceRefresh, signal: abort.signal })
      .then((given) => (this.#latest = given))
      .finally(() => this.#land(flight))
    const flight: Flight = { answer, abort, waiting: 0 }
    answer.catch(() => undefined)
    this.#flights.set(forceRefresh, flight)
    return flight
  }

  #giveUp(flight: Flight): void {
    this.#land(flight)
    flight.abort.abort()
  }

  #land(flight: Flight): void {
    for (const [key, value] of this.#flights) if (value === flight) this.#flights.delete(key)
  }
}

const lasts = ({ expiresAt }: AccessToken, clock: Pop3Clock): boolean =>
  expiresAt === undefined || expiresAt.getTime() - clock.now() >= LEAST_LIFE_MS

async function callProvider(
  provider: TokenProvider,
  request: Parameters<TokenProvider>[0],
): Promise<AccessToken> {
  let given: unknown
  try {
    given = await provider(request)
  } catch (error) {
    if (error instanceof MaildrainError) throw error
    throw unavailable(`failed: ${shown(describeError(error))}`, error)
  }
  const { token, expiresAt } = (given ?? {}) as Partial<AccessToken>
  checkToken(token)
  return { token, expiresAt: expiresAt instanceof Date ? expiresAt : undefined }
}

/** Text of somebody else's error; the cleaner reads one character a byte. */
const shown = (text: string): string => cleanText(Buffer.from(text, 'utf8').toString('latin1'))

/** @throws ConfigError for what no server can be given (RFC 6750 section 2.1) */
export function checkToken(token: unknown): asserts token is string {
  if (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)) return
  throw new ConfigError(
    'MAILDRAIN_CONFIG_TOKEN',
    'the access token is empty, or holds spaces, line breaks or letters beyond ASCII; give the token alone',
  )
}

/** Waits as long as this caller may; the others go on waiting. */
function within<T>(
  answer: Promise<T>,
  { clock, signal, timeoutMs }: TokenRequest,
  left: () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let settled = false
    const settle = (act: () => void) => {
      if (settled) return
      settled = true
      timer.cancel()
      signal?.removeEventListener('abort', stop)
      left()
      act()
    }
    const stop = () => settle(() => reject(stoppedWaiting(signal?.reason)))
    const timer = clock.timer(timeoutMs, () =>
      settle(() => reject(unavailable(`did not answer within ${timeoutMs} ms`))),
    )
    signal?.addEventListener('abort', stop, { once: true })
    answer.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) =>
        settle(() => reject(error instanceof Error ? error : new Error(String(error)))),
    )
    if (signal?.aborted) stop()
  })
}

const unavailable = (what: string, cause?: unknown): ConnectionError =>
  new ConnectionError(
    'MAILDRAIN_POP3_TOKEN_UNAVAILABLE',
    `the function or command that gives access tokens ${what}; run it by itself`,
    { cause },
  )

const stoppedWaiting = (cause: unknown): ConnectionError =>
  new ConnectionError(
    'MAILDRAIN_POP3_DISCONNECTED',
    'waiting for an access token was given up because the caller stopped; connect again when it is wanted',
    { cause },
  )
