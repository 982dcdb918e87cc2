/** The octets that LIST announces, packed: four octets of memory a message. */

/** What is larger is over every limit anyway. */
const MAX_SIZE = 0xffff_fffe
/** A number that LIST did not name. */
const ABSENT = 0xffff_ffff

const decimalDigits = (value: number): number => String(value).length

export class ListedSizes {
  /** Count of STAT: the highest number. */
  readonly last: number
  readonly maxMessageBytes: number
  readonly #sizes: Uint32Array
  /** Numbers that LIST named. */
  listed = 0
  /** Sum of what they announce. */
  total = 0
  /** Numbers that announce nothing. */
  empty = 0
  largest = { n: 0, octets: 0 }
  /** Above the limit: left on the server. */
  oversize = { messages: 0, octets: 0 }
  /** Octets that the listing took on the wire. */
  listingOctets = 0

  constructor(messages: number, maxMessageBytes: number) {
    this.last = messages
    this.maxMessageBytes = maxMessageBytes
    this.#sizes = new Uint32Array(messages + 1).fill(ABSENT)
  }

  see(n: number, octets: number): void {
    this.#sizes[n] = Math.min(octets, MAX_SIZE)
    this.listed += 1
    this.total += octets
    this.listingOctets += decimalDigits(n) + decimalDigits(octets) + 3
    if (octets === 0) this.empty += 1
    if (octets > this.largest.octets) this.largest = { n, octets }
    if (octets <= this.maxMessageBytes) return
    this.oversize = {
      messages: this.oversize.messages + 1,
      octets: this.oversize.octets + octets,
    }
  }

  /** Did LIST name this number? */
  has(n: number): boolean {
    return (this.#sizes[n] ?? ABSENT) !== ABSENT
  }

  /** Octets of a message; 0 for one that was not listed. */
  octets(n: number): number {
    const octets = this.#sizes[n] ?? ABSENT
    return octets === ABSENT ? 0 : octets
  }

  /** Octets of those that were listed, in the order of their numbers. */
  *all(): Iterable<number> {
    for (let n = 1; n <= this.last; n += 1) {
      const octets = this.#sizes[n] ?? ABSENT
      if (octets !== ABSENT) yield octets
    }
  }
}
