/**
 * Which numbers of a listing share a unique-id, without keeping one: a hash of 64 bits and the first number, 12 octets in a
 * table that is half empty, where a Map of strings takes 150. Two unique-ids with one hash would count as one: a chance of one
 * in 37 million at a million messages, and what is told is a plan, not a deletion.
 */
import { Hash64 } from '../../../hash64.ts'

const WORDS = 3
const INITIAL_SLOTS = 1024
/** Linear probing slows down beyond. */
const MAX_LOAD = 0.6
/** Set beside the first number when there is a second one: numbers stay below 2^31. */
const SHARED = 0x8000_0000

export class UidlCensus {
  readonly #hash: Hash64
  /** High and low word of the hash, then the first number and whether there are more; all 0 where there is nothing. */
  #slots = new Uint32Array(WORDS * INITIAL_SLOTS)
  #high = 0
  #low = 0
  /** Unique-ids that were seen. */
  distinct = 0
  /** Unique-ids that more than one number has. */
  groups = 0
  /** Numbers in these groups. */
  sharing = 0

  /** @param random gives the seed: whoever chooses the unique-ids must not be able to choose the hashes */
  constructor(random: () => number) {
    this.#hash = new Hash64(random)
  }

  /** @returns the first number that was seen with this unique-id: `n` when it is the first */
  see(n: number, uidl: string): number {
    this.#hash.of(uidl)
    this.#high = this.#hash.high
    this.#low = this.#hash.low
    const slot = this.#find()
    const first = this.#slots[slot + 2] ?? 0
    if (first === 0) {
      this.#put(slot, n)
      this.distinct += 1
      if (this.distinct * WORDS > MAX_LOAD * this.#slots.length) this.#grow()
      return n
    }
    if (first < SHARED) {
      this.#slots[slot + 2] = first + SHARED
      this.groups += 1
      this.sharing += 1
    }
    this.sharing += 1
    return first % SHARED
  }

  /** Of the hash that was made last: its slot, or the empty one where it belongs. */
  #find(): number {
    const slots = this.#slots
    const mask = slots.length / WORDS - 1
    let at = this.#low & mask
    while (slots[WORDS * at + 2] !== 0) {
      if (slots[WORDS * at] === this.#high && slots[WORDS * at + 1] === this.#low) break
      at = (at + 1) & mask
    }
    return WORDS * at
  }

  #put(slot: number, first: number): void {
    this.#slots[slot] = this.#high
    this.#slots[slot + 1] = this.#low
    this.#slots[slot + 2] = first
  }

  #grow(): void {
    const before = this.#slots
    this.#slots = new Uint32Array(2 * before.length)
    for (let i = 0; i < before.length; i += WORDS) {
      if (before[i + 2] === 0) continue
      this.#high = before[i] ?? 0
      this.#low = before[i + 1] ?? 0
      this.#put(this.#find(), before[i + 2] ?? 0)
    }
  }
}
