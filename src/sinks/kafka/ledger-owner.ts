/**
 * Ownership of a mailbox's ledger (G11), and its index. The transactional id fences; the last committed nonce in the
 * ledger says who owns. Everything before our own nonce is final when we have read it, everything after can only be ours.
 */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Clock } from '../../clock.ts'
import { LedgerError, MaildrainError, SinkError } from '../../errors.ts'
import { type LedgerEntry, allEntries, saysDurable } from '../../ledger/ledger.ts'
import type { ScratchLedger } from '../../ledger/scratch-ledger.ts'
import type {
  ConsumedRecord,
  KafkaClient,
  ProducerRecord,
  TransactionalProducer,
} from './client.ts'
import { withDeadline } from '../../deadline.ts'
import { kafkaFailure } from './kafka-error.ts'
import { LedgerReading } from './ledger-reading.ts'
import {
  LEDGER_FORMAT,
  type LedgerChange,
  type LedgerRecords,
  type Meta,
  type Owner,
} from './ledger-topic.ts'
import { type Place, readPlace } from './place.ts'

export interface LedgerOwnerOptions {
  readonly client: KafkaClient
  readonly records: LedgerRecords
  readonly index: ScratchLedger
  /** The ledger topic. */
  readonly topic: string
  readonly partition: number
  readonly partitions: number
  readonly clusterId: string
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
  /** What cannot be believed is going to be made anew. */
  readonly repairs: boolean
  /** Our words, of earlier attempts to open among them: who was replaced then must not push the newcomer aside now. */
  readonly nonces: Set<string>
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** The entry with the highest offset in a partition of the data topic: what proves that the topic is still the same. */
export interface Witness {
  readonly offset: bigint
  readonly key: string
  readonly sha256: string | null
}

const FORGET_CHUNK = 1000

export class LedgerOwner {
  readonly #options: LedgerOwnerOptions
  readonly #witnesses = new Map<number, Witness>()
  /** Partition by key. */
  readonly #witnessing = new Map<string, number>()
  #dismissed = false
  #producer: TransactionalProducer | undefined
  /** Where reading goes on. */
  #position = 0n
  /** A word of ours was read in the ledger: whoever speaks after it has taken over. */
  #spoken = false
  #replacedBy: Owner | undefined
  readonly #reading: LedgerReading
  #ends = new Map<number, bigint>()
  /**
   * Partitions of the data topic whose places are not believed, while a recovery is under way; undefined when none is. Goes into
   * the ledger with each transaction.
   */
  recovering: readonly number[] | undefined

  constructor(options: LedgerOwnerOptions) {
    this.#options = options
    this.#reading = new LedgerReading(options)
  }

  /** What was read of the ledger; what this owner has written since is not in it. */
  get reading(): LedgerReading {
    return this.#reading
  }

  /** By partition of the data topic: below this offset the ledger knows, or knew, all mail of this mailbox. */
  get ends(): ReadonlyMap<number, bigint> {
    return this.#ends
  }

  set ends(ends: ReadonlyMap<number, bigint>) {
    this.#ends = new Map(ends)
  }

  get witnesses(): ReadonlyMap<number, Witness> {
    this.#callWitnesses()
    return this.#witnesses
  }

  /** Name of the last transaction that was read in the ledger, or undefined when none was. */
  get lastCommit(): string | undefined {
    return this.#reading.tally?.commit
  }

  /** Undefined after `drop`, until the next `takeOver`. */
  get producer(): TransactionalProducer | undefined {
    return this.#producer
  }

  /**
   * A transaction of ours was committed whose last word is before this offset of the ledger. A newcomer fences before it
   * speaks, so its word can only come behind: what we wrote ourselves need not be read (40 µs a message).
   * @param entries that it wrote
   */
  committed(end: bigint, entries: readonly LedgerEntry[]): void {
    if (end > this.#position) this.#position = end
    for (const entry of entries) this.#witness(entry)
  }

  /** Lets go of a producer that has failed. Not waited for: its connection may be the one that hangs. */
  drop(): void {
    void this.#producer?.close().catch(() => undefined)
    this.#producer = undefined
  }

  /**
   * Was the mailbox taken over? Read without fencing: whoever was only slow may fence, whoever was replaced must not.
   * @throws SinkError MAILDRAIN_SINK_FENCED
   */
  async assertNotReplaced(): Promise<void> {
    const { client, topic, partition } = this.#options
    const stable = await this.#stableOffset()
    await this.#read(`the end of the ledger, offset ${stable}`, (signal) =>
      client.read({
        ...{ topic, partition, from: this.#position, to: stable, signal },
        onRecords: (records) => this.#fold(records),
      }),
    )
    if (this.#replacedBy !== undefined) throw fenced(this.#replacedBy)
  }

  /**
   * Fences older owners, says so in the ledger, and reads it up to that word. What another owner has delivered meanwhile
   * is in the index then.
   * @throws SinkError MAILDRAIN_SINK_FENCED when another drainer had taken over before
   */
  async takeOver(): Promise<void> {
    const { client, topic, partition, records, clock, transactionalId, nonces } = this.#options
    this.drop()
    await this.#deadline('take the mailbox over', async (signal) => {
      const producer = await client.fence(transactionalId)
      // Whoever was given up must not come back as the owner beside the one that was made in its place.
      if (signal.aborted) void producer.close().catch(() => undefined)
      signal.throwIfAborted()
      this.#producer = producer
    })
    // A newcomer's word may have come between the last look and the fence: only now is every transaction over.
    if (nonces.size > 0) await this.#yieldIfReplaced()
    const nonce = randomUUID()
    const owner = { nonce, host: hostname(), pid: process.pid, at: clock.now() }
    nonces.add(nonce)
    await this.#deadline('say who owns the mailbox', () => this.#commit([records.owner(owner)]))
    let found = false
    await this.#read('our own record in the ledger', (signal) =>
      client.read({
        ...{ topic, partition, from: this.#position, signal },
        onRecords: (chunk) => {
          found ||= chunk.some(({ value }) => value?.includes(nonce))
          this.#fold(chunk)
          return found
        },
      }),
    )
    if (!this.#options.repairs) this.#reading.assertSound()
    // Another newcomer may have spoken behind us while we were reading.
    if (this.#replacedBy !== undefined) {
      this.drop()
      throw fenced(this.#replacedBy)
    }
    await this.#settleMeta()
  }

  /** The newcomer that our fence has hit finds nobody's word after its own, and goes on. */
  async #yieldIfReplaced(): Promise<void> {
    try {
      await this.assertNotReplaced()
    } catch (error) {
      this.drop()
      throw error
    }
  }

  /** Forgets entries that could not be read. */
  async forget(keys: readonly string[]): Promise<void> {
    const { records } = this.#options
    for (let i = 0; i < keys.length; i += FORGET_CHUNK) {
      const chunk = keys.slice(i, i + FORGET_CHUNK).map((key) => records.tombstone(key))
      await this.#deadline('forget what cannot be read', () => this.#commit(chunk))
    }
  }

  async close(): Promise<void> {
    await this.#producer?.close()
    this.#producer = undefined
  }

  async #commit(records: readonly ProducerRecord[]): Promise<void> {
    const transaction = await this.#producer?.begin()
    if (transaction === undefined) throw notOwned()
    await transaction.send(this.#options.topic, records)
    await transaction.commit()
  }

  /** Folds records into the index, in order; true would end the reading. */
  #fold(records: readonly ConsumedRecord[]): boolean {
    this.#reading.fold(records, (change) => this.#about(change))
    const last = records.at(-1)
    if (last !== undefined) this.#position = last.offset + 1n
    return false
  }

  /** What a record says beside what goes into the index: whose the ledger is, and what the topic must hold. */
  #about(change: LedgerChange): void {
    if (change.kind === 'entry') this.#witness(change.entry)
    if (change.kind === 'tombstone') this.#dismiss(change.key, null)
    if (change.kind === 'owner') this.#sawOwner(change.owner)
    if (change.kind !== 'tally') return
    this.#ends = endsOf(change.tally.ends)
    this.recovering = change.tally.recovering
  }

  #sawOwner(owner: Owner): void {
    if (this.#options.nonces.has(owner.nonce)) {
      this.#replacedBy = undefined
      this.#spoken = true
    } else if (this.#spoken) this.#replacedBy = owner
  }

  #witness(entry: LedgerEntry): void {
    const place = saysDurable(entry) ? readPlace(entry.place) : null
    this.#dismiss(entry.key, place)
    if (place === null) return
    const { partition, offset } = place
    const highest = this.#witnesses.get(partition)
    if (highest !== undefined && offset < highest.offset) return
    if (highest !== undefined) this.#witnessing.delete(highest.key)
    this.#witnesses.set(partition, { offset, key: entry.key, sha256: entry.sha256 })
    this.#witnessing.set(entry.key, partition)
  }

  /** A witness that is somewhere else now, or forgotten: another entry has the highest offset, perhaps. */
  #dismiss(key: string, place: Place | null): void {
    const partition = this.#witnessing.get(key)
    if (partition === undefined) return
    const before = this.#witnesses.get(partition)?.offset ?? 0n
    if (place?.partition === partition && place.offset >= before) return
    this.#witnessing.delete(key)
    this.#witnesses.delete(partition)
    this.#dismissed = true
  }

  #callWitnesses(): void {
    if (!this.#dismissed) return
    this.#dismissed = false
    for (const entry of allEntries(this.#options.index)) this.#witness(entry)
  }

  /** Says what the ledger belongs to, or refuses one that belongs to something else. */
  async #settleMeta(): Promise<void> {
    const { topic, partitions, clusterId, records } = this.#options
    const { meta } = this.#reading
    if (meta !== undefined) this.#assertMine(meta)
    if (meta?.format === LEDGER_FORMAT) return
    const begun = meta?.format ?? (this.#reading.hasUnchecked ? 1 : LEDGER_FORMAT)
    const mine = { format: LEDGER_FORMAT, begun, cluster: clusterId, topic, partitions }
    const record = records.meta(mine)
    await this.#deadline('describe the ledger', () => this.#commit([record]))
    this.#reading.fold([{ ...record, offset: this.#position, headers: new Map() }])
  }

  #assertMine({ format, cluster, topic: named, partitions: counted }: Meta): void {
    const { topic, partitions, clusterId } = this.#options
    if (format > LEDGER_FORMAT)
      throw foreign(topic, `was written by a newer maildrain (format ${format})`)
    if (cluster !== clusterId || named !== topic)
      throw foreign(topic, `belongs to topic ${named} of cluster ${cluster}`)
    if (counted !== partitions) throw foreign(topic, `had ${counted} partitions, now ${partitions}`)
  }

  async #stableOffset(): Promise<bigint> {
    const { client, topic, partition } = this.#options
    const offsets = await this.#deadline('ask for the end of the ledger', () =>
      client.offsets(topic),
    )
    return offsets.find((each) => each.partition === partition)?.stable ?? 0n
  }

  async #read(what: string, work: (signal: AbortSignal) => Promise<bigint>): Promise<void> {
    const next = await this.#deadline(`read ${what}`, work)
    if (next > this.#position) this.#position = next
  }

  /** Twice the transaction timeout: by then the broker has ended whatever transaction hides the end of the ledger. */
  async #deadline<T>(what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, signal, transactionTimeoutMs, topic, partition } = this.#options
    const ms = 2 * transactionTimeoutMs
    const late = () =>
      new SinkError(
        'MAILDRAIN_SINK_UNREACHABLE',
        `could not ${what} within ${ms / 1000} s: partition ${partition} of topic ${topic} was read up to offset ${this.#position}; look for a transaction that hangs (kafka-transactions.sh find-hanging)`,
      )
    try {
      return await withDeadline({ clock, ms, signal, late }, work)
    } catch (error) {
      signal.throwIfAborted()
      throw kafkaFailure(error, what)
    }
  }
}

const endsOf = (ends: Readonly<Record<string, string>>): Map<number, bigint> =>
  new Map(Object.entries(ends).map(([partition, offset]) => [Number(partition), BigInt(offset)]))

const notOwned = (): MaildrainError =>
  new MaildrainError('MAILDRAIN_INTERNAL', 'the ledger was used while nobody owned it')

const fenced = ({ host, pid }: Owner): SinkError =>
  new SinkError(
    'MAILDRAIN_SINK_FENCED',
    `process ${pid} on ${host} has taken this mailbox over; nothing more is written or deleted here, let it finish`,
  )

const foreign = (topic: string, why: string): LedgerError =>
  new LedgerError('MAILDRAIN_LEDGER_FOREIGN', `topic ${topic} ${why}; drain into another topic`)
