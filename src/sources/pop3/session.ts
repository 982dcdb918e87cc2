/**
 * One POP3 session with its two phases (G9): reading, then deleting and QUIT, and no way back. The session owns the
 * socket; the stream of deliveries is a view of it.
 */
import { MaildrainError, Pop3ReplyError } from '../../errors.ts'
import type { RawMessage } from '../../message.ts'
import type { Verdict } from '../../pipeline/delivery.ts'
import { Gate } from '../../pipeline/gate.ts'
import { answer } from './answer.ts'
import { Collector, messageOf } from './collector.ts'
import { Copies } from './copies.ts'
import { Echo } from './echo.ts'
import { Expunge, type Spared, noteRefusal } from './expunge.ts'
import { HeaderComparison, type HeaderRules, isOther } from './header-comparison.ts'
import { KeepAlive } from './keep-alive.ts'
import { SessionKeys } from './session-keys.ts'
import type { Push, SessionOptions } from './session-options.ts'
import { speaksOf } from './speaks-of.ts'
import { Tops, type TopsOptions } from './tops.ts'
import { withdrawWhenStopped } from './stop.ts'
import type { WorkItem } from './work.ts'

/** RETRs handed to the client at once; it pipelines as many of them as its byte window allows. */
const MAX_ISSUED = 256

export class Session {
  readonly #options: SessionOptions
  readonly #gate = new Gate()
  readonly #copies: Copies
  readonly #echo: Echo<WorkItem>
  readonly #headers: HeaderComparison | undefined
  readonly #keys = new SessionKeys()
  readonly #closed = new AbortController()
  readonly #signal: AbortSignal
  readonly #keepAlive: KeepAlive
  #outstanding = 0
  #blocked = false
  #readingOver = false
  #wake: (() => void) | undefined
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
  spared: Spared | undefined

  constructor(options: SessionOptions) {
    this.#options = options
    this.#copies = new Copies(options.context, options.state.tally)
    this.#signal = AbortSignal.any([options.context.signal, this.#closed.signal])
    const { client, host, keepAliveMs: ms, context, oneByOne: alone } = options
    const signal = this.#signal
    this.#keepAlive = new KeepAlive({
      ...{ clock: context.clock, ms, signal, noop: () => this.#noop() },
    })
    const binding = {
      ask: (item: WorkItem) => speaksOf(client, host, item),
      // Where replies came apart: twice at the same message, and it is set aside.
      blame: (item: WorkItem) => void (this.stalledAt ??= item),
    }
    this.#echo = new Echo({ ...binding, host, alone, fail: (error) => this.#fail(error) })
    if (options.headers !== undefined) this.#headers = this.#comparison(options.headers, binding)
    withdrawWhenStopped(client, context.stopping, this.#closed.signal)
    client.onClose((error) => this.#closed.abort(error ?? disconnected()))
    const over = () => {
      this.#echo.discard()
      this.#wake?.()
    }
    this.#signal.addEventListener('abort', over, { once: true })
  }

  /** Keys of the messages whose whole bytes came. */
  met(): ReadonlySet<string> {
    return new Set([...this.#keys.values()].map(({ key }) => key))
  }

  /** Messages came, and the server refused to say of any which it was. */
  get mute(): boolean {
    return this.#echo.mute
  }

  get spoilt(): boolean {
    return this.#gate.spoilt
  }

  /** Numbers that are durable, and stay until their time has come. */
  get staying(): number {
    return this.#gate.stays
  }

  /** Reads the items and resolves when each has its verdict. Rejects when the connection is lost, after the same wait. */
  async read(items: Iterable<WorkItem> | AsyncIterable<WorkItem>, push: Push): Promise<void> {
    const { clock, signal } = this.#options.context
    const begun = clock.monotonic()
    this.#keepAlive.start()
    try {
      await this.#issueAll(items, push)
    } catch (error) {
      this.#fail(error)
      throw error
    } finally {
      this.#readingOver = true
      this.#echo.pause()
      this.#updateStarved()
      // When nothing is to be waited for any more, nobody will answer, and nothing will be deleted either.
      while (this.#gate.pending > 0 && !signal.aborted) await this.#change()
      this.#keepAlive.stop()
      this.#options.context.starved(false)
      this.readMs = clock.monotonic() - begun
    }
    this.#signal.throwIfAborted()
  }

  async #issueAll(items: Iterable<WorkItem> | AsyncIterable<WorkItem>, push: Push): Promise<void> {
    let issued = 0
    for await (const item of this.#headers?.sift(items) ?? items) {
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
    const { client, deleting, disposes, context } = this.#options
    const removes = this.#options.removes()
    if (!this.#gate.mayQuit(removes, deleting || disposes)) {
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
    this.#keepAlive.start()
    try {
      await this.#options.context.confirmOwner()
    } finally {
      this.#keepAlive.stop()
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

  #comparison(
    rules: HeaderRules,
    binding: Pick<TopsOptions<WorkItem>, 'ask' | 'blame'>,
  ): HeaderComparison {
    const { client, host, context, state } = this.#options
    const { budget } = context
    return new HeaderComparison({
      ...{ rules, host, context, isOver: () => this.#isOver(this.reached) },
      tops: new Tops({ ...binding, client, host, budget, signal: this.#signal }),
      pause: () => this.#echo.pause(),
      known: ({ n, uidl, listedOctets }, { key }, octets) => {
        this.#keys.set(n, { key, uidl })
        this.#gate.reading(n)
        this.#durable(n, key)
        state.count(key, 'alreadyDelivered', listedOctets)
        this.progressed += 1
        this.reached += 1
        this.reachedOctets += octets
      },
    })
  }

  #received(item: WorkItem, collector: Collector, push: Push): void {
    const { context, state, mailbox } = this.#options
    if (collector.discarded) {
      if (collector.octets > context.maxMessageBytes) state.outgrown(item, collector.octets)
      else state.suspect(item, 'outgrown', collector.octets)
      this.#giveBack(item, collector)
      return
    }
    this.#options.host.sized(item.listedOctets, collector.octets)
    const message = messageOf(item, collector, { mailbox, fetchedAt: context.clock.now() })
    if (collector.octets < item.listedOctets && !this.#isWhole(item, message)) {
      state.suspect(item, 'short', collector.octets, message.sha256)
      this.#giveBack(item, collector)
      return
    }
    this.#keys.set(item.n, { key: message.key, uidl: item.uidl })
    this.#headers?.came(item, message)
    if (isOther(context.ledger, item, message)) this.#options.host.uidlRepeats()
    if (message.key === this.#options.spared) this.#options.host.quitLeftRead()
    state.tally.see(message.key)
    state.came(item)
    const settled = (verdict: Verdict) => this.#settled(item, message, verdict, collector.credit)
    const { repeated } = this.#options
    const watched = item.uidl === null || repeated === 'unknown' || repeated.has(item.uidl)
    if (watched && this.#copies.join(message, settled)) return
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

  /** -ERR says nothing about the message (G8); a lost connection says nothing at all. */
  #unread(item: WorkItem, collector: Collector, error: unknown): void {
    const { budget, stopping } = this.#options.context
    budget.release(collector.credit)
    if (error === stopping.reason) this.#gate.withdrawn(item.n)
    else if (error instanceof Pop3ReplyError && error.code === 'MAILDRAIN_POP3_QUOTA')
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
        if (durable) this.#durable(item.n, message.key)
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

  #durable(n: number, key: string): void {
    const mayDelete = this.#options.due.mayDelete(key)
    this.#gate[mayDelete ? 'durable' : 'staying'](n)
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

  /** While nothing is outstanding, so that NOOP cannot queue behind a body. */
  #noop(): void {
    if (this.#outstanding > 0) return
    this.#options.client.noop().catch((error: unknown) => this.#note(error, 'NOOP failed'))
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
