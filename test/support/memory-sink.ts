import { BatchError, type MaildrainError } from '../../src/errors.ts'
import {
  type Ledger,
  type LedgerEntry,
  type Standing,
  type Tally,
  isDelivered,
  saysDurable,
} from '../../src/ledger/ledger.ts'
import { NOTHING_SEEN, TallyCount, supersededBy, unfetchedAmong } from '../../src/ledger/tally.ts'
import type { Batch, Durability, Sink, SinkRecord } from '../../src/sinks/sink.ts'

/** By key, and found by unique-id without a search: 30,000 messages took 43 s with one. */
class Entries extends Map<string, LedgerEntry> {
  readonly #keys = new Map<string | null, Set<string>>()

  override set(key: string, entry: LedgerEntry): this {
    this.#forget(key)
    const keys = this.#keys.get(entry.uidl) ?? new Set()
    this.#keys.set(entry.uidl, keys.add(key))
    return super.set(key, entry)
  }
  override delete(key: string): boolean {
    this.#forget(key)
    return super.delete(key)
  }
  override clear(): void {
    this.#keys.clear()
    super.clear()
  }
  isDelivered(key: string): boolean | undefined {
    const entry = this.get(key)
    return entry && isDelivered(entry)
  }
  byUidl(uidl: string): readonly LedgerEntry[] {
    return [...(this.#keys.get(uidl) ?? [])].flatMap((key) => this.get(key) ?? [])
  }
  #forget(key: string): void {
    this.#keys.get(this.get(key)?.uidl ?? null)?.delete(key)
  }
}

/** A ledger in memory, with the same answers as the real ones. */
export class MemoryLedger implements Ledger {
  readonly entries = new Entries()
  /** Entries that the destination no longer holds. */
  readonly lost = new Set<string>()
  host: string | null = null
  tally: Tally = NOTHING_SEEN

  byUidl(uidl: string): readonly LedgerEntry[] {
    return this.entries.byUidl(uidl)
  }
  get(key: string): LedgerEntry | undefined {
    return this.entries.get(key)
  }
  holds(entry: LedgerEntry): boolean {
    return !this.lost.has(entry.key)
  }
  *present(): Iterable<LedgerEntry> {
    for (const entry of this.entries.values()) if (entry.state !== 'gone') yield entry
  }
  *goneBefore(time: number): Iterable<string> {
    for (const entry of this.entries.values())
      if (entry.goneAt !== null && entry.goneAt < time) yield entry.key
  }
  standing(fingerprint: string, before: number, now: number): Standing {
    const entries = [...this.present()]
    const kept = entries.filter(({ state }) => state === 'kept')
    const filtered = kept.filter(({ reason }) => reason === 'filtered').length
    return {
      numbers: entries.reduce((sum, { copies }) => sum + 1 + copies, 0),
      delivered: entries.filter(
        ({ state, reason }) => state === 'delivered' || reason === 'undeletable',
      ).length,
      deadLettered: entries.filter(({ state }) => state === 'deadLettered').length,
      filtered,
      kept: kept.filter((entry) => !saysDurable(entry)).length - filtered,
      undecided: kept.filter(
        (entry) => (entry.at < before || entry.at > now) && entry.fingerprint !== fingerprint,
      ).length,
    }
  }
  get size(): number {
    return this.entries.size
  }
}

/** What the destination was asked to do and when, in one order with whatever else a test writes there. */
export type Journal = string[]

/**
 * A model of a transactional destination: a batch is applied whole or not at all. It survives the drain that used it, as
 * a database would, and can be told to fail.
 */
export class MemorySink implements Sink {
  readonly name = 'memory'
  readonly destination = 'memory:'
  readonly durability: Durability
  readonly guarantee = 'exactly-once'
  readonly maxInFlight = 1
  readonly ledger = new MemoryLedger()
  readonly records: SinkRecord[] = []
  readonly #keys = new Set<string>()
  readonly batches: Batch[] = []
  readonly journal: Journal
  opened = 0
  closed = 0
  /** Called before a batch is applied; what it throws is the batch's answer. */
  beforeWrite: (batch: Batch) => Promise<void> | void = () => undefined
  /** Called after a batch was applied; what it throws is a lost acknowledgement. */
  afterWrite: (batch: Batch) => Promise<void> | void = () => undefined
  /** Rejects messages by name. */
  reject: (key: string) => MaildrainError | undefined = () => undefined

  constructor(journal: Journal = [], durability: Durability = 'committed') {
    this.journal = journal
    this.durability = durability
  }

  async open(): Promise<void> {
    this.opened += 1
    await Promise.resolve()
  }

  async write(batch: Batch): Promise<void> {
    await this.beforeWrite(batch)
    const failures = new Map<number, MaildrainError>()
    this.batches.push(batch)
    const count = new TallyCount(this.ledger.tally, this.ledger.entries)
    const written: LedgerEntry[] = []
    for (const [index, { entry, records }] of batch.messages.entries()) {
      const failure = records.length > 0 ? this.reject(entry.key) : undefined
      if (failure) {
        failures.set(index, failure)
        continue
      }
      count.put({ entry, records, isBack: () => this.#keys.has(entry.key) })
      written.push(entry)
      this.records.push(...records)
      for (const { key } of records) this.#keys.add(key)
      const place = records.length > 0 ? `0:${this.records.length}` : entry.place
      this.ledger.entries.set(entry.key, { ...entry, place })
      this.journal.push(`commit ${entry.state} ${entry.uidl ?? '-'}`)
    }
    const unfetched = unfetchedAmong(batch.tombstones)
    const superseded = new Set(written.flatMap((entry) => supersededBy(entry, unfetched)))
    for (const key of batch.tombstones)
      if (count.forget(key, superseded.has(key))) this.ledger.entries.delete(key)
    count.vanish(batch.vanished ?? 0)
    this.ledger.tally = count.tally
    this.ledger.host = batch.host ?? this.ledger.host
    await this.afterWrite(batch)
    if (failures.size > 0) throw new BatchError(failures)
  }

  async close(): Promise<void> {
    this.closed += 1
    await Promise.resolve()
  }
}
