/**
 * Deletions that the server has accepted and no complete look has confirmed yet (G7): +OK to QUIT proves nothing, and a
 * lost reply disproves nothing. Nearly all are alike (one number, QUIT answered, never seen listed again): of those only the
 * key is remembered, packed; the ledger knows the rest.
 */
import type { Ledger, LedgerEntry } from '../../ledger/ledger.ts'
import { PackedSet } from '../../packed-set.ts'

export interface Doubt {
  readonly key: string
  readonly uidl: string | null
  /** Numbers with these bytes that were DELEd in the last session. */
  readonly numbers: number
  /** Was the QUIT of that session answered? Only then does it count that the message is still listed. */
  readonly answered: boolean
  /** Answered sessions after which it was still listed. */
  readonly rounds: number
}

type Unusual = Omit<Doubt, 'answered'>

export class InDoubt {
  readonly #random: () => number
  readonly #answered: PackedSet
  readonly #unanswered: PackedSet
  /** More than one number, or seen listed again: whatever `#answered` and `#unanswered` do not say by themselves. */
  readonly #unusual = new Map<string, Unusual>()
  /** Numbers of all doubts. */
  #numbers = 0
  #verifiedGone = 0
  #givenUp = 0

  constructor(random: () => number) {
    this.#random = random
    this.#answered = new PackedSet(random)
    this.#unanswered = new PackedSet(random)
  }

  /** Numbers confirmed gone. */
  get verifiedGone(): number {
    return this.#verifiedGone
  }

  /** Numbers DELEd in sessions that went to QUIT. */
  get deleted(): number {
    return this.#verifiedGone + this.#givenUp + this.#numbers
  }

  get size(): number {
    return this.#answered.size + this.#unanswered.size
  }

  has(key: string): boolean {
    return this.#answered.has(key) || this.#unanswered.has(key)
  }

  get(key: string, uidl: string | null): Doubt | undefined {
    const answered = this.#answered.has(key)
    if (!answered && !this.#unanswered.has(key)) return undefined
    const plain: Unusual = { key, uidl, numbers: 1, rounds: 0 }
    return { ...(this.#unusual.get(key) ?? plain), answered }
  }

  /** In the order of the ledger, which may be written to meanwhile. */
  *of(ledger: Ledger): Iterable<{ readonly doubt: Doubt; readonly entry: LedgerEntry }> {
    if (this.size === 0) return
    for (const entry of ledger.present()) {
      const doubt = this.get(entry.key, entry.uidl)
      if (doubt !== undefined) yield { doubt, entry }
    }
  }

  /** A session that DELEd these messages went to QUIT. */
  quit(messages: Iterable<Pick<Doubt, 'key' | 'uidl'>>, answered: boolean): void {
    const met = new PackedSet(this.#random)
    for (const { key, uidl } of messages) {
      const before = this.#take(key, uidl)
      const numbers = met.add(key) ? 1 : 1 + (before?.numbers ?? 0)
      this.#put({ key, uidl, numbers, answered, rounds: before?.rounds ?? 0 })
    }
  }

  /** An answered session after which it is still listed. */
  stillListed(doubt: Doubt): Doubt {
    this.#take(doubt.key, doubt.uidl)
    const later = { ...doubt, rounds: doubt.rounds + 1 }
    this.#put(later)
    return later
  }

  /** A complete look has shown that it is gone. */
  gone(key: string): void {
    this.#verifiedGone += this.#take(key, null)?.numbers ?? 0
  }

  /** One number that QUIT has removed without DELE: that it was so, a look has shown. */
  removedByQuit(): void {
    this.#verifiedGone += 1
  }

  /** The server keeps it whatever it answers: counted as deleted, never as gone. */
  giveUp(key: string): void {
    this.#givenUp += this.#take(key, null)?.numbers ?? 0
  }

  /** Changes whenever a doubt does: for those who ask whether anything has changed. */
  get mark(): string {
    let rounds = 0
    for (const doubt of this.#unusual.values()) rounds += doubt.rounds
    return `${this.#verifiedGone} ${this.deleted} ${rounds}`
  }

  #put({ key, uidl, numbers, answered, rounds }: Doubt): void {
    const set = answered ? this.#answered : this.#unanswered
    set.add(key)
    this.#numbers += numbers
    if (numbers > 1 || rounds > 0) this.#unusual.set(key, { key, uidl, numbers, rounds })
  }

  #take(key: string, uidl: string | null): Doubt | undefined {
    const doubt = this.get(key, uidl)
    if (doubt === undefined) return undefined
    this.#answered.delete(key)
    this.#unanswered.delete(key)
    this.#unusual.delete(key)
    this.#numbers -= doubt.numbers
    return doubt
  }
}
