/**
 * One POP3 session with its two phases (G9): reading, then deleting and QUIT, and no way back. The session owns the
 * socket; the stream of deliveries is a view of it.
 */
import type { Timer } from '../../clock.ts'
import { MaildrainError, Pop3ReplyError } from '../../errors.ts'
import { messageKey } from '../../identity.ts'
import type { RawMessage } from '../../message.ts'
import type { Verdict } from '../../pipeline/delivery.ts'
import { Gate, type QuitRemoves } from '../../pipeline/gate.ts'
import type { Pop3Client } from '../../pop3/index.ts'
import type { SourceContext } from '../source.ts'
import { answer } from './answer.ts'
import { Collector } from './collector.ts'
import { Copies } from './copies.ts'
import { Echo } from './echo.ts'
import { Expunge, noteRefusal } from './expunge.ts'
import type { Host } from './host.ts'
import type { RunState } from './run-state.ts'
import type { WorkItem } from './work.ts'

/** Hands a message to the pipeline; `settled` is called with its verdict. */
export type Push = (message: RawMessage, settled: (verdict: Verdict) => void) => void

/** RETRs handed to the client at once; it pipelines as many of them as its byte window allows. */
const MAX_ISSUED = 256

export interface SessionOptions {
  readonly client: Pop3Client
  readonly context: SourceContext
  readonly state: RunState
  readonly host: Host
  readonly mailbox: string
  readonly removes: QuitRemoves
  readonly deleting: boolean
  readonly sizes: 'auto' | 'exact' | 'advisory'
  readonly keepAliveMs: number
  /** One message at a time: for those that were short or unreadable before. */
  readonly oneByOne: boolean
  /** UIDLs listed more than once; `unknown` while the listing goes on: then any may be. */
  readonly repeated: { has(uidl: string): boolean } | 'unknown'
  /** Monotonic clock after which no further mail is asked for, ms. */
  readonly until: number
}

export class Session {
  readonly #options: SessionOptions
  readonly #gate = new Gate()
  readonly #copies: Copies
  readonly #echo: Echo
  readonly #keys = new Map<number, { readonly key: string; readonly uidl: string | null }>()
  readonly #closed = new AbortController()
  readonly #signal: AbortSignal
  #outstanding = 0
  #blocked = false
  #readingOver = false
  #wake: (() => void) | undefined
  #keepAlive: Timer | undefined
  /** Messages whose reading ended, well or not. */
  reached = 0
  /** The message that was being read when the connection was lost. */
  stalledAt: WorkItem | undefined
  /** The server gives no more mail for now: about the account, not about a message. */
  quota: Pop3ReplyError | undefined
  /** Messages that became durable or were found so. */
  progressed = 0
  /** Octets of the messages whose reading ended. */
  reachedOctets = 0
  /** Time was over, or the server gave no more, before all work was asked for. */
  cutShort = false
  /** DELEs accepted. */
  deleted = 0
  /** From the beginning of `read` to the last verdict, and from the first DELE to the reply to QUIT. */
  readMs = 0
  quitMs = 0
  /** Durable, and left undeleted to see what QUIT makes of it. */
  spared: { readonly uidl: string } | undefined

  constructor(options: SessionOptions) {
    this.#options = options
    this.#copies = new Copies(options.context, options.state.tally)
    this.#signal = AbortSignal.any([options.context.signal, this.#closed.signal])
    this.#echo = new Echo({
      ...{ host: options.host, ask: (item) => this.#speaksOf(item) },
      // Where replies came apart: twice at the same message, and it is set aside.
      blame: (item) => (this.stalledAt ??= item),
      fail: (error) => this.#fail(error),
    })
    options.client.onClose((error) => this.#closed.abort(error ?? disconnected()))
    this.#signal.addEventListener('abort', () => this.#ended(), { once: true })
  }

  /** Keys of the messages whose whole bytes came. */
  met(): ReadonlySet<string> {
    return new Set([...this.#keys.values()].map(({ key }) => key))
  }

  get spoilt(): boolean {
    return this.#gate.spoilt
  }

  /** Reads the items and resolves when each has its verdict. Rejects when the connection is lost, after the same wait. */
  async read(items: Iterable<WorkItem> | AsyncIterable<WorkItem>, push: Push): Promise<void> {
    const { clock, signal } = this.#options.context
    const begun = clock.monotonic()
    this.#startKeepAlive()
    try {
      await this.#issueAll(items, push)
    } finally {
      this.#readingOver = true
      this.#echo.pause()
      this.#updateStarved()
      // When nothing is to be waited for any more, nobody will answer, and nothing will be deleted either.
      while (this.#gate.pending > 0 && !signal.aborted) await this.#change()
      this.#keepAlive?.cancel()
      this.#options.context.starved(false)
      this.readMs = clock.monotonic() - begun
    }
    this.#signal.throwIfAborted()
  }

  async #issueAll(items: Iterable<WorkItem> | AsyncIterable<WorkItem>, push: Push): Promise<void> {
    let issued = 0
    for await (const item of items) {
      if (this.#isOver(issued) || !(await this.#credit(item))) {
        this.cutShort = true
        return
      }
      this.#issue(item, push)
      issued += 1
      await this.#room()
    }
  }

  /** One message is asked for in any case: else a slow opening would leave nothing of a session. */
  #isOver(issued: number): boolean {
    const { context, until } = this.#options
    if (this.quota !== undefined || context.stopping.aborted) return true
    return issued > 0 && context.clock.monotonic() >= until
  }

  /**
   * Deletes what the gate lets through and QUITs, or closes without QUIT where that would remove what is not durable.
   * Resolves with true when the server answered QUIT, false when the session was closed without it.
   * @param spare where it is not known what QUIT removes, leave one message undeleted, to be looked for in the next session
   */
  async finish({ spare }: { readonly spare: boolean }): Promise<boolean> {
    const { client, removes, deleting, context } = this.#options
    if (!this.#gate.mayQuit(removes, deleting)) {
      client.close()
      return false
    }
    if (!deleting) {
      await client.quit().catch((error: unknown) => this.#note(error, 'QUIT was not confirmed'))
      return true
    }
    context.progress({ phase: 'deleting' })
    const expunge = new Expunge({ client, context, state: this.#options.state, keys: this.#keys })
    const numbers = this.#gate.deletable()
    if (numbers.length > 0) await this.#confirmOwner()
    const begun = context.clock.monotonic()
    try {
      await expunge.run(numbers, { spare: spare && removes === 'unknown' })
      return true
    } finally {
      this.deleted = expunge.deleted
      this.spared = expunge.spared
      this.quitMs = context.clock.monotonic() - begun
    }
  }

  /** Whoever was suspended may have been taken for dead (G11). The destination may be away: NOOP meanwhile. */
  async #confirmOwner(): Promise<void> {
    this.#startKeepAlive()
    try {
      await this.#options.context.confirmOwner()
    } finally {
      this.#keepAlive?.cancel()
    }
    this.#signal.throwIfAborted()
  }

  /** Waits until one more may be issued. Without an echo a reply is known by nothing but its place: one at a time then. */
  async #room(): Promise<void> {
    const { oneByOne, host } = this.#options
    if (oneByOne) this.#echo.pause()
    const room = oneByOne || !host.echoes ? 1 : MAX_ISSUED
    while (this.#outstanding >= room || (oneByOne && this.#gate.pending > 0)) await this.#change()
  }

  /** Does the server still say of this number what its listing said? Undefined when it refuses to say. */
  async #speaksOf({ n, uidl, listedOctets }: WorkItem): Promise<boolean | undefined> {
    const { client, host } = this.#options
    try {
      if (uidl !== null && host.listing.uidl) return (await client.uidl(n)) === uidl
      return host.listing.list ? (await client.list(n)) === listedOctets : undefined
    } catch (error) {
      if (error instanceof Pop3ReplyError) return undefined
      throw error
    }
  }

  /** False when the drain was stopped, or the server gave no more, while it was waited for. */
  async #credit(item: WorkItem): Promise<boolean> {
    const { budget, stopping } = this.#options.context
    this.#signal.throwIfAborted()
    const goesOn = () => !stopping.aborted && this.quota === undefined
    while (goesOn() && !budget.tryTake(item.listedOctets)) {
      this.#blocked = true
      this.#echo.pause()
      this.#updateStarved()
      await budget.wait(this.#signal)
    }
    if (this.#blocked) {
      this.#blocked = false
      this.#updateStarved()
    }
    return goesOn()
  }

  #issue(item: WorkItem, push: Push): void {
    const { client, context } = this.#options
    const collector = new Collector(item.listedOctets, context.budget, context.maxMessageBytes)
    this.#gate.reading(item.n)
    this.#outstanding += 1
    let ticket = 0
    const handled = client
      .retr(item.n, { octets: item.listedOctets, onData: (chunk) => collector.add(chunk) })
      .then(
        () => this.#came(item, collector, ticket, push),
        (error: unknown) => this.#unread(item, collector, error),
      )
      .catch((error: unknown) => {
        this.#gate.unresolved(item.n)
        this.#fail(error)
      })
      .finally(() => {
        this.#outstanding -= 1
        this.reached += 1
        this.reachedOctets += item.listedOctets
        this.#updateStarved()
        this.#wake?.()
      })
    if (this.#options.host.echoes) ticket = this.#echo.issued(item, handled)
  }

  /** Nothing is made of the bytes before it is sure whose they are (G9). */
  #came(item: WorkItem, collector: Collector, ticket: number, push: Push): void {
    if (!this.#options.host.echoes) {
      this.#received(item, collector, push)
      return
    }
    this.#echo.hold({
      ...{ ticket, item },
      release: () => {
        // What fails here must not keep those behind it waiting.
        try {
          this.#received(item, collector, push)
        } catch (error) {
          this.#giveBack(item, collector)
          this.#fail(error)
        }
        this.#updateStarved()
        this.#wake?.()
      },
      discard: () => this.#giveBack(item, collector),
    })
  }

  #received(item: WorkItem, collector: Collector, push: Push): void {
    const { context, state } = this.#options
    if (collector.discarded) {
      if (collector.octets > context.maxMessageBytes) state.outgrown(item, collector.octets)
      else state.suspect(item, 'outgrown', collector.octets)
      this.#giveBack(item, collector)
      return
    }
    this.#options.host.sized(item.listedOctets, collector.octets)
    const message = this.#message(item, collector)
    if (collector.octets < item.listedOctets && !this.#isWhole(item, message)) {
      state.suspect(item, 'short', collector.octets, message.sha256)
      this.#giveBack(item, collector)
      return
    }
    this.#keys.set(item.n, { key: message.key, uidl: item.uidl })
    state.tally.see(message.key)
    state.readAgain(item)
    const settled = (verdict: Verdict) => this.#settled(item, message, verdict, collector.credit)
    const { repeated } = this.#options
    const watched = item.uidl === null || repeated === 'unknown' || repeated.has(item.uidl)
    if (watched && this.#copies.join(message, item, settled)) return
    push(message, (verdict) => {
      if (watched) this.#copies.settle(message.key, verdict)
      settled(verdict)
    })
  }

  /** Fewer octets than announced, on a server whose announcements are worth nothing: it has to come twice alike (G8). */
  #isWhole(item: WorkItem, message: RawMessage): boolean {
    const { host, sizes, state } = this.#options
    const advisory = sizes === 'advisory' || (sizes === 'auto' && host.announcesWrongly)
    return advisory && state.cameAlike(item, message.sha256)
  }

  #giveBack(item: WorkItem, collector: Collector): void {
    this.#options.context.budget.release(collector.credit)
    this.#gate.unresolved(item.n)
    this.#wake?.()
  }

  #message(item: WorkItem, collector: Collector): RawMessage {
    const { mailbox, context } = this.#options
    const { raw, sha256, headerSha256 } = collector.finish()
    const key = messageKey(mailbox, item.uidl, sha256)
    return {
      ...{ mailbox, uidl: item.uidl, listedOctets: item.listedOctets, octets: raw.length },
      ...{ sha256, headerSha256, key, raw, fetchedAt: context.clock.now() },
    }
  }

  /** -ERR says nothing about the message (G8); a lost connection says nothing at all. */
  #unread(item: WorkItem, collector: Collector, error: unknown): void {
    this.#options.context.budget.release(collector.credit)
    if (error instanceof Pop3ReplyError && error.code === 'MAILDRAIN_POP3_QUOTA')
      this.quota ??= error
    else if (error instanceof Pop3ReplyError) {
      this.#options.state.suspect(item, 'refused', 0)
      this.#note(error, 'RETR was refused')
    } else if (this.quota === undefined) this.stalledAt ??= item
    this.#gate.unresolved(item.n)
  }

  #settled(item: WorkItem, message: RawMessage, verdict: Verdict, credit: number): void {
    const { context, state } = this.#options
    answer(context, state, message, verdict)
      .then((durable) => {
        if (durable) this.#gate.durable(item.n)
        else this.#gate.unresolved(item.n)
        if (durable) this.progressed += 1
      })
      .catch((error: unknown) => {
        this.#gate.unresolved(item.n)
        this.#fail(error)
      })
      .finally(() => {
        context.budget.release(credit)
        this.#wake?.()
      })
  }

  #updateStarved(): void {
    const waiting = this.#outstanding > 0 || this.#echo.held > 0
    const idle = !waiting && (this.#blocked || this.#readingOver)
    this.#options.context.starved(idle)
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined
        resolve()
      }
    })
  }

  /** Servers log out a silent client, WildDuck after 60 s; nothing is outstanding, so NOOP cannot queue behind a body. */
  #startKeepAlive(): void {
    const { client, context, keepAliveMs } = this.#options
    this.#keepAlive = context.clock.timer(keepAliveMs, () => {
      if (this.#signal.aborted) return
      if (this.#outstanding === 0)
        client.noop().catch((error: unknown) => this.#note(error, 'NOOP failed'))
      this.#startKeepAlive()
    })
  }

  #ended(): void {
    this.#echo.discard()
    this.#wake?.()
  }

  #fail(error: unknown): void {
    this.#closed.abort(error)
    this.#options.client.close()
    this.#wake?.()
  }

  #note(error: unknown, message: string): void {
    noteRefusal(this.#options.context.log, error, message)
  }
}

const disconnected = (): MaildrainError =>
  new MaildrainError('MAILDRAIN_POP3_DISCONNECTED', 'the session was closed')
