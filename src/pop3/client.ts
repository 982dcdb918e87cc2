/**
 * The POP3 client: a session as promises, named by the verbs of RFC 1939. Commands may be issued at will; they leave in
 * order, as many at once as server and bounds allow. When anything breaks the order of replies the connection is closed,
 * because a reply that is taken for another one's deletes the wrong mail.
 */
import { ConfigError, MaildrainError, Pop3ProtocolError, Pop3ReplyError } from '../errors.ts'
import type { Capabilities } from './capabilities.ts'
import { type Credentials, type Verb, bare, numbered } from './commands.ts'
import type { Connection } from './connection.ts'
import { Consumer } from './consumer.ts'
import type { ResolveSrv } from './discovery.ts'
import { type EstablishIo, type Established, credentialsOf, establish } from './establish.ts'
import { askCapabilities, authenticate, enableUtf8 } from './handshake.ts'
import { ListingGuard, parseListingLine, parseOctets, usableUidl } from './listing.ts'
import { apopTimestamp } from './mechanisms.ts'
import {
  type Pop3ClientOptions,
  type ResolvedPop3ClientOptions,
  bareHost,
  checkOptions,
  pop3ClientOptions,
  warningsOf,
} from './options.ts'
import type { SessionState } from './protocol.ts'
import {
  type ConnectTransport,
  type Pop3Clock,
  connectSocket,
  systemPop3Clock,
} from './transport.ts'
import {
  type ListedMessage,
  type NumberedListing,
  askAbout,
  listWindow,
  probeNumbered,
  unreadable,
} from './window.ts'

/** What the client needs of its surroundings; each has a default. */
export interface Pop3ClientIo {
  readonly clock?: Pop3Clock | undefined
  /** Ends connecting and logging in; once logged in, `close` does. */
  readonly signal?: AbortSignal | undefined
  /** Opens the connection: sockets unless given. */
  readonly connect?: ConnectTransport | undefined
  /** Looks up SRV records, for `discover`: the name service of the system unless given. */
  readonly resolveSrv?: ResolveSrv | undefined
  /** Nonce of the client in SCRAM: random unless given. */
  readonly nonce?: (() => string) | undefined
  /** Is told in one sentence what the options allow that is not safe, at each connection. */
  readonly onWarning?: ((warning: string) => void) | undefined
}

export interface RetrOptions {
  /** Octets that LIST announced; counts toward the window of what is in flight. */
  readonly octets: number
  /** Called synchronously with unstuffed bytes. The view is of a socket's buffer: copy it, or keep all of that alive. */
  readonly onData: (chunk: Buffer) => void
}

export interface TopOptions {
  /** Octets that are reckoned with in the window of what is in flight; 64 KiB unless given. */
  readonly octets?: number
  /** As for RETR. */
  readonly onData: (chunk: Buffer) => void
}

/** What TOP is reckoned with in the window: headers are a few KiB, and there is no announcement. */
const TOP_OCTETS = 64 * 1024

/**
 * One session. Every method rejects with Pop3ReplyError when the server refuses (the session goes on), with Pop3StateError
 * when the session's state forbids the command, and with what ended the connection when that ended first.
 */
export class Pop3Client {
  readonly #options: ResolvedPop3ClientOptions
  readonly #io: EstablishIo & Pop3ClientIo
  #credentials: Credentials
  #connection: Connection
  #capa: boolean
  #utf8 = false
  /** The connection on which a token was rejected, and who listened for its end. */
  #replaced: Connection | undefined
  readonly #left: ((error: MaildrainError | undefined) => void)[] = []

  private constructor(
    options: ResolvedPop3ClientOptions,
    io: EstablishIo & Pop3ClientIo,
    credentials: Credentials,
    established: Established,
  ) {
    this.#options = options
    this.#io = io
    this.#credentials = credentials
    this.#connection = established.connection
    this.#capa = established.capa
  }

  /**
   * Connects: greeting, CAPA, and STLS with CAPA again where it is asked for.
   * @throws ConfigError for wrong options, and before connecting when the password would cross a network in clear
   * @throws ConnectionError for network and TLS, Pop3ReplyError when the server is busy, Pop3ProtocolError when it is none
   */
  static async connect(options: Pop3ClientOptions, io: Pop3ClientIo = {}): Promise<Pop3Client> {
    const resolved = resolve(options)
    checkOptions(resolved)
    for (const warning of warningsOf(resolved)) io.onWarning?.(warning)
    const { clock = systemPop3Clock, connect = connectSocket, signal, resolveSrv } = io
    const complete = { ...io, clock, connect, signal, resolveSrv }
    const credentials = await credentialsOf(resolved, complete)
    const established = await establish(resolved, credentials, complete)
    return new Pop3Client(resolved, complete, credentials, established)
  }

  /** The reply to the last CAPA: after connecting, after STLS, after login. */
  get capabilities(): Capabilities {
    return this.#connection.capabilities
  }

  get state(): SessionState {
    return this.#connection.state
  }

  /** The connection is encrypted and the certificate was accepted. */
  get secure(): boolean {
    return this.#connection.secure
  }

  /** CAPA was asked and not answered in time: the connection is one of its own, on which it is not asked again. */
  get hangsOnCapa(): boolean {
    return !this.#capa && this.#options.capa === 'auto'
  }

  /** Several commands may be in flight. */
  get pipelining(): boolean {
    return this.#connection.pipelining
  }

  /** Octets that came in replies to LIST and UIDL, whole or by number, with status lines and terminators. */
  get listingOctets(): number {
    return this.#connection.listingOctets
  }

  /** Messages come in UTF-8 mode (RFC 6856): set by `login`. */
  get utf8(): boolean {
    return this.#utf8
  }

  /** The greeting has a timestamp for APOP (RFC 1939 section 7), and TLS did not begin after it. */
  get offersApop(): boolean {
    return apopTimestamp(this.#connection.greeting) !== undefined
  }

  /** What the server calls its software, safe to show: for logs, never to decide upon (RFC 2449 section 6.9). */
  get implementation(): string | null {
    const { implementation } = this.#connection.capabilities
    return implementation === null ? null : this.#connection.clean(implementation)
  }

  /**
   * Logs in, then asks for the capabilities again. A rejected password must not be tried again: servers lock accounts. A
   * rejected token is renewed by force, once, where a function gives tokens, and tried on a new connection.
   * @throws Pop3ReplyError when the server refuses, Pop3ProtocolError when it offers no usable mechanism or proves nothing
   */
  async login(): Promise<void> {
    try {
      await this.#logIn()
    } catch (error) {
      if (!this.#mayRenew(error)) throw error
      await this.#renew()
      await this.#logIn()
    }
  }

  /** Count of messages, and their octets as the server reckons: advisory, some wrap at 4 GiB, some say nothing (0). */
  async stat(): Promise<{ messages: number; octets: number }> {
    const connection = this.#connection
    return connection.run({
      command: bare('STAT'),
      read: ({ text }) => {
        const line = parseListingLine(text)
        if (line === undefined && !/^\s*\d{11}/.test(text))
          throw unreadable(this.#connection, 'STAT', text)
        const { n: messages, rest } = line ?? { n: Infinity, rest: '' }
        if (messages > this.#options.maxMessages) throw this.#tooMany()
        return { messages, octets: parseOctets(rest) ?? 0 }
      },
    })
  }

  /**
   * The unique-ids of all messages, line by line; one character a byte (RFC 1939 section 7).
   * @param limit the count of STAT. A listing with a repeated or higher number or more lines is rejected as a whole, and what
   * was told of it is void
   * @param onMissing gets the numbers whose unique-id is absent or unusable; without it they, too, reject the listing
   */
  async uidlAll(
    onEntry: (n: number, uidl: string) => void,
    limit: number,
    onMissing?: (n: number) => void,
  ): Promise<void> {
    const { maxUidlBytes } = this.#options
    const guard = this.#guard('UIDL', limit)
    const entries = new Consumer(onEntry)
    const missing = onMissing === undefined ? undefined : new Consumer(onMissing)
    await this.#connection.run({
      ...{ command: bare('UIDL'), expects: 'lines' },
      onLine: (text) => {
        const line = guard.read(text)
        const uidl = usableUidl(line.rest, maxUidlBytes)
        if (uidl !== undefined) entries.give(line.n, uidl)
        else if (missing === undefined) throw guard.unusable(line)
        else missing.give(line.n)
      },
      read: () => undefined,
    })
    entries.rethrow()
    missing?.rethrow()
  }

  /** The octets of all messages, line by line (RFC 1939 section 5). `limit` as for `uidlAll`. */
  async listAll(onEntry: (n: number, octets: number) => void, limit: number): Promise<void> {
    const guard = this.#guard('LIST', limit)
    const entries = new Consumer(onEntry)
    await this.#connection.run({
      ...{ command: bare('LIST'), expects: 'lines' },
      onLine: (text) => {
        const line = guard.read(text)
        const octets = parseOctets(line.rest)
        if (octets === undefined) throw guard.unusable(line)
        entries.give(line.n, octets)
      },
      read: () => undefined,
    })
    entries.rethrow()
  }

  /** The unique-id of one message. An answer about another number ends the session: MAILDRAIN_POP3_DESYNC. */
  async uidl(n: number): Promise<string> {
    const { maxUidlBytes } = this.#options
    return askAbout(this.#connection, 'UIDL', n, (rest) => usableUidl(rest, maxUidlBytes))
  }

  /** The octets of one message. An answer about another number ends the session: MAILDRAIN_POP3_DESYNC. */
  async list(n: number): Promise<number> {
    return askAbout(this.#connection, 'LIST', n, parseOctets)
  }

  /**
   * Finds out which of LIST and UIDL answer about a single message. Some servers ignore the number and send everything; what
   * came is read to its end. Ask once, after STAT, of a mailbox that is not empty.
   * @param messages count of STAT: a listing with more lines is rejected
   */
  async probeNumbered(messages: number): Promise<NumberedListing> {
    return probeNumbered(this.#connection, messages)
  }

  /**
   * Octets and unique-ids of messages `from` to `to` by number, as many in flight as the session bears. Numbers that the
   * server refuses are left out. Only where `probeNumbered` found that LIST answers by number.
   */
  async window(from: number, to: number, ask: NumberedListing): Promise<ListedMessage[]> {
    return listWindow(this.#connection, from, to, ask)
  }

  /**
   * A whole message: dots unstuffed, its own last CRLF kept. Resolves with the octets that came when the terminator was
   * read; bytes that came before a rejection are a fragment. A refusal says nothing about the message (Dovecot calls an
   * unreadable file expunged). What `onData` throws rejects after the reply was read to its end.
   */
  async retr(n: number, options: RetrOptions): Promise<{ octets: number }> {
    const octets = Math.max(0, options.octets)
    return this.#content(() => numbered('RETR', n), octets, options.onData)
  }

  /** RETRs that have not been sent yet are given up: they reject with the error, and were never asked for. */
  withdrawRetrs(error: MaildrainError): void {
    this.#connection.withdraw('RETR', error)
  }

  /** Headers, the empty line, and `lines` lines of the body (RFC 1939 section 7); some servers send more. */
  async top(n: number, lines: number, options: TopOptions): Promise<{ octets: number }> {
    const { octets = TOP_OCTETS, onData } = options
    return this.#content(() => numbered('TOP', n, lines), octets, onData)
  }

  /** Marks for deletion at QUIT. With the first one reading is over: only DELE, NOOP and QUIT are accepted from then on (G9). */
  async dele(n: number): Promise<void> {
    return this.#connection.run({ command: numbered('DELE', n), read: () => undefined })
  }

  async noop(): Promise<void> {
    return this.#connection.run({ command: bare('NOOP'), read: () => undefined })
  }

  /**
   * Ends the session, and commits it: sent when every other reply was read. Neither +OK proves that mail was deleted nor a
   * lost reply that it was not; only a later session tells (G7). The connection is closed in any case.
   */
  async quit(): Promise<void> {
    try {
      await this.#connection.run({
        command: bare('QUIT'),
        read: () => undefined,
        afterwards: () => this.#connection.finish(),
      })
    } catch (error) {
      if (error instanceof Pop3ReplyError) this.#connection.finish()
      throw error
    }
  }

  /** Closes the connection without QUIT: nothing is deleted. What is pending rejects with MAILDRAIN_POP3_DISCONNECTED. */
  close(): void {
    this.#connection.close()
  }

  /** Calls the listener once when the connection is gone: with what ended it, undefined after `close` or `quit`. */
  onClose(listener: (error: MaildrainError | undefined) => void): void {
    const connection = this.#connection
    connection.onClose((error) => {
      if (connection === this.#replaced) this.#left.push(listener)
      else listener(error)
    })
  }

  async #logIn(): Promise<void> {
    const connection = this.#connection
    const { utf8, host, maxCapabilityLines } = this.#options
    this.#utf8 = utf8 === 'auto' && (await enableUtf8(connection))
    await authenticate(connection, {
      ...{ credentials: this.#credentials, options: this.#options },
      ...{ host: bareHost(host), nonce: this.#io.nonce },
    })
    if (this.#capa) await askCapabilities(connection, maxCapabilityLines)
    connection.ready()
  }

  #mayRenew(error: unknown): boolean {
    if (typeof this.#options.auth.token !== 'function') return false
    return error instanceof Pop3ReplyError && error.code === 'MAILDRAIN_POP3_TOKEN_REJECTED'
  }

  /** A new token on a new connection; who listens for the end goes over to it. */
  async #renew(): Promise<void> {
    const rejected = this.#connection
    this.#replaced = rejected
    rejected.close()
    const listeners = this.#left.splice(0)
    try {
      this.#credentials = await credentialsOf(this.#options, this.#io, this.#credentials.secret)
      const { connection, capa } = await establish(this.#options, this.#credentials, this.#io)
      this.#connection = connection
      this.#capa = capa
      for (const listener of listeners) this.onClose(listener)
    } catch (error) {
      for (const listener of listeners)
        listener(error instanceof MaildrainError ? error : undefined)
      throw error
    }
  }

  async #content(
    command: () => ReturnType<typeof numbered>,
    octets: number,
    onData: (chunk: Buffer) => void,
  ): Promise<{ octets: number }> {
    const consumer = new Consumer(onData)
    const result = await this.#connection.run({
      ...{ command: command(), expects: 'body', octets },
      onData: (chunk) => consumer.give(chunk),
      read: (_status, received) => ({ octets: received }),
    })
    consumer.rethrow()
    return result
  }

  #guard(verb: Verb, limit: number): ListingGuard {
    return new ListingGuard(verb, limit, this.#connection.clean)
  }

  #tooMany(): Pop3ProtocolError {
    return new Pop3ProtocolError(
      'MAILDRAIN_POP3_LIMIT',
      `${this.#connection.server} counts more than ${this.#options.maxMessages} messages; raise maxMessages if the server is trusted`,
    )
  }
}

function resolve(options: Pop3ClientOptions): ResolvedPop3ClientOptions {
  const result = pop3ClientOptions.safeParse(options)
  if (result.success) return result.data
  const issues = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new ConfigError(
    'MAILDRAIN_CONFIG_INVALID',
    `wrong options of the POP3 client: ${issues.join('; ')}`,
  )
}
