/**
 * The POP3 session as a state machine without sockets, clocks or promises: bytes in, replies out; commands in, bytes out.
 * It keeps replies and commands in step (RFC 1939 section 3), and the two phases of a session (G9): after the first DELE
 * only DELE, NOOP and QUIT, and no way back, because RSET and listings after DELE renumber on some servers (James, WildDuck).
 */
import {
  ConnectionError,
  type MaildrainError,
  Pop3ProtocolError,
  Pop3StateError,
} from '../errors.ts'
import { type Command, type Verb, bare } from './commands.ts'
import { MultiLineDecoder } from './multi-line.ts'
import { LineBuffer } from './receive-buffer.ts'
import {
  type ReplyContext,
  type Status,
  describeForeignGreeting,
  isGoodbye,
  parseStatus,
} from './replies.ts'
import { type PipelineLimits, SendQueue } from './send-queue.ts'

/**
 * States of RFC 1939; TRANSACTION is two of ours: `transaction` reads, `deleting` deletes. `update` from QUIT on, `closed`
 * when the connection is gone.
 */
export type SessionState = 'authorization' | 'transaction' | 'deleting' | 'update' | 'closed'

/** A command and what is done with its reply. */
export interface Exchange {
  readonly command: Command
  /** `line`: a status line; `lines`: a listing after it; `body`: a message after it. */
  readonly expects: 'line' | 'lines' | 'body'
  /** Octets of the expected reply that count toward the pipeline's window. */
  readonly octets: number
  /** For a probe: does this text after +OK make a whole reply, so that no lines follow it? */
  readonly wholeIn?: (text: string) => boolean
  /** A line of a listing, unstuffed, one character a byte. What it throws ends the session. */
  readonly onLine?: (line: string) => void
  /** Content of a message, unstuffed; the view is of a socket's buffer. */
  readonly onData?: (data: Buffer) => void
  /** The whole reply was read. What it throws ends the session. */
  readonly onReply: (status: Status, octets: number) => void
  readonly onFailure: (error: MaildrainError) => void
}

/** The exchange that begins a session: no command, one status line. */
export const GREETING: Command = { verb: 'NOOP', line: '' }

const ALLOWED: Readonly<Record<SessionState, ReadonlySet<Verb>>> = {
  authorization: new Set<Verb>([
    ...(['CAPA', 'STLS', 'UTF8', 'USER', 'PASS', 'APOP', 'AUTH', 'QUIT'] as const),
  ]),
  transaction: new Set<Verb>([
    ...(['CAPA', 'STAT', 'LIST', 'UIDL', 'RETR', 'TOP', 'DELE', 'NOOP', 'QUIT'] as const),
  ]),
  deleting: new Set<Verb>(['DELE', 'NOOP', 'QUIT']),
  update: new Set<Verb>(),
  closed: new Set<Verb>(),
}

export interface ProtocolOptions {
  /** `host:port`, for messages. */
  readonly server: string
  readonly limits: PipelineLimits
  readonly maxLineBytes: number
  /** Octets of one body; a listing is bounded by its lines. */
  readonly maxContentBytes: number
  /** Makes server text safe to show, without secrets that the server echoes. */
  readonly clean: (text: string) => string
  /** Sends a string of whole commands as UTF-8. */
  readonly write: (commands: string) => void
}

export class Pop3Protocol {
  readonly #options: ProtocolOptions
  readonly #queue: SendQueue<Exchange>
  readonly #statusLine: LineBuffer
  readonly #listingLine: LineBuffer
  readonly #decoder = new MultiLineDecoder()
  #state: SessionState = 'authorization'
  /** The status line of the reply whose further lines are being read. */
  #status: Status | undefined
  /** Bytes came after the status line. */
  #followed = false
  #startingTls = false
  /** The first bytes of the greeting were looked at. */
  #looked = false
  /** The greeting was read, and nothing asked since. */
  #onlyGreeted = false
  #early: Buffer | undefined
  #listingOctets = 0

  /** @param greeting gets the server's first line */
  constructor(options: ProtocolOptions, greeting: Exchange) {
    this.#options = options
    this.#queue = new SendQueue(options.limits, breather)
    this.#statusLine = new LineBuffer(options.maxLineBytes)
    this.#listingLine = new LineBuffer(options.maxLineBytes)
    this.#queue.push(greeting)
    this.#queue.take()
  }

  get state(): SessionState {
    return this.#state
  }

  get pipelining(): boolean {
    return this.#queue.pipelining
  }

  /** Set once, when the server's capabilities after login are known. */
  set pipelining(value: boolean) {
    this.#queue.pipelining = value
  }

  /** The exchange whose reply comes next; undefined when nothing is in flight. */
  get awaited(): Exchange | undefined {
    return this.#queue.head
  }

  /** The reply has begun: its status line was read, and more lines belong to it. */
  get midReply(): boolean {
    return this.#status !== undefined
  }

  /** Bytes of unfinished lines that are held: below `maxLineBytes` each. Content is passed on as it comes. */
  get held(): number {
    return this.#statusLine.pending + this.#listingLine.pending
  }

  /** Octets that came in replies to LIST and UIDL, with status lines, stuffed dots and terminators. */
  get listingOctets(): number {
    return this.#listingOctets
  }

  /** A probe whose status line may or may not be the whole reply: nothing has followed it yet. */
  get undecided(): boolean {
    return this.midReply && !this.#followed && this.awaited?.wholeIn !== undefined
  }

  /** Nothing follows the status line of the probe: it was the whole reply. */
  decide(): void {
    const exchange = this.awaited
    const status = this.#status
    if (!this.undecided || exchange === undefined || status === undefined) return
    this.#status = undefined
    this.#complete(exchange, status, 0)
  }

  /**
   * Queues a command; `flush` sends it when its turn has come.
   * @throws Pop3StateError when the session is in a state that forbids it
   */
  send(exchange: Exchange): void {
    const { verb } = exchange.command
    if (!ALLOWED[this.#state].has(verb)) throw wrongState(verb, this.#state)
    if (verb === 'DELE') this.#state = 'deleting'
    if (verb === 'QUIT') this.#state = 'update'
    this.#queue.push(exchange)
  }

  /** Writes what may be sent now, whole commands in one piece: some servers do not bear partial ones. */
  flush(): void {
    if (this.#startingTls) return
    const batch = this.#queue.take()
    if (batch.length === 0) return
    this.#onlyGreeted = false
    this.#options.write(batch.map(({ command }) => command.line).join(''))
  }

  /** What came in one segment with the greeting: for `receive`, when the first command was sent. */
  takeEarly(): Buffer | undefined {
    if (this.#onlyGreeted) return undefined
    const early = this.#early
    this.#early = undefined
    return early
  }

  /** The login was accepted: AUTHORIZATION is over. */
  loggedIn(): void {
    this.#state = 'transaction'
  }

  /** TLS stands: nothing that came before it is known any more. */
  tlsStarted(): void {
    this.#statusLine.clear()
    this.#startingTls = false
  }

  /**
   * Takes bytes of the server, in pieces of any size.
   * @throws MaildrainError when the session cannot go on; the caller gives it to `fail`
   */
  receive(chunk: Buffer): void {
    this.#lookAtFirstBytes(chunk)
    let at = 0
    while (at < chunk.length && this.#state !== 'closed') {
      if (this.#startingTls) throw this.#injected(chunk.length - at)
      if (this.#onlyGreeted && at > 0) {
        this.#early = Buffer.from(chunk.subarray(at))
        return
      }
      if (this.#status === undefined) at = this.#statusLine.feed(chunk, at, this.#onStatusLine)
      else at = this.#feedReply(this.#status, chunk, at)
    }
  }

  /** The error that the end of the connection is. */
  ended(cause?: unknown): ConnectionError {
    const { server } = this.#options
    const awaited = this.awaited
    let where = 'while nothing was asked'
    if (awaited !== undefined) {
      const name = nameOf(awaited)
      where = this.midReply ? `in the middle of the reply to ${name}` : `before it answered ${name}`
      if (awaited.command === GREETING) where = 'before it greeted'
    }
    return new ConnectionError(
      'MAILDRAIN_POP3_DISCONNECTED',
      `${server} closed the connection ${where}; maildrain reconnects by itself, if it persists look at the server log`,
      { cause },
    )
  }

  /** Commands of this verb that were not sent yet fail with the error; the session goes on. */
  withdraw(verb: Verb, error: MaildrainError): void {
    const withdrawn = this.#queue.withdraw(({ command }) => command.verb === verb)
    for (const exchange of withdrawn) exchange.onFailure(error)
  }

  /** Ends the session: every exchange fails with the error. */
  fail(error: MaildrainError): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    for (const exchange of this.#queue.drain()) exchange.onFailure(error)
  }

  /** Says whether another status line may follow in the same chunk. */
  readonly #onStatusLine = (line: Buffer, octets: number): boolean => {
    const status = parseStatus(line)
    const exchange = this.awaited
    if (exchange === undefined) throw this.#unasked(status)
    this.#count(exchange, octets)
    this.#refuseNoReply(exchange, status, line)
    const whole = exchange.expects === 'line' || exchange.wholeIn?.(status.text) === true
    if (status.kind === 'ok' && !whole) {
      this.#status = status
      this.#followed = false
      this.#decoder.begin()
      return false
    }
    if (status.kind === 'ok' && exchange.command.verb === 'STLS') this.#startingTls = true
    this.#complete(exchange, status, 0)
    return !this.#startingTls && !this.#onlyGreeted && this.state !== 'closed'
  }

  /** Whatever is no reply to the command ends the session: the next line would be taken for another one's. */
  #refuseNoReply(exchange: Exchange, status: Status, line: Buffer): void {
    const context = contextOf(exchange)
    const greeting = context === 'greeting'
    if (status.kind === 'other') throw greeting ? this.#foreign(line) : this.#outOfStep(status)
    if (status.kind === 'continue' && exchange.command.verb !== 'AUTH')
      throw this.#outOfStep(status)
    if (status.kind === 'err' && !greeting && isGoodbye(status.text, context))
      throw this.#goodbye(status)
  }

  #feedReply(status: Status, chunk: Buffer, at: number): number {
    const exchange = this.awaited
    if (exchange === undefined) return chunk.length
    this.#followed = true
    const onData = exchange.expects === 'lines' ? this.#onListingData : exchange.onData
    const next = this.#decoder.feed(chunk, at, onData ?? ignore)
    this.#count(exchange, next - at)
    if (exchange.expects === 'body' && this.#decoder.octets > this.#options.maxContentBytes)
      throw this.#endless()
    if (this.#decoder.ended) {
      this.#status = undefined
      this.#complete(exchange, status, this.#decoder.octets)
    }
    return next
  }

  readonly #onListingData = (data: Buffer): void => {
    this.#listingLine.feed(data, 0, (line) => {
      this.awaited?.onLine?.(line.toString('latin1'))
      return true
    })
  }

  #count({ command }: Exchange, octets: number): void {
    if (LISTINGS.has(command.verb)) this.#listingOctets += octets
  }

  #complete(exchange: Exchange, status: Status, octets: number): void {
    this.#onlyGreeted = exchange.command === GREETING
    exchange.onReply(status, octets)
    this.#queue.complete(status.kind === 'err')
  }

  /** A server of another kind may send no line at all, or one without an end: what it is shows in the first bytes. */
  #lookAtFirstBytes(chunk: Buffer): void {
    if (this.#looked || this.awaited?.command !== GREETING) return
    const begin = Buffer.concat([this.#statusLine.peek(), chunk.subarray(0, 200)])
    if (begin.length < 2) return
    this.#looked = true
    if ((begin[0] ?? 0) < 0x20) throw this.#foreign(begin)
  }

  #foreign(line: Buffer): Pop3ProtocolError {
    const seen = describeForeignGreeting(line, this.#options.clean)
    return this.#protocolError(`is not a POP3 server: ${seen}; check host and port`)
  }

  /** A reply that is none: where several are in flight, they and the commands no longer match. */
  #outOfStep(status: Status): Pop3ProtocolError {
    const shown = status.kind === 'continue' ? '+' : this.#options.clean(status.text)
    const name = this.awaited === undefined ? 'nothing' : nameOf(this.awaited)
    const what = `answered ${name} with "${shown}", which is no reply of POP3; the connection is closed and maildrain reconnects by itself`
    return this.pipelining
      ? new Pop3ProtocolError('MAILDRAIN_POP3_DESYNC', `${this.#options.server} ${what}`)
      : this.#protocolError(what)
  }

  #unasked(status: Status): MaildrainError {
    if (status.kind === 'err') return this.#goodbye(status)
    return new Pop3ProtocolError(
      'MAILDRAIN_POP3_DESYNC',
      `${this.#options.server} sent a reply to no command; the connection is closed and maildrain reconnects by itself`,
    )
  }

  #goodbye(status: Status): ConnectionError {
    return new ConnectionError(
      'MAILDRAIN_POP3_DISCONNECTED',
      `${this.#options.server} ended the session: "${this.#options.clean(status.text)}"; maildrain reconnects by itself`,
    )
  }

  #endless(): Pop3ProtocolError {
    const { server, maxContentBytes } = this.#options
    return new Pop3ProtocolError(
      'MAILDRAIN_POP3_LIMIT',
      `${server} sent more than ${maxContentBytes} bytes of one message; raise maxContentBytes if the server is trusted`,
    )
  }

  /** CVE-2021-22947 and its kin: cleartext that would be taken for what the server says under TLS. */
  #injected(bytes: number): Pop3ProtocolError {
    return this.#protocolError(
      `sent ${bytes} bytes between its +OK to STLS and TLS; this is what an attacker on the line does: use pop3s://`,
    )
  }

  #protocolError(what: string): Pop3ProtocolError {
    return new Pop3ProtocolError('MAILDRAIN_POP3_PROTOCOL', `${this.#options.server} ${what}`)
  }
}

/** What a reply's words mean depends on when they are said. */
export function contextOf({ command }: Pick<Exchange, 'command'>): ReplyContext {
  if (command === GREETING) return 'greeting'
  const { verb } = command
  return LOGIN.has(verb) ? 'login' : 'session'
}

const LISTINGS: ReadonlySet<Verb> = new Set<Verb>(['LIST', 'UIDL'])
const LOGIN: ReadonlySet<Verb> = new Set<Verb>(['USER', 'PASS', 'APOP', 'AUTH'])

function nameOf({ command }: Exchange): string {
  return command === GREETING ? 'the greeting' : command.verb
}

const ignore = (): void => undefined

/** The NOOP between commands that may all be refused. */
const breather = (): Exchange => ({
  ...{ command: bare('NOOP'), expects: 'line', octets: 0 },
  ...{ onReply: ignore, onFailure: ignore },
})

const wrongState = (verb: Verb, state: SessionState): Pop3StateError =>
  new Pop3StateError(
    'MAILDRAIN_POP3_STATE',
    `${verb} was called in the state ${state}, where it is not allowed: correct the calling code`,
  )
