/**
 * A message as one unit on its way through the chain. It starts as not delivered, and only an explicit verdict changes
 * that: what was dropped, thrown or forgotten is not delivered.
 */
import { MaildrainError } from '../errors.ts'
import type { RawMessage } from '../message.ts'

export type Verdict =
  /** Its records and its ledger entry are durable. */
  | { readonly kind: 'delivered' }
  /** The destination holds equal bytes under this identity since before. */
  | { readonly kind: 'alreadyDelivered' }
  /** A transform answered with nothing. */
  | { readonly kind: 'filtered' }
  /** A transform failed, or the drain is ending: not delivered, may be tried again. */
  | { readonly kind: 'errored'; readonly error: unknown }
  /** The destination rejected it by name. */
  | { readonly kind: 'rejected'; readonly reason: 'rejected' | 'oversize'; readonly error: unknown }

/**
 * Counts the values of one message that are still in the chain. A transform that answers with several values retains
 * for each and releases its own at the end, so the message is complete only when the last value has arrived.
 */
export class MessageUnit {
  readonly message: RawMessage
  /** Values that have arrived at the end of the chain, in order. */
  readonly values: unknown[] = []
  #references = 1
  #failure: { readonly error: unknown } | undefined
  #answer: Verdict | undefined
  #settled = false
  readonly #onComplete: (unit: MessageUnit) => void
  readonly #onSettled: (verdict: Verdict) => void

  /**
   * @param onComplete called once, when no value of this message is left in the chain
   * @param onSettled called once, with the verdict
   */
  constructor(
    message: RawMessage,
    onComplete: (unit: MessageUnit) => void,
    onSettled: (verdict: Verdict) => void,
  ) {
    this.message = message
    this.#onComplete = onComplete
    this.#onSettled = onSettled
  }

  /** What a stage answered in the sink's place (`alreadyDelivered`), or a failure; undefined: ask the sink. */
  get verdict(): Verdict | undefined {
    return this.#failure ? { kind: 'errored', error: this.#failure.error } : this.#answer
  }

  /** One more value of this message is in the chain. */
  retain(): void {
    if (this.#references === 0)
      throw new MaildrainError(
        'MAILDRAIN_INTERNAL',
        'a message was retained after it had completed',
      )
    this.#references += 1
  }

  /** A value of this message has left the chain without arriving. */
  release(): void {
    this.#references -= 1
    if (this.#references === 0) this.#onComplete(this)
  }

  /** A value of this message has reached the end of the chain. */
  arrive(value: unknown): void {
    this.values.push(value)
    this.release()
  }

  /** A stage failed on this message: it is errored whatever its other values do. */
  fail(error: unknown): void {
    this.#failure ??= { error }
  }

  /** A stage answers for this message instead of the sink; its values no longer matter. */
  answer(verdict: Verdict): void {
    this.#answer ??= verdict
  }

  /** The verdict. Only the first counts. */
  settle(verdict: Verdict): void {
    if (this.#settled) return
    this.#settled = true
    this.#onSettled(verdict)
  }
}

/** A value with the message that it came from. */
export interface Delivery<T = unknown> {
  readonly unit: MessageUnit
  readonly value: T
}
