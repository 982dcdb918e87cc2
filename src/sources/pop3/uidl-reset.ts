/**
 * Has the server given all its mail new unique-ids (a migration, a lost UIDVALIDITY)? Then everything would count as new and
 * be delivered once more. It shows in a complete look: hardly anything is known, hardly anything that was delivered is there
 * any more, and what is there has the sizes of what is missing.
 */
import type { LedgerEntry } from '../../ledger/ledger.ts'

/** With fewer messages on either side nothing is guessed. */
const FEWEST = 20
/** Share of unknown messages, of missing ones, and of sizes that are found again. */
const NEARLY_ALL = 0.9

export class UidlReset {
  readonly #expected: number
  readonly #sizes = new Map<number, number>()
  #listed = 0
  #unknown = 0

  /** @param expected unique-ids that the ledger holds and has not seen gone */
  constructor(expected: number) {
    this.#expected = expected
  }

  see(listedOctets: number, known: boolean): void {
    this.#listed += 1
    if (known) return
    this.#unknown += 1
    this.#sizes.set(listedOctets, (this.#sizes.get(listedOctets) ?? 0) + 1)
  }

  /** @param missing entries whose unique-id was not listed, of `count` */
  happened(count: number, missing: Iterable<LedgerEntry>): boolean {
    if (this.#listed < FEWEST || this.#expected < FEWEST) return false
    if (this.#unknown < NEARLY_ALL * this.#listed || count < NEARLY_ALL * this.#expected)
      return false
    const sizes = new Map(this.#sizes)
    let found = 0
    for (const { listedOctets } of missing) {
      const left = sizes.get(listedOctets) ?? 0
      if (left === 0) continue
      sizes.set(listedOctets, left - 1)
      found += 1
    }
    return found >= NEARLY_ALL * Math.min(this.#unknown, count)
  }
}
