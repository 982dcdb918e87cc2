/** A set of small whole numbers in one bit each: 14 million messages take 1.8 MB. Grows by itself. */
export class Bits {
  #words: Uint32Array
  #count = 0

  constructor(size: number) {
    this.#words = new Uint32Array((size + 31) >>> 5)
  }

  /** How many numbers are in. */
  get count(): number {
    return this.#count
  }

  has(n: number): boolean {
    return (((this.#words[n >>> 5] ?? 0) >>> (n & 31)) & 1) === 1
  }

  /** False if it was in already. */
  add(n: number): boolean {
    if (this.has(n)) return false
    const at = n >>> 5
    if (at >= this.#words.length) {
      const wider = new Uint32Array(Math.max(at + 1, this.#words.length * 2))
      wider.set(this.#words)
      this.#words = wider
    }
    this.#words[at] = (this.#words[at] ?? 0) | (1 << (n & 31))
    this.#count += 1
    return true
  }

  clear(): void {
    this.#words.fill(0)
    this.#count = 0
  }

  /** Takes one out; false if it was not in. */
  delete(n: number): boolean {
    if (!this.has(n)) return false
    this.#words[n >>> 5] = (this.#words[n >>> 5] ?? 0) & ~(1 << (n & 31))
    this.#count -= 1
    return true
  }

  /** Adds the numbers to those of `words`, as far as these reach. */
  unite(words: Uint32Array): void {
    const end = Math.min(words.length, this.#words.length)
    for (let at = 0; at < end; at += 1) words[at] = (words[at] ?? 0) | (this.#words[at] ?? 0)
  }

  /** The numbers, ascending. */
  *values(): Iterable<number> {
    for (let at = 0; at < this.#words.length; at += 1) {
      const word = this.#words[at] ?? 0
      if (word === 0) continue
      for (let bit = 0; bit < 32; bit += 1) if ((word >>> bit) & 1) yield at * 32 + bit
    }
  }
}
