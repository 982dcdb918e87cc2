/**
 * A set of strings as 64-bit hashes: some 12 to 24 octets of memory an element, where a Set of strings takes 100 and more, so
 * that what a drain remembers of a mailbox does not grow to the size of the mailbox. Two strings with one hash are one
 * element: a chance of one in a thousand million at 200,000 elements. Only for questions whose wrong answer loses nothing.
 */
import { Hash64 } from './hash64.ts'

const INITIAL_SLOTS = 64
/** Linear probing slows down beyond. */
const MAX_LOAD = 0.65

export class PackedSet {
  readonly #hash: Hash64
  /** Two words an element; both 0 where there is none. */
  #slots: Uint32Array
  #size = 0
  #high = 0
  #low = 0

  /** @param random the seed is taken from it: who chooses the strings must not be able to choose the hashes */
  constructor(random: () => number) {
    this.#hash = new Hash64(random)
    this.#slots = new Uint32Array(2 * INITIAL_SLOTS)
  }

  get size(): number {
    return this.#size
  }

  has(text: string): boolean {
    this.#take(text)
    return this.#slots[2 * this.#find()] !== 0
  }

  /** True when it was not there yet. */
  add(text: string): boolean {
    this.#take(text)
    const slot = this.#find()
    if (this.#slots[2 * slot] !== 0) return false
    this.#put(slot)
    this.#size += 1
    if (this.#size > MAX_LOAD * this.#capacity) this.#grow()
    return true
  }

  /** True when it was there. */
  delete(text: string): boolean {
    this.#take(text)
    const slot = this.#find()
    if (this.#slots[2 * slot] === 0) return false
    this.#close(slot)
    this.#size -= 1
    return true
  }

  clear(): void {
    this.#slots = new Uint32Array(2 * INITIAL_SLOTS)
    this.#size = 0
  }

  get #capacity(): number {
    return this.#slots.length / 2
  }

  #take(text: string): void {
    this.#hash.of(text)
    // The high word tells a taken slot from an empty one.
    this.#high = this.#hash.high || 1
    this.#low = this.#hash.low
  }

  /** Of the hash that was made last: its slot, or the empty one where it belongs. */
  #find(): number {
    const slots = this.#slots
    const mask = this.#capacity - 1
    let slot = this.#low & mask
    while (slots[2 * slot] !== 0) {
      if (slots[2 * slot] === this.#high && slots[2 * slot + 1] === this.#low) return slot
      slot = (slot + 1) & mask
    }
    return slot
  }

  #put(slot: number): void {
    this.#slots[2 * slot] = this.#high
    this.#slots[2 * slot + 1] = this.#low
  }

  #grow(): void {
    const before = this.#slots
    this.#slots = new Uint32Array(2 * before.length)
    for (let i = 0; i < before.length; i += 2) {
      if (before[i] === 0) continue
      this.#high = before[i] ?? 0
      this.#low = before[i + 1] ?? 0
      this.#put(this.#find())
    }
  }

  /** Empties the slot, and moves up those behind it that would no longer be found. */
  #close(emptied: number): void {
    const slots = this.#slots
    const mask = this.#capacity - 1
    let hole = emptied
    for (let slot = (hole + 1) & mask; slots[2 * slot] !== 0; slot = (slot + 1) & mask) {
      const home = (slots[2 * slot + 1] ?? 0) & mask
      // Its probing began behind the hole: it stays.
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue
      slots.copyWithin(2 * hole, 2 * slot, 2 * slot + 2)
      hole = slot
    }
    slots.fill(0, 2 * hole, 2 * hole + 2)
  }
}
