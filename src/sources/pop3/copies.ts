/**
 * Byte-identical messages under one UIDL are one message: written once, every number deleted (G6). The ledger's entry
 * counts the further numbers.
 */
import { type LedgerEntry, saysDurable } from '../../ledger/ledger.ts'
import type { RawMessage } from '../../message.ts'
import type { Verdict } from '../../pipeline/delivery.ts'
import { PackedSet } from '../../packed-set.ts'
import type { SourceContext } from '../source.ts'
import type { Tally } from './tally.ts'

interface Original {
  verdict: Verdict | undefined
  /** Numbers of this session with these bytes. */
  numbers: number
  readonly waiting: ((verdict: Verdict) => void)[]
}

export class Copies {
  readonly #context: SourceContext
  readonly #tally: Tally
  readonly #originals = new Map<string, Original>()
  /** Met once and durable: forgotten but for a hash, because nearly all messages are; the ledger knows for sure. */
  readonly #durable: PackedSet
  #raising: Promise<unknown> = Promise.resolve()

  constructor(context: SourceContext, tally: Tally) {
    this.#context = context
    this.#tally = tally
    this.#durable = new PackedSet(context.random)
  }

  /**
   * True when an equal message of this session answers for this one; `settled` is then called with its verdict once the
   * ledger counts the copy. False when this is the first: its verdict must be told by `settle`.
   */
  join(message: RawMessage, settled: (verdict: Verdict) => void): boolean {
    const original = this.#originals.get(message.key) ?? this.#recall(message.key)
    if (original === undefined) {
      this.#originals.set(message.key, { verdict: undefined, numbers: 1, waiting: [] })
      return false
    }
    original.numbers += 1
    const numbers = original.numbers
    const answer = (verdict: Verdict) => this.#raise(message.key, numbers, verdict, settled)
    if (original.verdict) answer(original.verdict)
    else original.waiting.push(answer)
    return true
  }

  settle(key: string, verdict: Verdict): void {
    const original = this.#originals.get(key)
    if (original === undefined) return
    original.verdict = verdict
    if (original.numbers > 1 && original.waiting.length === 0)
      this.#raise(key, original.numbers, verdict, () => undefined)
    for (const answer of original.waiting.splice(0)) answer(verdict)
    const durable = verdict.kind === 'delivered' || verdict.kind === 'alreadyDelivered'
    if (!durable || original.numbers > 1) return
    this.#originals.delete(key)
    this.#durable.add(key)
  }

  /** A hash alone must never answer for a message: it would be deleted and never have been written. */
  #recall(key: string): Original | undefined {
    const entry = this.#durable.has(key) ? this.#context.ledger.get(key) : undefined
    if (entry === undefined || !saysDurable(entry)) return undefined
    const original: Original = { verdict: { kind: 'alreadyDelivered' }, numbers: 1, waiting: [] }
    this.#originals.set(key, original)
    return original
  }

  #raise(
    key: string,
    numbers: number,
    verdict: Verdict,
    settled: (verdict: Verdict) => void,
  ): void {
    // One after the other: each reads the count that the one before has committed.
    this.#raising = this.#raising
      .then(() => this.#count(key, numbers))
      .then(
        () => settled(verdict),
        (error: unknown) => settled({ kind: 'errored', error }),
      )
  }

  async #count(key: string, numbers: number): Promise<void> {
    const entry: LedgerEntry | undefined = this.#context.ledger.get(key)
    if (entry === undefined || numbers <= 1 + entry.copies) return
    this.#tally.copies += numbers - 1 - entry.copies
    await this.#context.commit([{ ...entry, copies: numbers - 1 }])
  }
}
