/**
 * Chance that is the same for ever: integer arithmetic only, since Math.pow and friends may differ in the last bit
 * from one engine to the next, and a message of the generator must not.
 */

/** A well mixed 32-bit number from a seed, an index and a stream (so that one index has several numbers). */
export function mix(seed: number, index: number, stream: number): number {
  let h = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca6b)) | 0
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad)
  h ^= Math.imul(index, 0xc2b2ae35)
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad)
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97)
  return (h ^ (h >>> 15)) >>> 0
}

/** Mulberry32: a full-period generator with one word of state. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** The next 32 bits, unsigned. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }

  /** An integer in [0, bound), bound at most 65,536. */
  below(bound: number): number {
    return Math.imul(this.next() >>> 16, bound) >>> 16
  }

  /** True `percent` times in a hundred. */
  chance(percent: number): boolean {
    return this.below(100) < percent
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new RangeError('picked from an empty list')
    return item
  }

  /** `digits` lower-case hex digits, at most 8. */
  hex(digits: number): string {
    return this.next().toString(16).padStart(8, '0').slice(0, digits)
  }
}
