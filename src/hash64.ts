/**
 * A hash of 64 bits of a string, as two words, for tables that keep hashes in place of strings: two rounds of multiplication
 * and mixing with different odd constants (after MurmurHash3's finalizer). Two strings with one hash are a chance of one in a
 * thousand million among 200,000: only for questions whose wrong answer loses nothing.
 */

const WORD = 0x1_0000_0000

export class Hash64 {
  readonly #seed: number
  /** Of the string that was hashed last. */
  high = 0
  low = 0

  /** @param random the seed is taken from it: who chooses the strings must not be able to choose the hashes */
  constructor(random: () => number) {
    this.#seed = Math.floor(random() * WORD)
  }

  of(text: string): void {
    let high = this.#seed ^ 0x9e3779b9
    let low = this.#seed ^ 0x85ebca6b
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i)
      high = Math.imul(high ^ code, 0x9e3779b1)
      low = Math.imul(low ^ code, 0x5f356495)
      high ^= high >>> 15
      low ^= low >>> 13
    }
    high = Math.imul(high ^ (low >>> 16), 0x85ebca6b)
    low = Math.imul(low ^ (high >>> 13), 0xc2b2ae35)
    this.high = (high ^ (high >>> 16)) >>> 0
    this.low = (low ^ (low >>> 16)) >>> 0
  }
}
