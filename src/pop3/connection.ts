/**
 * A protocol on a transport: sends commands, answers with promises, keeps the deadlines, and ends everything at once when
 * anything is wrong. Nothing of it is used after that.
 */
import { ConnectionError, MaildrainError } from '../errors.ts'
import { allowanceMs } from './allowances.ts'
import { type Capabilities, NO_CAPABILITIES } from './capabilities.ts'
import type { Command, Credentials, Verb } from './commands.ts'
import { closedHere, lateTlsAlert, sessionTooLong, stopped, tooSlow } from './connection-errors.ts'
import { deferred } from './deferred.ts'
import { type ResolvedPop3ClientOptions, bareHost, defaultPort } from './options.ts'
import { type Exchange, GREETING, Pop3Protocol, type SessionState, contextOf } from './protocol.ts'
import { parseProxy } from './proxy.ts'
import { RateWatch } from './rate-watch.ts'
import { type Status, cleanText, refusalError } from './replies.ts'
import {
  type ConnectTransport,
  type Pop3Clock,
  type Pop3Transport,
  type TlsSettings,
  type TransportTarget,
} from './transport.ts'
import { Watchdog } from './watchdog.ts'

/** A command, and how its reply is read. */
export interface Request<T> {
  readonly command: Command
  /** A status line unless said otherwise. */
  readonly expects?: Exchange['expects']
  /** Octets that count toward the pipeline's window. */
  readonly octets?: number
  /** For a probe, with `lines`: see Exchange. */
  readonly wholeIn?: (text: string) => boolean
  readonly onLine?: (line: string) => void
  readonly onData?: (data: Buffer) => void
  /**
   * Makes the result of +OK, in step with the bytes: nothing of a later reply has been looked at. What it throws ends the
   * session.
   * @param octets of content that came after the status line
   */
  readonly read: (status: Status, octets: number) => T
  /** Called in the same turn, once the result is given. */
  readonly afterwards?: () => void
}

export interface ConnectionIo {
  readonly clock: Pop3Clock
  readonly connect: ConnectTransport
  readonly signal: AbortSignal | undefined
}

type CloseListener = (error: MaildrainError | undefined) => void

export class Connection {
  /** `host:port`, for messages. */
  readonly server: string
  readonly port: number
  /** Makes server text safe to show. */
  readonly clean: (text: string) => string
  /** The reply to the last CAPA. */
  capabilities: Capabilities = NO_CAPABILITIES
  /** Text of the greeting, as it came; empty once TLS has begun after it. */
  greeting = ''
  /** See the option. */
  readonly maxUidlBytes: number
  readonly #options: ResolvedPop3ClientOptions
  readonly #clock: Pop3Clock
  readonly #watchdog: Watchdog
  readonly #sessionTimer: { cancel(): void }
  readonly #rate: RateWatch
  readonly #protocol: Pop3Protocol
  readonly #greeted: Promise<void>
  readonly #listeners: CloseListener[] = []
  readonly #secrets: string[] = []
  #transport: Pop3Transport | undefined
  #awaited: Exchange | undefined
  #awaitedSince = 0
  /** The exchange whose lines or body are coming in. */
  #content: Exchange | undefined
  #lastByteAt = 0
  #flushing = false
  #end: { readonly error: MaildrainError | undefined } | undefined
  #unwatch = (): void => undefined

  /** Connects; resolves when the server has greeted. */
  static async open(
    options: ResolvedPop3ClientOptions,
    credentials: Credentials,
    io: ConnectionIo,
  ): Promise<Connection> {
    const connection = new Connection(options, credentials, io.clock)
    connection.#watchSignal(io.signal)
    try {
      await connection.#connect(io)
      await connection.#greeted
      return connection
    } catch (error) {
      connection.close()
      throw error
    }
  }

  private constructor(
    options: ResolvedPop3ClientOptions,
    credentials: Credentials,
    clock: Pop3Clock,
  ) {
    this.#options = options
    this.maxUidlBytes = options.maxUidlBytes
    this.#clock = clock
    this.#sessionTimer = clock.timer(
      options.maxSessionMs,
      () => this.fail(sessionTooLong(this.server, options.maxSessionMs)),
      true,
    )
    this.port = options.port ?? defaultPort(options.tls)
    this.server = `${options.host}:${this.port}`
    this.hide(credentials.secret)
    this.clean = (text) => cleanText(text, this.#secrets)
    this.#watchdog = new Watchdog(clock, (ms) => this.#expired(ms))
    this.#rate = new RateWatch(clock, options.minBytesPerSecond, () =>
      this.fail(tooSlow(this.server, this.#awaited?.command.verb, this.#options.minBytesPerSecond)),
    )
    const { promise, resolve, reject } = deferred()
    this.#greeted = promise
    this.#protocol = new Pop3Protocol(
      {
        server: this.server,
        limits: {
          maxBytes: options.maxPipelineBytes,
          maxCommands: options.maxPipelineCommands,
          maxRefusalsInRow: options.maxRefusalsInRow,
        },
        maxLineBytes: options.maxLineBytes,
        maxContentBytes: options.maxContentBytes,
        clean: this.clean,
        write: (commands) => this.#transport?.write(commands),
      },
      this.#exchange(
        { command: GREETING, read: ({ text }) => void (this.greeting = text) },
        resolve,
        reject,
      ),
    )
  }

  get state(): SessionState {
    return this.#protocol.state
  }

  get secure(): boolean {
    return this.#transport?.secure ?? false
  }

  get pipelining(): boolean {
    return this.#protocol.pipelining
  }

  get listingOctets(): number {
    return this.#protocol.listingOctets
  }

  /**
   * Sends a command in its turn. Rejects with Pop3ReplyError when the server refuses it, with Pop3StateError when it is not
   * allowed here, with what ended the session when that ended first.
   */
  run<T>(request: Request<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) {
        reject(this.#end.error ?? closedHere(this.server))
        return
      }
      this.#protocol.send(this.#exchange(request, resolve, reject))
      this.#schedule()
    })
  }

  /** Commands of this verb that have not left yet are rejected with the error. */
  withdraw(verb: Verb, error: MaildrainError): void {
    this.#protocol.withdraw(verb, error)
  }

  /** What must not be shown, should the server echo it. */
  hide(secret: string): void {
    this.#secrets.push(secret)
  }

  /** To be called when STLS was answered with +OK. What the server said in clear is forgotten. */
  async startTls(): Promise<void> {
    this.capabilities = NO_CAPABILITIES
    this.greeting = ''
    try {
      await this.#transport?.startTls()
    } catch (error) {
      this.fail(asMaildrainError(error))
    }
    this.throwIfEnded()
    this.#protocol.tlsStarted()
  }

  /** @throws what ended the connection, when something has */
  throwIfEnded(): void {
    if (this.#end !== undefined) throw this.#end.error ?? closedHere(this.server)
  }

  /** The server accepted the login. From here on the caller's signal no longer ends the connection. */
  loggedIn(): void {
    this.#protocol.loggedIn()
  }

  /** The capabilities after login are known: commands may be pipelined when the server offers it. */
  ready(): void {
    this.#unwatch()
    this.#protocol.pipelining = this.#options.pipelining === 'auto' && this.capabilities.pipelining
  }

  /** Calls the listener once the connection is gone: with the error that ended it, undefined when this side closed it. */
  onClose(listener: CloseListener): void {
    const end = this.#end
    if (end === undefined) this.#listeners.push(listener)
    else queueMicrotask(() => listener(end.error))
  }

  /** Ends the connection at once, with an error. */
  fail(error: MaildrainError): void {
    this.#finish(error, () => this.#transport?.destroy())
  }

  /** Ends the connection at once, on purpose. */
  close(): void {
    this.#finish(undefined, () => this.#transport?.destroy())
  }

  /** Ends the connection after QUIT. */
  finish(): void {
    this.#finish(undefined, () => this.#transport?.finish())
  }

  async #connect(io: ConnectionIo): Promise<void> {
    const { host, tls, servername, connectTimeoutMs, tlsTimeoutMs, proxy } = this.#options
    const target: TransportTarget = {
      ...{ host: bareHost(host), port: this.port, server: this.server },
      ...{ implicitTls: tls === 'implicit', servername, connectTimeoutMs, tlsTimeoutMs },
      ...(tls === 'none' ? {} : { tls: this.#tlsSettings() }),
      ...(proxy === undefined ? {} : { proxy: parseProxy(proxy) }),
    }
    this.#transport = await io.connect(
      target,
      {
        data: (chunk) => this.#receive(chunk),
        closed: (cause) =>
          this.fail(lateTlsAlert(this.server, cause) ?? this.#protocol.ended(cause)),
      },
      io,
    )
    if (this.#end !== undefined) this.#transport.destroy()
    this.#watch()
  }

  #tlsSettings(): TlsSettings {
    const { ca, cert, key, pfx, passphrase, minTlsVersion: minVersion, pins } = this.#options
    return { ca, cert, key, pfx, passphrase, minVersion, pins }
  }

  #exchange<T>(
    request: Request<T>,
    resolve: (value: T) => void,
    reject: (error: MaildrainError) => void,
  ): Exchange {
    const { command, expects = 'line', octets = 0, wholeIn, onLine, onData, read } = request
    return {
      ...{ command, expects, octets },
      ...(wholeIn === undefined ? {} : { wholeIn }),
      ...(onLine === undefined ? {} : { onLine }),
      ...(onData === undefined ? {} : { onData }),
      onReply: (status, received) => {
        if (status.kind === 'err') reject(this.#refused(command, status.text))
        else {
          resolve(read(status, received))
          request.afterwards?.()
        }
      },
      onFailure: reject,
    }
  }

  #refused(command: Command, text: string): MaildrainError {
    return refusalError({
      ...{ server: this.server, command: command === GREETING ? 'CONNECT' : command.verb, text },
      ...{ context: contextOf({ command }), capabilities: this.capabilities, clean: this.clean },
    })
  }

  #receive(chunk: Buffer): void {
    if (this.#end !== undefined) return
    this.#lastByteAt = this.#clock.monotonic()
    try {
      this.#protocol.receive(chunk)
    } catch (error) {
      this.fail(asMaildrainError(error))
      return
    }
    this.#rate.add(chunk.length)
    this.#schedule()
    this.#watch()
  }

  /** Commands of one turn of the event loop leave in one write. */
  #schedule(): void {
    if (this.#flushing) return
    this.#flushing = true
    queueMicrotask(() => {
      this.#flushing = false
      if (this.#end !== undefined) return
      this.#protocol.flush()
      const early = this.#protocol.takeEarly()
      if (early === undefined) this.#watch()
      else this.#receive(early)
    })
  }

  #watch(): void {
    if (this.#end !== undefined) return
    const { awaited } = this.#protocol
    if (awaited !== this.#awaited) {
      this.#awaited = awaited
      this.#awaitedSince = this.#clock.monotonic()
    }
    this.#watchRate(this.#protocol.midReply ? awaited : undefined)
    if (awaited === undefined) this.#watchdog.rest()
    else if (this.#protocol.midReply)
      this.#watchdog.expect(
        Math.max(this.#lastByteAt, this.#awaitedSince),
        this.#protocol.undecided ? this.#options.probeSilenceMs : this.#options.idleTimeoutMs,
      )
    else
      this.#watchdog.expect(
        this.#awaitedSince,
        allowanceMs(awaited.command, this.state, this.#options),
      )
  }

  #watchRate(content: Exchange | undefined): void {
    if (content === this.#content) return
    this.#content = content
    if (content === undefined) this.#rate.rest()
    else this.#rate.begin()
  }

  #expired(ms: number): void {
    if (!this.#protocol.undecided) {
      this.fail(this.#timedOut(ms))
      return
    }
    this.#protocol.decide()
    this.#schedule()
    this.#watch()
  }

  #timedOut(ms: number): ConnectionError {
    const command = this.#awaited?.command
    const what =
      command === GREETING
        ? `did not greet within ${ms} ms; check the port: one that expects TLS from the first byte is silent like this`
        : `sent nothing for ${ms} ms in reply to ${command?.verb ?? 'nothing'}; maildrain reconnects by itself, if it persists look at the server`
    return new ConnectionError('MAILDRAIN_POP3_TIMEOUT', `${this.server} ${what}`)
  }

  #watchSignal(signal: AbortSignal | undefined): void {
    if (signal === undefined) return
    const abort = () => this.fail(stopped(this.server, signal.reason))
    signal.addEventListener('abort', abort, { once: true })
    this.#unwatch = () => signal.removeEventListener('abort', abort)
    if (signal.aborted) abort()
  }

  #finish(error: MaildrainError | undefined, closeTransport: () => void): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    this.#unwatch()
    this.#watchdog.stop()
    this.#sessionTimer.cancel()
    this.#rate.stop()
    closeTransport()
    this.#protocol.fail(error ?? closedHere(this.server))
    for (const listener of this.#listeners) listener(error)
  }
}

function asMaildrainError(error: unknown): MaildrainError {
  if (error instanceof MaildrainError) return error
  const what = error instanceof Error ? error.message : String(error)
  return new MaildrainError(
    'MAILDRAIN_INTERNAL',
    `the POP3 client failed on a reply: ${what}; report it, nothing was deleted on its account`,
    { cause: error },
  )
}
