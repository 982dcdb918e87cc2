/**
 * Which messages a session sees, in order: message-number n is `at(n - 1)`. Rule: what is in the mailbox's own order costs
 * a bit a message, so that a session on 14 million of them costs 2 MB; only a shuffled one is written out.
 */
import type { Bits } from './bits.ts'
import { Random } from './random.ts'

export interface Order {
  readonly count: number
  /** Index of a message by 0-based rank below `count`. */
  at(rank: number): number
}

export const NOTHING: Order = { count: 0, at: () => 0 }

const BLOCK_WORDS = 16
const WORD_BITS = 32

/** Numbers below a size that were in none of the sets when it was made, ascending. */
export class Absent implements Order {
  readonly #words: Uint32Array
  /** Numbers below each block of words. */
  readonly #below: Uint32Array
  readonly count: number

  constructor(size: number, ...sets: readonly Bits[]) {
    const words = (size + WORD_BITS - 1) >>> 5
    this.#words = new Uint32Array(words)
    for (const set of sets) set.unite(this.#words)
    // What is beyond the size counts as taken.
    if ((size & 31) !== 0)
      this.#words[words - 1] = (this.#words[words - 1] ?? 0) | (0xffffffff << (size & 31))
    const blocks = Math.ceil(words / BLOCK_WORDS)
    this.#below = new Uint32Array(blocks + 1)
    let count = 0
    for (let block = 0; block < blocks; block += 1) {
      this.#below[block] = count
      for (let at = block * BLOCK_WORDS; at < Math.min(words, (block + 1) * BLOCK_WORDS); at += 1)
        count += WORD_BITS - ones(this.#words[at] ?? 0)
    }
    this.#below[blocks] = count
    this.count = count
  }

  at(rank: number): number {
    let low = 0
    let high = this.#below.length - 1
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if ((this.#below[middle] ?? 0) <= rank) low = middle
      else high = middle
    }
    let left = rank - (this.#below[low] ?? 0)
    let at = low * BLOCK_WORDS
    for (; ; at += 1) {
      const free = WORD_BITS - ones(this.#words[at] ?? 0)
      if (left < free) break
      left -= free
    }
    const word = this.#words[at] ?? 0
    for (let bit = 0; ; bit += 1) {
      if (((word >>> bit) & 1) === 1) continue
      if (left === 0) return at * WORD_BITS + bit
      left -= 1
    }
  }
}

/** How many bits of a word are set. */
function ones(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

export function oldest(order: Order, limit: number): Order {
  return limit >= order.count ? order : { count: limit, at: (rank) => order.at(rank) }
}

export function newest(order: Order, limit: number): Order {
  if (limit >= order.count) return order
  const from = order.count - limit
  return { count: limit, at: (rank) => order.at(from + rank) }
}

export function reversed(order: Order): Order {
  return { count: order.count, at: (rank) => order.at(order.count - 1 - rank) }
}

export function only(order: Order, wanted: (index: number) => boolean): Order {
  const indexes: number[] = []
  for (let rank = 0; rank < order.count; rank += 1) {
    const index = order.at(rank)
    if (wanted(index)) indexes.push(index)
  }
  return { count: indexes.length, at: (rank) => indexes[rank] ?? 0 }
}

/** Fisher and Yates, the same for the same seed. Costs 4 octets a message. */
export function shuffled(order: Order, seed: number): Order {
  const indexes = new Uint32Array(order.count)
  for (let rank = 0; rank < order.count; rank += 1) indexes[rank] = order.at(rank)
  const random = new Random(seed)
  for (let rank = indexes.length - 1; rank > 0; rank -= 1) {
    const other = random.next() % (rank + 1)
    const held = indexes[rank] ?? 0
    indexes[rank] = indexes[other] ?? 0
    indexes[other] = held
  }
  return { count: indexes.length, at: (rank) => indexes[rank] ?? 0 }
}
