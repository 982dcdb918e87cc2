/**
 * A listing window by window (G9): while one window is read, the next is asked for. The first message is asked for after a
 * few round trips, and memory does not grow with the mailbox. Absence from windows proves nothing (G7): they are for
 * reading, and never a look.
 */
import type { ListedMessage, Pop3Client } from '../../pop3/index.ts'
import type { Host } from './host.ts'
import type { InDoubt } from './in-doubt.ts'
import type { WorkItem, WorkPlan } from './work.ts'

export interface WindowsOptions {
  readonly client: Pop3Client
  readonly host: Host
  readonly inDoubt: InDoubt
  readonly plan: WorkPlan
  /** Count that STAT gave. */
  readonly messages: number
  /** Messages of a window. */
  readonly windowMessages: number
}

export class Windows {
  readonly #options: WindowsOptions
  /** Numbers 1 to this one were listed and considered. */
  #covered = 0
  #deletedIsListed = false
  #items = 0

  constructor(options: WindowsOptions) {
    this.#options = options
  }

  /** Numbers that no window has come to. */
  get uncovered(): number {
    return this.#options.messages - this.#covered
  }

  /** Items of work that were found. */
  get items(): number {
    return this.#items
  }

  /** Mail that was deleted is listed again: only a complete look can tell what that means. */
  get deletedIsListed(): boolean {
    return this.#deletedIsListed
  }

  /** Ends when the session's work is full, when every number was listed, or when deleted mail shows up. */
  async *read(): AsyncGenerator<WorkItem> {
    const { plan, messages } = this.#options
    let ahead = this.#list(1)
    while (this.#covered < messages && !plan.isFull()) {
      const listed = await ahead
      const to = this.#end(this.#covered + 1)
      if (listed.some(({ uidl }) => this.#isInDoubt(uidl))) {
        this.#deletedIsListed = true
        return
      }
      for (const { n, uidl, octets } of listed) plan.consider(n, uidl, octets)
      this.#covered = to
      if (to < messages && !plan.isFull()) ahead = this.#list(to + 1)
      const items = plan.takeNew()
      this.#items += items.length
      yield* items
    }
  }

  #list(from: number): Promise<ListedMessage[]> {
    const { client, host } = this.#options
    const window = client.window(from, this.#end(from), host.listing)
    // It is asked for before it is waited for; the session may be lost meanwhile.
    window.catch(() => undefined)
    return window
  }

  #end(from: number): number {
    const { messages, windowMessages } = this.#options
    return Math.min(messages, from + windowMessages - 1)
  }

  #isInDoubt(uidl: string | null): boolean {
    return uidl !== null && this.#options.inDoubt.hasUidl(uidl)
  }
}

/** What was taken off the beginning, and what follows it. */
export async function* chained<T>(first: T, others: AsyncIterable<T>): AsyncGenerator<T> {
  yield first
  yield* others
}
