/**
 * When mail that is delivered may be deleted: at once, or not before it has been at the destination for a while
 * (`deleteAfterMs`). The ledger says since when, by the wall clock of the machine that wrote it down.
 */
import type { Ledger, LedgerEntry } from '../../ledger/ledger.ts'

export class Due {
  readonly #ledger: Ledger
  readonly #before: number

  /** @param before wall clock, ms since 1970 UTC: what was delivered later is to stay; Infinity where nothing is */
  constructor(ledger: Ledger, before: number) {
    this.#ledger = ledger
    this.#before = before
  }

  /** Is there mail that is delivered and stays all the same? */
  get waits(): boolean {
    return this.#before !== Infinity
  }

  isDue({ at }: LedgerEntry): boolean {
    return at <= this.#before
  }

  /** By what the ledger says now: to be asked before anything is deleted. */
  mayDelete(key: string): boolean {
    if (!this.waits) return true
    const entry = this.#ledger.get(key)
    return entry !== undefined && this.isDue(entry)
  }
}
