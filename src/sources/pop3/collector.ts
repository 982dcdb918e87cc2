/**
 * Collects the bytes of one message within its credit (G8, G10). What outgrows the limit is read on and discarded to its
 * end, so that the next reply stays in step.
 */
import { messageKey } from '../../identity.ts'
import type { RawMessage } from '../../message.ts'
import type { ByteBudget } from '../source.ts'
import type { WorkItem } from './work.ts'
import { headerDigest, sha256 } from '../../header-block.ts'

export interface Collected {
  readonly raw: Buffer
  readonly sha256: string
  readonly headerSha256: string
}

export class Collector {
  readonly #budget: ByteBudget
  readonly #maxBytes: number
  #buffer: Buffer
  #octets = 0
  #credit: number
  #discarding = false

  /**
   * @param listed octets announced; credit for them was taken already
   * @param maxBytes above which the message is discarded
   */
  constructor(listed: number, budget: ByteBudget, maxBytes: number) {
    this.#budget = budget
    this.#maxBytes = maxBytes
    this.#credit = listed
    // A message delivered under a higher limit is read to be compared, whatever its size; so is a lie about it.
    this.#buffer = Buffer.allocUnsafeSlow(Math.min(listed, maxBytes))
  }

  /** Octets that came, kept or not. */
  get octets(): number {
    return this.#octets
  }

  /** Bytes of credit that the message holds; to be released once. */
  get credit(): number {
    return this.#credit
  }

  /** It grew past the limit, or past what the budget could bear: there are no whole bytes. */
  get discarded(): boolean {
    return this.#discarding
  }

  add(chunk: Buffer): void {
    const end = this.#octets + chunk.length
    if (end > this.#buffer.length && !this.#discarding) this.#grow(end)
    if (!this.#discarding) chunk.copy(this.#buffer, this.#octets)
    this.#octets = end
  }

  finish(): Collected {
    const raw = this.#buffer.subarray(0, this.#octets)
    return { raw, sha256: sha256(raw), headerSha256: headerDigest(raw) }
  }

  #grow(needed: number): void {
    const size = Math.min(Math.max(needed, this.#buffer.length * 2, 4096), this.#maxBytes)
    // Many messages that all outgrow their announced size would multiply the budget: past one such message, discard.
    if (needed > this.#maxBytes || this.#budget.free - (size - this.#credit) < -this.#maxBytes) {
      this.#discarding = true
      this.#buffer = Buffer.alloc(0)
      return
    }
    this.#budget.overdraw(size - this.#credit)
    this.#credit = size
    const grown = Buffer.allocUnsafeSlow(size)
    this.#buffer.copy(grown, 0, 0, this.#octets)
    this.#buffer = grown
  }
}

/** The message whose bytes were collected whole. */
export function messageOf(
  { uidl, listedOctets }: WorkItem,
  collector: Collector,
  { mailbox, fetchedAt }: Pick<RawMessage, 'mailbox' | 'fetchedAt'>,
): RawMessage {
  const { raw, sha256, headerSha256 } = collector.finish()
  const key = messageKey(mailbox, uidl, sha256)
  return {
    ...{ mailbox, uidl, listedOctets, octets: raw.length },
    ...{ sha256, headerSha256, key, raw, fetchedAt },
  }
}
