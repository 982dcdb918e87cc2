/**
 * Counts each identity of a run once, by its first outcome. `seen` is counted when the identity becomes known and the
 * outcome when it is answered for, so a message that nobody answers for shows as a difference in the receipt.
 */
import type { Standing } from '../../ledger/ledger.ts'
import { PackedSet } from '../../packed-set.ts'
import type { SourceCount } from '../source.ts'

export type Outcome = Exclude<SourceCount, 'seen'>

export class Tally {
  /** Hashes of keys: a collision miscounts one line of the receipt. */
  readonly #open: PackedSet
  readonly #answered: PackedSet
  /** Further numbers with equal bytes under one UIDL, newly found in this run. */
  copies = 0
  readonly counts: Record<SourceCount, number> = {
    ...{ seen: 0, delivered: 0, alreadyDelivered: 0, filtered: 0 },
    ...{ deadLettered: 0, kept: 0, vanished: 0 },
  }

  constructor(random: () => number) {
    this.#open = new PackedSet(random)
    this.#answered = new PackedSet(random)
  }

  /** Was this identity answered for already? */
  has(key: string): boolean {
    return this.#answered.has(key)
  }

  see(key: string): void {
    if (this.#answered.has(key)) return
    if (this.#open.add(key)) this.counts.seen += 1
  }

  /** True when this was the identity's first outcome. */
  answer(key: string, outcome: Outcome): boolean {
    if (this.#answered.has(key)) return false
    this.see(key)
    this.#open.delete(key)
    this.#answered.add(key)
    this.counts[outcome] += 1
    return true
  }

  /** Gone from the server: it will not be met again, so it need not be remembered. */
  forget(key: string): void {
    this.#answered.delete(key)
  }

  /** Identities of earlier runs, known by their number only: to be called once a run. */
  standing({ delivered, deadLettered, filtered, kept }: Standing): void {
    this.counts.alreadyDelivered += delivered
    this.counts.deadLettered += deadLettered
    this.counts.filtered += filtered
    this.counts.kept += kept
    this.counts.seen += delivered + deadLettered + filtered + kept
  }

  /** This one is among those that were counted by their number. */
  stands(key: string): void {
    this.#answered.add(key)
  }

  get answered(): number {
    return this.counts.seen - this.#open.size
  }
}
