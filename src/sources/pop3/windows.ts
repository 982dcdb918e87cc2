/**
 * A listing window by window (G9): while one window is read, the next is asked for. The first message is asked for after a
 * few round trips, and memory does not grow with the mailbox. Absence from windows proves nothing (G7): they are for
 * reading, and never a look.
 */
import type { LedgerEntry } from '../../ledger/ledger.ts'
import type { ListedMessage, Pop3Client } from '../../pop3/index.ts'
import type { Host } from './host.ts'
import type { InDoubt } from './in-doubt.ts'
import type { WorkItem, WorkPlan } from './work.ts'

export interface WindowsOptions {
  readonly client: Pop3Client
  readonly host: Host
  readonly inDoubt: InDoubt
  readonly plan: WorkPlan
  /** The first number; those below are stepped over. */
  readonly from: number
  /** Count that STAT gave. */
  readonly messages: number
  /** Messages of a window. */
  readonly windowMessages: number
  /** Only what the ledger knows, as long as there is any: after a session that was lost or spoilt. */
  readonly knownOnly: boolean
  /** The mailbox is smaller by all that was deleted: what is listed under the unique-id of deleted mail is other mail. */
  readonly deletionsCount: boolean
}

/** Messages of a window at least: what is kept is stepped over, and takes no room. */
const FEWEST = 20

interface Seen {
  readonly message: ListedMessage
  readonly entries: readonly LedgerEntry[]
}

export class Windows {
  readonly #options: WindowsOptions
  /** Numbers up to this one were listed and considered. */
  #covered: number
  /** Last number of the window that was asked for. */
  #to = 0
  #deletedIsListed = false
  #knownOnly: boolean
  /** Items among them that the ledger knows. */
  known = 0
  #over = false
  /** Items of work that were found. */
  items = 0
  /** Numbers that the server refused to list. */
  refused = 0

  constructor(options: WindowsOptions) {
    this.#options = options
    this.#covered = options.from - 1
    this.#knownOnly = options.knownOnly
  }

  /** Numbers that no window has come to. */
  get uncovered(): number {
    return this.#options.messages - this.#covered
  }

  /** Mail that was deleted is listed again: only a complete look can tell what that means. */
  get deletedIsListed(): boolean {
    return this.#deletedIsListed
  }

  /** Ends when the session's work is full, when every number was listed, or when deleted mail shows up. */
  async *read(): AsyncGenerator<WorkItem> {
    const { plan } = this.#options
    let ahead = this.#list(this.#covered + 1)
    while (!this.#isOver()) {
      const listed = await ahead
      const to = this.#to
      const seen = listed.map((message) => ({ message, entries: plan.entries(message.uidl) }))
      if (!this.#options.deletionsCount && seen.some((each) => this.#isInDoubt(each))) {
        this.#deletedIsListed = true
        return
      }
      for (const { message, entries } of seen)
        plan.consider(message.n, message.uidl, message.octets, entries)
      this.refused += to - this.#covered - listed.length
      this.#covered = to
      const items = this.#take()
      if (!this.#isOver()) ahead = this.#list(to + 1)
      this.items += items.length
      yield* items
    }
  }

  #isOver(): boolean {
    return this.#over || this.uncovered === 0 || this.#options.plan.isFull()
  }

  /** Known messages lie together, where a lost session has left them: the first window without any ends them. */
  #take(): readonly WorkItem[] {
    const { known, fresh } = this.#options.plan.takeNew()
    this.known += known.length
    if (this.#knownOnly && this.known === 0) this.#knownOnly = false
    if (!this.#knownOnly) return [...known, ...fresh]
    this.#options.plan.putOff(fresh)
    this.#over = known.length === 0
    return known
  }

  /** What would not fit into the session is not listed: the next one would list it again. */
  #list(from: number): Promise<ListedMessage[]> {
    const { client, host, plan, messages, windowMessages } = this.#options
    const size = Math.min(windowMessages, Math.max(FEWEST, plan.room))
    this.#to = Math.min(messages, from + size - 1)
    const window = client.window(from, this.#to, host.listing)
    // It is asked for before it is waited for; the session may be lost meanwhile.
    window.catch(() => undefined)
    return window
  }

  /** Where QUIT was not answered it is no wonder: such mail is compared and deleted again. */
  #isInDoubt({ entries }: Seen): boolean {
    const { inDoubt } = this.#options
    return entries.some(({ key, uidl }) => inDoubt.get(key, uidl)?.answered === true)
  }
}

/** What was taken off the beginning, and what follows it. */
export async function* chained<T>(first: T, others: AsyncIterable<T>): AsyncGenerator<T> {
  yield first
  yield* others
}
