/**
 * Opens sessions: connects, logs in, and waits out what passes by itself (G15's counterpart on the mailbox side). A
 * rejected password is never tried again: servers lock accounts.
 */
import { sleep } from '../../clock.ts'
import { type ErrorCode, MaildrainError } from '../../errors.ts'
import { backoffMs } from '../../pipeline/retry.ts'
import {
  type ConnectTransport,
  Pop3Client,
  type Pop3ClientOptions,
  pop3ClientOptions,
} from '../../pop3/index.ts'
import type { SourceContext } from '../source.ts'
import type { Host } from './host.ts'
import type { ResolvedPop3SourceOptions } from './options.ts'

/** The server is there and asks for patience: waited for even before the first login. */
const BUSY: readonly ErrorCode[] = [
  'MAILDRAIN_POP3_MAILDROP_BUSY',
  'MAILDRAIN_POP3_LOGIN_DELAY',
  'MAILDRAIN_POP3_SERVER_TEMPORARY',
  'MAILDRAIN_POP3_QUOTA',
]

/** What opening sessions needs of a run. */
export type ConnectContext = Pick<SourceContext, 'clock' | 'random' | 'log' | 'signal' | 'stopping'>

/** Sessions in a row that ended before anything came of them. */
const CAUTIOUS_AFTER = 3

/** What one run of a source leaves to the next: a server counts its seconds between logins over all of them. */
export class Logins {
  everLoggedIn = false
  /** By the monotonic clock. */
  last = -Infinity
  /** LOGIN-DELAY (RFC 2449 section 6.6), as the server last told it. */
  delayMs = 0
  /** What was warned of. */
  readonly warned = new Set<string>()
}

export class Connector {
  readonly #options: ResolvedPop3SourceOptions
  readonly #context: ConnectContext
  readonly #logins: Logins
  #failingSince: number | undefined
  #attempt = 0
  #connectedAt = 0
  readonly #host: Host
  readonly #transport: ConnectTransport | undefined
  /** Sessions that ended before anything came of them: one command at a time may help (o2.pl). */
  #fruitless = 0
  /** Of the last session that opened, ms: until the server was spoken with, TLS and capabilities; then logging in. */
  opening = { connectMs: 0, loginMs: 0 }

  constructor(
    options: ResolvedPop3SourceOptions,
    context: ConnectContext,
    {
      host,
      logins,
      connect,
    }: {
      readonly host: Host
      readonly logins: Logins
      readonly connect?: ConnectTransport | undefined
    },
  ) {
    this.#options = options
    this.#context = context
    this.#host = host
    this.#logins = logins
    this.#transport = connect
  }

  /** Monotonic clock when the last connection was begun, ms. */
  get connectedAt(): number {
    return this.#connectedAt
  }

  /** What the server wants between two logins (RFC 2449 section 6.5), ms. */
  get loginDelayMs(): number {
    return this.#logins.delayMs
  }

  /** Something came of a session: patience begins anew. */
  progressed(): void {
    this.#failingSince = undefined
    this.#attempt = 0
    if (this.#fruitless < CAUTIOUS_AFTER) this.#fruitless = 0
  }

  /** Connects and logs in; throws when patience is over or trying again cannot help. */
  async open(): Promise<Pop3Client> {
    for (;;) {
      try {
        return await this.#tryOpen()
      } catch (error) {
        await this.#wait(error)
      }
    }
  }

  /** A session failed. Waits before the next one; throws the error when there is to be none. */
  async failed(error: unknown): Promise<void> {
    this.#fruitless += 1
    await this.#wait(error)
  }

  async #wait(error: unknown): Promise<void> {
    const { clock, random, log, stopping } = this.#context
    stopping.throwIfAborted()
    if (!(error instanceof MaildrainError) || !error.retryable) throw error
    if (error.code === 'MAILDRAIN_POP3_DESYNC') this.#host.cameApart()
    const now = clock.monotonic()
    this.#failingSince ??= now
    this.#attempt += 1
    const { openPatienceMs, retryPatienceMs, retryInitialMs } = this.#options
    const patient = this.#logins.everLoggedIn || BUSY.includes(error.code)
    const patienceMs = patient ? retryPatienceMs : openPatienceMs
    const waitMs = backoffMs(this.#attempt, { initialMs: retryInitialMs, maxMs: 60_000 }, random)
    if (now + waitMs - this.#failingSince > patienceMs) throw error
    log.warn(
      { code: error.code, attempt: this.#attempt, waitMs: Math.round(waitMs) },
      error.message,
    )
    await sleep(clock, waitMs, stopping)
  }

  async #tryOpen(): Promise<Pop3Client> {
    const { clock, stopping } = this.#context
    const early = () => this.#logins.last + this.#logins.delayMs - clock.monotonic()
    // Again, because a timer may fire up to 2 ms early, and a server that counts exactly then refuses the login.
    for (let ms = early(); ms > 0; ms = early()) await sleep(clock, ms, stopping)
    this.#connectedAt = clock.monotonic()
    const client = await Pop3Client.connect(this.#clientOptions(), {
      ...{ clock, signal: stopping, connect: this.#transport },
      onWarning: (warning: string) => this.#warn(warning),
    })
    const connected = clock.monotonic()
    if (client.hangsOnCapa) this.#host.hangsOnCapa()
    try {
      await client.login()
    } catch (error) {
      client.close()
      throw error
    }
    if (!this.#logins.everLoggedIn) this.#introduce(client)
    this.#logins.everLoggedIn = true
    this.#logins.last = clock.monotonic()
    this.#logins.delayMs = (client.capabilities.loginDelaySeconds ?? 0) * 1000
    const began = this.#connectedAt
    this.opening = { connectMs: connected - began, loginMs: this.#logins.last - connected }
    return client
  }

  /** Says once what speaks there. */
  #introduce({ implementation, utf8, secure }: Pop3Client): void {
    this.#context.log.info({ implementation, utf8, secure }, 'logged in to the POP3 server')
  }

  #warn(warning: string): void {
    if (this.#logins.warned.has(warning)) return
    this.#logins.warned.add(warning)
    this.#context.log.warn({}, warning)
  }

  #clientOptions(): Pop3ClientOptions {
    const own = Object.entries(this.#options).filter(([name]) => name in pop3ClientOptions.shape)
    return {
      ...(Object.fromEntries(own) as unknown as Pop3ClientOptions),
      ...(this.#host.doubtful || this.#fruitless >= CAUTIOUS_AFTER ? { pipelining: 'off' } : {}),
      ...(this.#host.answersCapa ? {} : { capa: 'off' }),
    }
  }
}
