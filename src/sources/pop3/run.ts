/**
 * Session after session until the mailbox is drained. Each begins with a complete listing; at most `sessionMessages` are
 * read and deleted in one, half of what was reached after a session that was lost (a lost bet).
 */
import { sleep } from '../../clock.ts'
import { ConfigError, Pop3ProtocolError, describeError } from '../../errors.ts'
import type { QuitRemoves } from '../../pipeline/gate.ts'
import type { Pop3Client } from '../../pop3/index.ts'
import type { SourceContext } from '../source.ts'
import { Connector } from './connect.ts'
import { Deletions } from './deletions.ts'
import { Keeper } from './keeper.ts'
import { list } from './listing.ts'
import { Look } from './look.ts'
import type { ResolvedPop3SourceOptions } from './options.ts'
import { RunState } from './run-state.ts'
import { type Push, Session } from './session.ts'
import { type WorkItem, WorkPlan } from './work.ts'

/** New mail found by closing looks is drained this many times; then it is `remaining`. */
const MAX_NEW_MAIL_ROUNDS = 3
/** Sessions in a row that change nothing at all. */
const MAX_IDLE_SESSIONS = 10

type Next = 'done' | 'again'

interface Task {
  readonly plan: WorkPlan
  readonly items: readonly WorkItem[]
  /** The items are those that could not be read before, and nothing else. */
  readonly retrying: boolean
  readonly hasUidl: boolean
  readonly look: Look
  /** The listing named every message that STAT counted: only then absence from it proves anything. */
  readonly complete: boolean
}

/** What QUIT removes on this host (RFC 2449 section 6.7); silence counts as the worse. */
export function quitRemoves(
  expireDays: number | null,
  quitDeletes: 'auto' | 'yes' | 'no',
): QuitRemoves {
  if (quitDeletes !== 'auto') return quitDeletes === 'yes' ? 'read' : 'deleted'
  if (expireDays === null) return 'unknown'
  return expireDays === 0 ? 'read' : 'deleted'
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
  #limit: number
  #knownOnly = false
  #looked = false
  #emptyLooks = 0
  #newMailRounds = 0
  /** Most numbers that a session has listed. */
  #widestView = 0
  /** Where the last session was lost. */
  #stalledAt: WorkItem | undefined
  /** The last session got to the end of what it saw. */
  #expectNothing = false
  #idle = 0
  #signature = ''

  constructor(
    options: ResolvedPop3SourceOptions,
    context: SourceContext,
    mailbox: string,
    push: Push,
  ) {
    this.#options = options
    this.#context = context
    this.#mailbox = mailbox
    this.#push = push
    this.#connector = new Connector(options, context)
    this.state = new RunState(context)
    this.#keeper = new Keeper(context, this.state)
    this.#deletions = new Deletions(context, this.state, this.#keeper, options.lookDelaysMs)
    this.#runStart = context.clock.now()
    this.#limit = context.deletion ? options.sessionMessages : Infinity
  }

  /** Resolves when the mailbox is drained (design: two empty sessions, or a complete look that leaves nothing to do). */
  async drain(): Promise<void> {
    await this.#keeper.forgetGone()
    for (;;) {
      this.#context.progress({ phase: 'connecting' })
      const client = await this.#connector.open()
      try {
        if ((await this.#session(client)) === 'done') return
      } catch (error) {
        client.close()
        this.#context.signal.throwIfAborted()
        await this.#connector.failed(error)
        continue
      }
      this.#guardProgress()
    }
  }

  async #session(client: Pop3Client): Promise<Next> {
    const { state } = this
    state.sessions += 1
    this.#context.progress({ phase: 'listing', sessions: state.sessions })
    const { messages } = await client.stat()
    const look = new Look(this.#context, state, !this.#looked)
    if (messages === 0) return this.#emptyLook(client, look)
    this.#emptyLooks = 0
    const plan = this.#plan()
    this.#deletions.expect()
    const { hasUidl, named } = await list(client, messages, { look, plan })
    if (!hasUidl && !this.#context.deletion) throw keepNeedsUidl(this.#mailbox)
    state.remaining = messages
    const complete = named === messages
    let givenUp: ReadonlySet<string> = new Set()
    if (complete) {
      const still = hasUidl ? await look.settle() : []
      this.#looked = true
      const waitMs = this.#deletions.lookAgainAfter(still)
      if (waitMs !== undefined) return this.#lookAgain(client, waitMs)
      givenUp = await this.#deletions.settle(still)
      if (hasUidl) this.#keeper.vanish(({ item }) => plan.lists(item))
    }
    await this.#keeper.settlePlan(plan)
    this.#reportPlan(plan)
    const task = this.#task(plan, givenUp)
    if (task.items.length === 0 && !complete) throw unlisted(this.#mailbox, named, messages)
    if (task.items.length === 0 || this.#onlyNewMail(plan, messages)) return this.#close(client)
    this.#widestView = Math.max(this.#widestView, messages)
    return this.#work(client, { ...task, plan, hasUidl, look, complete })
  }

  /** STAT 0: some servers answer so when they fail to open the mailbox (James), so one such session proves nothing. */
  async #emptyLook(client: Pop3Client, look: Look): Promise<Next> {
    this.#emptyLooks += 1
    this.#context.progress({ phase: 'verifying' })
    await this.#quitQuietly(client)
    if (this.#emptyLooks < 2) return 'again'
    await look.allGone()
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
    await sleep(this.#context.clock, waitMs, this.#context.signal)
    return 'again'
  }

  /** The work of this session; messages that could not be read come last, in sessions of their own. */
  #task(plan: WorkPlan, givenUp: ReadonlySet<string>): Pick<Task, 'items' | 'retrying'> {
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
    const { plan, items } = task
    const session = new Session({
      ...{ client, context: this.#context, state: this.state, mailbox: this.#mailbox },
      removes: quitRemoves(client.capabilities.expireDays, this.#options.quitDeletes),
      deleting: this.#deleting,
      keepAliveMs: this.#options.keepAliveMs,
      oneByOne: task.retrying,
      repeated: plan.repeated,
    })
    this.#context.progress({ phase: 'reading' })
    const quit = await this.#readAndFinish(session, items)
    if (session.quota === undefined || session.progressed > 0) this.#connector.progressed()
    this.#ended(session, plan, quit)
    if (session.quota !== undefined) throw session.quota
    if (!task.hasUidl) return this.#withoutUidl(session, task)
    const finished = task.complete && plan.remaining === 0 && this.state.suspects.size === 0
    return finished && !this.#context.deletion ? 'done' : 'again'
  }

  async #readAndFinish(session: Session, items: readonly WorkItem[]): Promise<boolean> {
    try {
      await session.read(items, this.#push)
      return await session.finish()
    } catch (error) {
      this.#lost(session, error)
      throw session.quota ?? error
    } finally {
      if (!this.#context.signal.aborted) await this.#keeper.settleSession()
    }
  }

  /** A session without a QUIT reply is a lost bet: the next is half as long and begins with what is known. */
  #lost(session: Session, error: unknown): void {
    if (session.progressed > 0) this.#connector.progressed()
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
      await task.look.confirm(absent.map(({ key }) => key))
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

  /** A server that keeps us busy without anything changing is given up with a reason. */
  #guardProgress(): void {
    const { tally, inDoubt, suspects } = this.state
    const attempts = [...suspects.values()].reduce((sum, { attempts: n }) => sum + n, 0)
    const rounds = inDoubt.all().reduce((sum, doubt) => sum + doubt.rounds, 0)
    const signature = [
      ...[tally.answered, inDoubt.verifiedGone, inDoubt.deleted, attempts, rounds],
      ...[this.#limit, this.#emptyLooks, suspects.size],
    ].join(' ')
    this.#idle = signature === this.#signature ? this.#idle + 1 : 0
    this.#signature = signature
    if (this.#idle >= MAX_IDLE_SESSIONS)
      throw new Pop3ProtocolError(
        'MAILDRAIN_POP3_PROTOCOL',
        `${MAX_IDLE_SESSIONS} sessions in a row with ${this.#mailbox} changed nothing; run again with --log-level debug to see why`,
      )
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
