/** What the ledger says should be there. Mail is restored also where the ledger is lost or damaged: that may be the reason for it. */
import { FindingList } from '../audit/findings.ts'
import { judgeForgotten } from '../audit/forgotten.ts'
import type { FoundTable } from '../audit/found-table.ts'
import { hasSeenNothing } from '../audit/unknown-mailbox.ts'
import { describeError } from '../errors.ts'
import { KeyCounter } from '../ledger/key-set.ts'
import { allEntries, isDelivered } from '../ledger/ledger.ts'
import { tallyOf } from '../ledger/tally.ts'
import type { LedgerView, PeekContext, Sink } from '../sinks/sink.ts'

export interface MissingMail {
  readonly missing: FindingList
  readonly missingForgotten: number
}

export class ExpectedMail {
  readonly #view: LedgerView
  readonly messages: number
  readonly bytes: number

  private constructor(view: LedgerView) {
    this.#view = view
    let [messages, bytes] = [0, 0]
    for (const entry of allEntries(view.ledger)) {
      if (!isDelivered(entry)) continue
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
        `the ledger cannot be read, so that nobody can tell what is missing: ${describeError(error)}`,
      )
      return null
    }
  }

  get isUnknown(): boolean {
    return hasSeenNothing(this.#view.ledger)
  }

  /** What should be among the messages found, and is not: by name, and in number what has no entry any more. */
  missing(found: FoundTable): MissingMail {
    const { ledger } = this.#view
    // First: what a drain delivers meanwhile is not missed then.
    const expected = new KeyCounter((ledger.tally ?? tallyOf(ledger)).delivered)
    const missing = new FindingList()
    for (const entry of allEntries(ledger)) {
      if (!isDelivered(entry)) continue
      expected.take(entry.key)
      if (found.expect(entry.key) !== undefined) continue
      const { key, uidl } = entry
      missing.add({ key, uidl, why: 'no whole record of it was found' })
    }
    const unentered = new KeyCounter()
    for (const { key } of found.unexpected()) if (!ledger.get(key)) unentered.add(key)
    return { missing, missingForgotten: judgeForgotten(expected, unentered).missing }
  }

  close(): void {
    this.#view.close()
  }
}
