/**
 * What the ledger topic says of a mailbox, as far as it was read: later records take the place of earlier ones. What cannot be
 * believed is judged at the end: of a damaged record that a later one of its key has replaced nothing depends.
 */
import type { LedgerError } from '../../errors.ts'
import type { LedgerEntry } from '../../ledger/ledger.ts'
import type { ScratchLedger } from '../../ledger/scratch-ledger.ts'
import type { ConsumedRecord } from './client.ts'
import type { CommitTally, LedgerChange, LedgerRecords, Meta } from './ledger-topic.ts'

export interface LedgerReadingOptions {
  readonly index: ScratchLedger
  readonly records: LedgerRecords
}

const MANY = 1000

export class LedgerReading {
  readonly #options: LedgerReadingOptions
  readonly #damaged = new Map<string, LedgerError>()
  /** Offsets of last records without a checksum, by key: the first some, which is enough to refuse or to repair. */
  readonly #unchecked = new Map<string, bigint>()
  #meta: Meta | undefined
  #tally: CommitTally | undefined

  constructor(options: LedgerReadingOptions) {
    this.#options = options
  }

  get meta(): Meta | undefined {
    return this.#meta
  }

  /** Of the last transaction; undefined where none has counted. */
  get tally(): CommitTally | undefined {
    return this.#tally
  }

  /** Keys whose last record cannot be believed. */
  get damaged(): ReadonlySet<string> {
    return new Set([
      ...this.#damaged.keys(),
      ...(this.begunUnchecked ? [] : this.#unchecked.keys()),
    ])
  }

  /**
   * Takes records in, in order.
   * @param about is told every change
   */
  fold(
    records: readonly ConsumedRecord[],
    about: (change: LedgerChange) => void = () => undefined,
  ): void {
    const { index, records: codec } = this.#options
    const changed = new Map<string, LedgerEntry | null>()
    for (const record of records) {
      const change = codec.read(record)
      if (change === null) continue
      if (change.kind === 'damaged') this.#damaged.set(change.key, change.error)
      else this.#damaged.delete(change.key)
      if (!('checked' in change) || change.checked) this.#unchecked.delete(change.key)
      else if (this.#unchecked.size < MANY) this.#unchecked.set(change.key, record.offset)
      if (change.kind === 'entry') changed.set(change.key, change.entry)
      if (change.kind === 'tombstone') changed.set(change.key, null)
      this.#take(change)
      about(change)
    }
    index.put([...changed.values()].filter((entry) => entry !== null))
    index.remove([...changed].flatMap(([key, entry]) => (entry === null ? [key] : [])))
  }

  #take(change: LedgerChange): void {
    const { index } = this.#options
    if (change.kind === 'host') index.putHost(change.notes)
    if (change.kind === 'meta') this.#meta = change.meta
    if (change.kind !== 'tally') return
    this.#tally = change.tally
    index.putTally(change.tally)
  }

  /** @throws LedgerError MAILDRAIN_LEDGER_DAMAGED */
  assertSound(): void {
    for (const error of this.#damaged.values()) throw error
    if (this.begunUnchecked) return
    for (const offset of this.#unchecked.values()) throw this.#options.records.damaged(offset)
  }

  get hasUnchecked(): boolean {
    return this.#unchecked.size > 0
  }

  /** Was it begun when there were no checksums? Then records without one may be of that time. */
  get begunUnchecked(): boolean {
    return this.#meta?.format === 1 || this.#meta?.begun === 1
  }
}
