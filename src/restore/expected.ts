/** What the ledger says should be there. Mail is restored also where the ledger is lost or damaged: that may be the reason for it. */
import { accountOf, allEntries } from '../audit/entries.ts'
import { FindingList } from '../audit/findings.ts'
import type { FoundTable } from '../audit/found-table.ts'
import { describeError } from '../errors.ts'
import type { LedgerView, PeekContext, Sink } from '../sinks/sink.ts'

export class ExpectedMail {
  readonly #view: LedgerView
  readonly messages: number
  readonly bytes: number

  private constructor(view: LedgerView) {
    this.#view = view
    let [messages, bytes] = [0, 0]
    for (const entry of allEntries(view.ledger)) {
      if (accountOf(entry) !== 'delivered') continue
      messages += 1
      bytes += entry.octets ?? entry.listedOctets
    }
    this.messages = messages
    this.bytes = bytes
  }

  /** Null where there is no ledger that can be read. */
  static async of(from: Sink, context: PeekContext): Promise<ExpectedMail | null> {
    let view: LedgerView | null = null
    try {
      view = (await from.peek?.(context)) ?? null
      return view && new ExpectedMail(view)
    } catch (error) {
      view?.close()
      context.signal.throwIfAborted()
      context.log.warn(
        { error },
        `the ledger cannot be read, so that missing mail will not be noticed: ${describeError(error)}`,
      )
      return null
    }
  }

  get isEmpty(): boolean {
    return this.#view.ledger.size === 0
  }

  /** Messages that should be among those found, and are not. */
  missing(found: FoundTable): FindingList {
    const missing = new FindingList()
    for (const entry of allEntries(this.#view.ledger))
      if (accountOf(entry) === 'delivered' && found.get(entry.key) === undefined)
        missing.add({ key: entry.key, uidl: entry.uidl, why: 'no whole record of it was found' })
    return missing
  }

  close(): void {
    this.#view.close()
  }
}
