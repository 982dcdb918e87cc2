/**
 * What the sessions of a run share, and what one leaves for the next: how long it may be, whether it has to see everything,
 * whether it is for known messages only.
 */
import type { Clock } from '../../clock.ts'
import type { QuitRemoves } from '../../pipeline/gate.ts'
import type { Pop3Client } from '../../pop3/index.ts'
import type { SourceContext } from '../source.ts'
import type { Connector } from './connect.ts'
import { Deletions } from './deletions.ts'
import { Due } from './due.ts'
import { type Host, quitRemoves } from './host.ts'
import type { Spared } from './expunge.ts'
import { Keeper } from './keeper.ts'
import { type ResolvedPop3SourceOptions, boundsOf } from './options.ts'
import {
  type PlannerState,
  type SessionPlan,
  type SessionRecord,
  learn,
  planSession,
  restorePlanner,
} from './planner/planner.ts'
import { RunState } from './run-state.ts'
import type { Push } from './session-options.ts'
import { Selection } from './selection.ts'
import { USUAL_OCTETS } from './tops.ts'
import { type WorkItem, WorkPlan } from './work.ts'

/** Deletions in doubt after which a complete look is due: 24 octets of memory each. */
const MAX_IN_DOUBT = 4_000_000

/** Sessions without any echo after which none is asked for. */
const MAX_MUTE = 2
/** Looks in a run that only find out whether unique-ids have changed; a mailbox that fills quickly can bring them. */
const MAX_RECHECKS = 3

export type Next = 'done' | 'again'

/** A session as it was opened. */
export interface Opened {
  readonly client: Pop3Client
  /** By STAT. */
  readonly messages: number
  readonly octets: number
  /** From connecting to the answer of STAT, ms. */
  readonly openMs: number
  /** Monotonic clock when STAT was answered, ms. */
  readonly at: number
  readonly plan: SessionPlan
}

export interface CourseParts {
  readonly options: ResolvedPop3SourceOptions
  readonly context: SourceContext
  /** Mailbox id (src/identity.ts). */
  readonly mailbox: string
  readonly push: Push
  readonly connector: Connector
  readonly host: Host
  /** Wall clock when the run began, ms since 1970 UTC: what was kept since is not tried again. */
  readonly runStart: number
}

export class Course implements CourseParts {
  readonly options: ResolvedPop3SourceOptions
  readonly context: SourceContext
  readonly mailbox: string
  readonly push: Push
  readonly connector: Connector
  readonly host: Host
  readonly runStart: number
  readonly state: RunState
  readonly keeper: Keeper
  readonly deletions: Deletions
  /** When what is delivered may be deleted. */
  readonly due: Due
  /** Of the mail that is wanted; undefined where all is. */
  readonly selection: Selection | undefined
  readonly #warned = new Set<string>()
  #planner: PlannerState
  /** The next session is for what the ledger knows: after one that was lost or spoilt. */
  knownOnly = false
  /** The next session has to see the whole mailbox. */
  lookDue: boolean
  /** There was a complete look in this run. */
  looked = false
  /** It was found out whether all unique-ids are new. */
  resetChecked = false
  /** Unique-ids may have changed since they were last looked at: what should be known or gone is not. */
  recheck = false
  /** Most numbers that a session has listed. */
  widestView = 0
  /** A session is reading or deleting, now. */
  working = false
  /** The last session got to the end of what it saw. */
  expectNothing = false
  /** Rounds in which a closing look has found new mail. */
  newMailRounds = 0
  /** Where the last session was lost. */
  stalledAt: WorkItem | undefined
  /** A message that was read, is durable, and was not deleted: whether QUIT removes it shows in the next session. */
  spared: Spared | undefined
  /** Such a message seems to be there still: its key, until its bytes have said so. */
  leftAsRead: string | undefined
  /** Sessions in a row in which no answer about a single message was had. */
  #mute = 0
  #rechecks = 0

  constructor(parts: CourseParts) {
    const { options, context, mailbox, push, connector, host, runStart } = parts
    this.options = options
    this.context = context
    this.mailbox = mailbox
    this.push = push
    this.connector = connector
    this.host = host
    this.runStart = runStart
    this.state = new RunState(context)
    this.keeper = new Keeper(context, this.state)
    this.deletions = new Deletions(context, this.state, this.keeper, options.lookDelaysMs)
    const { deleteAfterMs } = options
    this.due = new Due(
      context.ledger,
      deleteAfterMs === undefined ? Infinity : context.clock.now() - deleteAfterMs,
    )
    this.selection = Selection.of({
      ...{ ...options, mailbox, context, host, progressed: () => connector.progressed() },
    })
    this.#planner = restorePlanner(host.planner)
    // What earlier runs have deleted or left, only a complete look can judge; what stays may be known by its number.
    this.lookDue = options.listing === 'full' || (context.deletion && context.ledger.size > 0)
  }

  get clock(): Clock {
    return this.context.clock
  }

  get deleting(): boolean {
    return this.context.deletion && !this.deletions.stopped
  }

  /** QUIT may dispose of what was read and is durable. */
  get disposes(): boolean {
    return this.options.acceptServerDisposal && !this.context.deletion
  }

  /** What QUIT removes in this session. */
  removes({ capabilities }: Pop3Client): QuitRemoves {
    return quitRemoves(capabilities.expireDays, this.options.quitDeletes, this.host.quit)
  }

  /** Once a run. */
  warn(message: string): void {
    if (this.#warned.has(message)) return
    this.#warned.add(message)
    this.context.log.warn({ mailbox: this.mailbox }, message)
  }

  /** Known messages are compared by their headers, for now. */
  get comparesHeaders(): boolean {
    return this.options.compare === 'headers' && this.deleting && this.host.headers !== 'no'
  }

  planSession(opened: Omit<Opened, 'plan' | 'client' | 'at'>): SessionPlan {
    return planSession(this.#planner, {
      ...opened,
      ...{ bounds: boundsOf(this.options), loginDelayMs: this.connector.loginDelayMs },
      deletes: this.deleting,
    })
  }

  learn(record: SessionRecord): void {
    this.#planner = learn(this.#planner, record)
    this.host.planner = this.#planner
  }

  /** @param ambiguous unique-ids whose numbers are all to be read */
  workPlan({ messages, octets }: SessionPlan, ambiguous?: ReadonlySet<string>): WorkPlan {
    const { context } = this
    return new WorkPlan({
      ...{ ledger: context.ledger, deleting: this.deleting, knownOnly: this.knownOnly },
      ...{ due: this.due, retryKept: this.options.retryKept },
      ...{ maxMessageBytes: context.maxMessageBytes, fingerprint: context.fingerprint },
      keptNow: (key) => this.state.kept.has(key),
      ...{ runStart: this.runStart, now: () => context.clock.now() },
      ...{ limit: { messages, octets }, random: context.random, ambiguous },
      octetsOf: ({ known, listedOctets }) =>
        known && this.host.headers === 'alone' && this.comparesHeaders
          ? Math.min(listedOctets, USUAL_OCTETS)
          : listedOctets,
      selects: (n, uidl, listedOctets) => this.selection?.selects(n, uidl, listedOctets) ?? true,
      setAside: (uidl, listedOctets) => this.state.isSuspect(uidl, listedOctets),
      skipped: (skipped) => this.keeper.skipped(skipped),
    })
  }

  /**
   * May a message that was read, not deleted, and is listed still be taken for the rule? What was deleted is gone, so that it
   * is not about to be, and nothing else is; and no other message can stand under its unique-id.
   */
  expectSpared({ key }: Spared, messages: number): boolean {
    const may = this.deletions.countExactly(messages) && !this.host.repeatsUidls
    this.leftAsRead = may ? key : undefined
    return may
  }

  /** The message that was read and not deleted is gone. */
  quitRemovesRead({ key }: Spared): void {
    this.host.quitRemovedRead()
    // An earlier session had it deleted, and its QUIT was lost: it is counted with that.
    if (!this.state.inDoubt.has(key)) this.state.inDoubt.removedByQuit()
  }

  /** The mailbox is not what the last session has left: everything is looked at, a few times in a run. */
  suspectReset(): boolean {
    if (this.options.onUidlReset !== 'stop' || this.#rechecks >= MAX_RECHECKS) return false
    this.#rechecks += 1
    this.recheck = true
    return true
  }

  /**
   * After a session: did the server refuse to say of any message which it was? Twice in a row, and it is read without being
   * asked, one message at a time.
   */
  heard({ mute }: { readonly mute: boolean }): void {
    this.#mute = mute ? this.#mute + 1 : 0
    if (this.#mute >= MAX_MUTE) this.giveUpEchoes()
  }

  giveUpEchoes(): void {
    this.host.giveUpEchoes()
    this.warn(
      'the server lists single messages and does not answer for them while mail is read: messages are read one at a time',
    )
  }

  /** Windows cost round trips of commands in flight; one at a time, 300 messages 5 ms away took 5.1 s and not 1.8. */
  seesWindows(client: Pop3Client): boolean {
    const { listing } = this.host
    // Where some mail is to be left alone, only a complete look tells that the rest is done.
    if (this.selection !== undefined || this.due.waits || this.state.ambiguous.size > 0)
      return false
    if (this.lookDue || !listing.list || !listing.uidl || !client.pipelining) return false
    return this.state.inDoubt.size < MAX_IN_DOUBT
  }

  /** Writes down what was observed of the host, when there is something new. */
  async remember(all = false): Promise<void> {
    const changes = this.host.changes(all)
    if (changes !== null) await this.context.remember(changes)
  }
}
