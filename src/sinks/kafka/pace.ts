/**
 * How much goes into one transaction: what the measured rate writes in a quarter of the transaction timeout, so that a
 * slow line makes smaller transactions instead of transactions that the broker aborts (G11).
 */
const SHARE = 0.25
const SMALLEST_BYTES = 64 * 1024

export class Pace {
  readonly #planMs: number
  readonly #largest: number
  #bytes: number

  constructor(options: { readonly transactionTimeoutMs: number; readonly largestBytes: number }) {
    this.#planMs = options.transactionTimeoutMs * SHARE
    this.#bytes = options.largestBytes
    this.#largest = options.largestBytes
  }

  /** Octets after which a transaction is closed; a message that alone is more goes alone. */
  get maxBytes(): number {
    return this.#bytes
  }

  committed(bytes: number, ms: number): void {
    if (bytes < SMALLEST_BYTES) return
    const planned = (bytes / Math.max(1, ms)) * this.#planMs
    this.#set(Math.min(planned, this.#bytes * 2))
  }

  /** A transaction of this size did not end in time. */
  late(bytes: number): void {
    this.#set(Math.min(this.#bytes, bytes) / 2)
  }

  #set(bytes: number): void {
    this.#bytes = Math.min(this.#largest, Math.max(SMALLEST_BYTES, Math.round(bytes)))
  }
}
