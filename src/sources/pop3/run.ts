/**
 * Session after session until the mailbox is drained. What is only to be read is listed window by window; what is to prove
 * anything is a complete listing. At most `sessionMessages` are read and deleted in one session, half of what was reached
 * after a session that was lost (a lost bet).
 */
import { sleep } from '../../clock.ts'
import { ConfigError, Pop3ProtocolError, describeError } from '../../errors.ts'
import type { Pop3Client } from '../../pop3/index.ts'
import type { SourceContext } from '../source.ts'
import { Connector, type Logins } from './connect.ts'
import { Deletions } from './deletions.ts'
import { Host, quitRemoves } from './host.ts'
import { type Judgement, NOTHING_JUDGED, judge } from './judge.ts'
import { Keeper } from './keeper.ts'
import { list } from './listing.ts'
import { Look } from './look.ts'
import type { ResolvedPop3SourceOptions } from './options.ts'
import { RunState } from './run-state.ts'
import { type Push, Session } from './session.ts'
import { Stagnation } from './stagnation.ts'
import { closeWhenStopped } from './stop.ts'
import { Windows, chained } from './windows.ts'
import { type WorkItem, WorkPlan } from './work.ts'

/** New mail found by closing looks is drained this many times; then it is `remaining`. */
const MAX_NEW_MAIL_ROUNDS = 3
/** Deletions in doubt after which a complete look is due: some 500 octets of memory each. */
const MAX_IN_DOUBT = 20_000

type Next = 'done' | 'again'

interface Task {
  readonly plan: WorkPlan
  readonly items: Iterable<WorkItem> | AsyncIterable<WorkItem>
  /** The items are those that could not be read before, and nothing else. */
  readonly retrying: boolean
  readonly hasUidl: boolean
  readonly look: Look | undefined
  /** UIDLs that may stand for several messages. */
  readonly repeated: ReadonlySet<string> | 'unknown'
  /** Called between reading and deleting. */
  readonly afterReading?: () => Promise<void>
  /** The listing named every message that STAT counted: only then absence from it proves anything. */
  readonly complete: boolean
}

export class Pop3Run {
  readonly #options: ResolvedPop3SourceOptions
  readonly #context: SourceContext
  readonly #mailbox: string
  readonly #push: Push
  readonly #connector: Connector
  readonly #keeper: Keeper
  readonly #deletions: Deletions
  readonly #runStart: number
  readonly state: RunState
  readonly #host: Host
  #limit: number
  #knownOnly = false
  #looked = false
  #resetChecked = false
  /** The next session has to see the whole mailbox. */
  #lookDue: boolean
  #emptyLooks = 0
  #newMailRounds = 0
  /** Most numbers that a session has listed. */
  #widestView = 0
  /** Where the last session was lost. */
  #stalledAt: WorkItem | undefined
  /** What stood when a session was last lost. */
  #mark = '0 0 0'
  #working = false
  /** The last session got to the end of what it saw. */
  #expectNothing = false
  readonly #stagnation: Stagnation

  constructor(
    options: ResolvedPop3SourceOptions,
    context: SourceContext,
    { mailbox, logins, push }: { mailbox: string; logins: Logins; push: Push },
  ) {
    this.#options = options
    this.#context = context
    this.#mailbox = mailbox
    this.#push = push
    this.#host = new Host(context.ledger.host ?? null, () => context.clock.now())
    this.#connector = new Connector(options, context, { host: this.#host, logins })
    this.state = new RunState(context)
    this.#stagnation = new Stagnation(mailbox, this.state)
    this.#keeper = new Keeper(context, this.state)
    this.#deletions = new Deletions(context, this.state, this.#keeper, options.lookDelaysMs)
    this.#runStart = context.clock.now()
    this.#limit = context.deletion ? options.sessionMessages : Infinity
    // What earlier runs left behind, only a complete look can judge.
    this.#lookDue = options.listing === 'full' || context.ledger.size > 0
  }

  /** Resolves when the mailbox is drained (design: two empty sessions, or a complete look that leaves nothing to do). */
  async drain(): Promise<void> {
    await this.#keeper.forgetGone()
    for (;;) {
      this.#context.progress({ phase: 'connecting' })
      const client = await this.#connector.open()
      const letGo = closeWhenStopped(client, this.#context, () => this.#working)
      try {
        if ((await this.#session(client)) === 'done') return
      } catch (error) {
        client.close()
        this.#context.stopping.throwIfAborted()
        this.#lookDue = true
        await this.#connector.failed(error)
        continue
      } finally {
        letGo()
      }
      this.#stagnation.assertProgress(`${this.#limit} ${this.#emptyLooks}`)
    }
  }

  async #session(client: Pop3Client): Promise<Next> {
    const { state } = this
    state.sessions += 1
    this.#context.progress({ phase: 'listing', sessions: state.sessions })
    const { messages, octets } = await client.stat()
    if (messages === 0) return this.#emptyLook(client)
    this.#emptyLooks = 0
    state.remaining = messages
    await this.#host.probe(client, messages)
    if (!this.#seesWindows(client)) return this.#lookAndWork(client, messages)
    return this.#readWindows(client, messages, octets)
  }

  /** Windows are for reading what is to be deleted: what stays needs a listing that proves itself complete. */
  #seesWindows(client: Pop3Client): boolean {
    const { listing } = this.#host
    if (this.#lookDue || this.#knownOnly || !this.#deleting || this.state.suspects.size > 0)
      return false
    // One command at a time, a window costs more than it saves: 300 messages 5 ms away took 5.1 s, not 1.8.
    if (!listing.list || !listing.uidl || !client.pipelining) return false
    return this.state.inDoubt.size < MAX_IN_DOUBT
  }

  async #readWindows(client: Pop3Client, messages: number, octets: number): Promise<Next> {
    const plan = this.#plan()
    const { windowMessages } = this.#options
    const { inDoubt, tally, bytesDone } = this.state
    const windows = new Windows({
      ...{ client, host: this.#host, inDoubt, plan, messages, windowMessages },
    })
    const items = windows.read()
    const first = await items.next()
    if (windows.deletedIsListed) return this.#lookAndWork(client, messages)
    this.#widestView = Math.max(this.#widestView, messages)
    const { kept, filtered, deadLettered } = tally.counts
    this.#context.progress({
      messagesTotal: tally.answered - kept - filtered - deadLettered + messages,
      bytesTotal: octets > 0 ? bytesDone + octets : null,
    })
    return this.#work(client, {
      ...{ plan, hasUidl: true, look: undefined, retrying: false, complete: false },
      ...{ items: first.done === true ? [] : chained(first.value, items), repeated: 'unknown' },
      afterReading: async () => {
        plan.leftover += windows.uncovered
        this.#lookDue = windows.items === 0 || windows.uncovered === 0 || windows.deletedIsListed
        await this.#keeper.settlePlan(plan)
      },
    })
  }

  async #lookAndWork(client: Pop3Client, messages: number): Promise<Next> {
    const { state } = this
    const look = new Look(this.#context, state, !this.#looked)
    const plan = this.#plan()
    this.#deletions.expect()
    const { hasUidl, named } = await list(client, messages, { look, plan, host: this.#host })
    if (!hasUidl && !this.#context.deletion) throw keepNeedsUidl(this.#mailbox)
    const complete = named === messages
    const judged = await this.#judge(client, { look, plan, hasUidl, complete })
    if (judged.mustClose) {
      client.close()
      return 'again'
    }
    this.#looked ||= complete
    if (judged.lookAgainMs !== undefined) return this.#lookAgain(client, judged.lookAgainMs)
    await this.#keeper.settlePlan(plan)
    this.#reportPlan(plan)
    const { items, retrying } = this.#task(plan, judged.givenUp)
    if (items.length === 0 && !complete) throw unlisted(this.#mailbox, named, messages)
    if (items.length === 0 || this.#onlyNewMail(plan, messages)) return this.#close(client)
    this.#widestView = Math.max(this.#widestView, messages)
    this.#lookDue = this.#options.listing === 'full' || plan.remaining === 0
    return this.#work(client, {
      ...{ plan, items, retrying, hasUidl, look, complete, repeated: plan.repeated },
    })
  }

  async #judge(
    client: Pop3Client,
    seen: { look: Look; plan: WorkPlan; hasUidl: boolean; complete: boolean },
  ): Promise<Judgement> {
    if (!seen.complete) return NOTHING_JUDGED
    const checkReset = this.#options.onUidlReset === 'stop' && !this.#resetChecked
    const judged = await judge({
      ...{ client, ...seen, mailbox: this.#mailbox, checkReset },
      ...{ deletions: this.#deletions, keeper: this.#keeper },
    })
    // Not before: a connection lost while the samples were read has answered nothing.
    this.#resetChecked = true
    return judged
  }

  /** STAT 0: some servers answer so when they fail to open the mailbox (James), so one such session proves nothing. */
  async #emptyLook(client: Pop3Client): Promise<Next> {
    this.#emptyLooks += 1
    this.#context.progress({ phase: 'verifying' })
    await this.#quitQuietly(client)
    if (this.#emptyLooks < 2) return 'again'
    await new Look(this.#context, this.state, false).allGone()
    this.#keeper.vanish(() => false)
    this.state.remaining = 0
    return 'done'
  }

  #plan(): WorkPlan {
    return new WorkPlan({
      ledger: this.#context.ledger,
      deleting: this.#deleting,
      maxMessageBytes: this.#context.maxMessageBytes,
      fingerprint: this.#context.fingerprint,
      runStart: this.#runStart,
      limit: this.#limit,
      knownOnly: this.#knownOnly,
      setAside: (uidl, listedOctets) => this.state.isSuspect(uidl, listedOctets),
    })
  }

  get #deleting(): boolean {
    return this.#context.deletion && !this.#deletions.stopped
  }

  /** This session has read nothing: it may QUIT, and must, for the next look is a fresh session. */
  async #lookAgain(client: Pop3Client, waitMs: number): Promise<Next> {
    this.#context.progress({ phase: 'verifying' })
    await this.#quitQuietly(client)
    await sleep(this.#context.clock, waitMs, this.#context.stopping)
    return 'again'
  }

  /** The work of this session; messages that could not be read come last, in sessions of their own. */
  #task(
    plan: WorkPlan,
    givenUp: ReadonlySet<string>,
  ): { readonly items: readonly WorkItem[]; readonly retrying: boolean } {
    const open = (item: WorkItem) => item.uidl === null || !givenUp.has(item.uidl)
    const items = plan.items.filter(open)
    if (items.length > 0) return { items, retrying: false }
    return { items: plan.setAside.filter(open), retrying: true }
  }

  /** A closing look found new mail once too often. A view that is as large as before is a capped one: looped over. */
  #onlyNewMail(plan: WorkPlan, messages: number): boolean {
    if (!this.#expectNothing || plan.freshMessages === 0 || messages >= this.#widestView)
      return false
    this.#newMailRounds += 1
    return this.#context.deletion && this.#newMailRounds > MAX_NEW_MAIL_ROUNDS
  }

  async #close(client: Pop3Client): Promise<Next> {
    await this.#quitQuietly(client)
    return 'done'
  }

  async #work(client: Pop3Client, task: Task): Promise<Next> {
    const { plan } = task
    const session = new Session({
      ...{ client, context: this.#context, state: this.state, mailbox: this.#mailbox },
      host: this.#host,
      removes: quitRemoves(client.capabilities.expireDays, this.#options.quitDeletes),
      deleting: this.#deleting,
      sizes: this.#options.sizes,
      keepAliveMs: this.#options.keepAliveMs,
      oneByOne: task.retrying,
      repeated: task.repeated,
    })
    this.#context.progress({ phase: 'reading' })
    const quit = await this.#readAndFinish(session, task)
    if (session.quota === undefined || session.progressed > 0) this.#connector.progressed()
    this.#ended(session, plan, quit)
    // What a session that was stopped did not meet is not gone.
    this.#context.stopping.throwIfAborted()
    if (session.quota !== undefined) throw session.quota
    if (!task.hasUidl) return this.#withoutUidl(session, task)
    const finished = task.complete && plan.remaining === 0 && this.state.suspects.size === 0
    return finished && !this.#context.deletion ? 'done' : 'again'
  }

  async #readAndFinish(session: Session, { items, afterReading }: Task): Promise<boolean> {
    this.#working = true
    try {
      await session.read(items, this.#push)
      await afterReading?.()
      return await session.finish()
    } catch (error) {
      if (!this.#context.stopping.aborted) this.#lost(session, error)
      throw session.quota ?? error
    } finally {
      this.#working = false
      if (!this.#context.signal.aborted) {
        await this.#keeper.settleSession()
        await this.#remember()
      }
    }
  }

  async #remember(): Promise<void> {
    const changes = this.#host.changes()
    if (changes !== null) await this.#context.remember(changes)
  }

  /** A session without a QUIT reply is a lost bet: the next is half as long and begins with what is known. */
  #lost(session: Session, error: unknown): void {
    if (this.#advanced()) this.#connector.progressed()
    const { stalledAt, reached } = session
    // Courier closes the connection when it cannot read a file: one such message must not end every session.
    const again = stalledAt !== undefined && stalledAt.uidl === this.#stalledAt?.uidl
    if (again) this.state.suspect(stalledAt, 'disconnected', 0)
    this.#stalledAt = stalledAt
    if (!this.#deleting) return
    this.#limit = Math.max(1, Math.floor(reached / 2))
    this.#knownOnly = session.progressed > 0
    this.#context.log.info(
      { reached, limit: this.#limit, reason: describeError(error) },
      'session lost; the next one is shorter',
    )
  }

  /** Has anything changed for good since this was last asked? What is compared once more has not. */
  #advanced(): boolean {
    const { tally, inDoubt } = this.state
    const mark = [tally.answered, inDoubt.deleted, inDoubt.verifiedGone].join(' ')
    const advanced = mark !== this.#mark
    this.#mark = mark
    return advanced
  }

  #ended(session: Session, plan: WorkPlan, quit: boolean): void {
    // What was spoilt is durable by now: a session of known messages only can QUIT.
    this.#knownOnly = !quit && this.#deleting && session.progressed > 0
    this.#expectNothing = quit && plan.remaining === 0 && plan.setAside.length === 0
    if (quit && this.#context.deletion)
      this.#limit = Math.min(this.#options.sessionMessages, this.#limit * 2)
    const { sessions, inDoubt } = this.state
    this.#context.progress({ deleted: inDoubt.deleted })
    this.#context.log.info(
      { session: sessions, read: session.reached, quit, deleted: inDoubt.deleted },
      quit
        ? 'session ended'
        : 'session closed without QUIT: not everything that was read is durable',
    )
  }

  /** Without unique-ids only the bytes tell: what a session that read everything did not meet is gone. */
  async #withoutUidl(session: Session, task: Task): Promise<Next> {
    if (!task.complete) return 'again'
    if (task.plan.remaining === 0 && !session.spoilt) {
      const met = session.met()
      const absent = this.state.inDoubt.all().filter(({ key }) => !met.has(key))
      await task.look?.confirm(absent.map(({ key }) => key))
    }
    return session.progressed === 0 && this.state.suspects.size === 0 ? 'done' : 'again'
  }

  #reportPlan(plan: WorkPlan): void {
    const { tally, bytesDone } = this.state
    this.#context.progress({
      messagesTotal: tally.answered + plan.pendingMessages,
      bytesTotal: bytesDone + plan.pendingOctets,
    })
  }

  async #quitQuietly(client: Pop3Client): Promise<void> {
    try {
      await client.quit()
    } catch (error) {
      this.#context.log.debug({ reason: describeError(error) }, 'QUIT of a look was not answered')
    }
  }
}

const keepNeedsUidl = (mailbox: string): ConfigError =>
  new ConfigError(
    'MAILDRAIN_CONFIG_KEEP_NEEDS_UIDL',
    `the server of ${mailbox} has no UIDL, so mail that stays there could not be told from new mail: drain with --delete`,
  )

const unlisted = (mailbox: string, named: number, messages: number): Pop3ProtocolError =>
  new Pop3ProtocolError(
    'MAILDRAIN_POP3_PROTOCOL',
    `the server of ${mailbox} lists ${named} of the ${messages} messages that it counts: the others stay there unread; look at the mailbox on the server`,
  )
