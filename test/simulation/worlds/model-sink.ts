/**
 * Three kinds of destination as models: a database that commits records and ledger at once (`transactional`), a store
 * that takes a record under its key however often it comes (`idempotent`), and one that appends whatever comes
 * (`at-least-once`); the last two with a ledger on the local disk, written after the data.
 */
import { createHash } from 'node:crypto'
import { BatchError, SinkError } from '../../../src/errors.ts'
import type { LedgerEntry } from '../../../src/ledger/ledger.ts'
import type { Batch, Guarantee, Sink } from '../../../src/sinks/sink.ts'
import { MemoryLedger } from '../../support/memory-sink.ts'
import { type Calls, call } from '../engine/calls.ts'
import type { Life } from '../engine/life.ts'
import { indexOf, isRejected } from '../transforms.ts'
import { DiskLog } from './disk.ts'
import type { Mistakes } from './mistakes.ts'
import type { Stored, World } from './store.ts'

export type Kind = 'transactional' | 'idempotent' | 'at-least-once'

/** What one commit writes to the log. */
interface Frame {
  readonly epoch: number
  /** Number of the batch in its epoch; 0: the claim. */
  readonly number: number
  readonly records: readonly Stored[]
  readonly entries: readonly LedgerEntry[]
  readonly tombstones: readonly string[]
  readonly host: string | null
}

/** Records that one write has put and that nobody has been told of. */
interface Attempt {
  records: number
}

const GUARANTEES: Record<Kind, Guarantee> = {
  transactional: 'exactly-once',
  idempotent: 'idempotent',
  'at-least-once': 'at-least-once',
}

const unreachable = (): SinkError =>
  new SinkError('MAILDRAIN_SINK_UNREACHABLE', 'no answer came from the model')

export class ModelWorld implements World {
  readonly name: string
  readonly kind: Kind
  readonly calls: Calls
  readonly mistakes: Mistakes
  readonly rejects: boolean
  /** Of the ledger; of `transactional` with the records. */
  readonly #log = new DiskLog()
  #frames: Frame[] = []
  /** Frames that are on the disk; those behind it are in its cache. */
  #syncedFrames = 0
  /** Of the kinds whose data lies apart from the ledger. */
  readonly #data = new DiskLog()
  #records: Stored[] = []
  #syncedRecords = 0
  #recordKeys = new Set<string>()
  #holder: Life | undefined
  readonly #attempts: Attempt[] = []
  /** Keys that the run at work has put. */
  #putNow = new Set<string>()
  #written = 0

  /** @param rejects some of the mail, by name and each time */
  constructor(kind: Kind, calls: Calls, mistakes: Mistakes = {}, rejects = false) {
    this.rejects = rejects
    this.name = kind
    this.kind = kind
    this.calls = calls
    this.mistakes = mistakes
  }

  get mayDouble(): number {
    if (this.kind !== 'at-least-once') return 0
    return this.#attempts.reduce((sum, { records }) => sum + records, 0)
  }

  get written(): number {
    return this.#written
  }

  /** A write that is about to begin: it counts as unanswered until it is not. */
  attempt(): Attempt {
    const attempt = { records: 0 }
    this.#attempts.push(attempt)
    return attempt
  }

  stored(): readonly Stored[] {
    if (this.kind !== 'transactional') return this.#records.slice(0, this.#syncedRecords)
    const byKey = new Map<string, Stored>()
    for (const { records } of this.#frames.slice(0, this.#syncedFrames))
      for (const record of records) if (!byKey.has(record.key)) byKey.set(record.key, record)
    return [...byKey.values()]
  }

  sink(life: Life): Sink {
    return new ModelSink(this, life)
  }

  powerCut(): void {
    this.#log.powerCut(this.calls.random)
    this.#frames = this.#log.read() as Frame[]
    this.#syncedFrames = this.#frames.length
    this.#data.powerCut(this.calls.random)
    this.#records = this.#data.read() as Stored[]
    this.#syncedRecords = this.#records.length
    this.#recordKeys = new Set(this.#records.map(({ key }) => key))
  }

  close(): void {
    return undefined
  }

  // What follows happens at the destination, at one moment each.

  /** A local ledger is locked on its host; a database lets anybody in, and raises the epoch. */
  claim(life: Life): readonly Frame[] {
    if (this.kind !== 'transactional') {
      if (this.#holder !== undefined && this.#holder !== life && !this.#holder.over)
        throw new SinkError('MAILDRAIN_DRAINER_BUSY', 'another drainer holds the model')
      this.#holder = life
      this.#putNow = new Set()
    }
    if (this.mistakes.cutsTail === true) {
      this.#frames.pop()
      this.sync()
    }
    const claim = { epoch: this.epoch + 1, number: 0, records: [], entries: [] }
    this.commit({ ...claim, tombstones: [], host: null })
    return [...this.#frames]
  }

  get epoch(): number {
    return this.#frames.at(-1)?.epoch ?? 0
  }

  /** The last batch of this epoch, which is the current one. */
  lastBatch(epoch: number): number {
    this.assertOwned(epoch)
    return this.#frames.at(-1)?.number ?? 0
  }

  assertOwned(epoch: number): void {
    if (this.mistakes.unfenced !== true && epoch !== this.epoch)
      throw new SinkError('MAILDRAIN_SINK_FENCED', 'another drainer has taken the model over')
  }

  commit(frame: Frame): void {
    this.#log.append(frame)
    this.#frames.push(frame)
    this.#written += frame.records.length
  }

  put(records: readonly Stored[]): void {
    for (const record of records) {
      if (!this.#putNow.has(record.key)) this.#written += 1
      this.#putNow.add(record.key)
      if (this.kind === 'idempotent' && this.#recordKeys.has(record.key)) continue
      this.#recordKeys.add(record.key)
      this.#records.push(record)
      this.#data.append(record)
    }
  }

  /** All that was committed so far. */
  sync(): void {
    if (this.mistakes.unsynced === true) return
    this.#log.sync()
    this.#syncedFrames = this.#frames.length
  }

  syncData(): void {
    if (this.mistakes.dataUnsynced === true) return
    this.#data.sync()
    this.#syncedRecords = this.#records.length
  }
}

const storedOf = (batch: Batch): Stored[] =>
  batch.messages.flatMap(({ records }) =>
    records.map(({ key, value }) => ({
      ...{ key, sha256: value.sha256 },
      actual: createHash('sha256').update(value.raw).digest('hex'),
    })),
  )

const rejectedOf = ({ messages }: Batch): Map<number, SinkError> =>
  new Map(
    messages.flatMap(({ records: [record] }, index) =>
      record !== undefined && isRejected(indexOf(record.value))
        ? [[index, new SinkError('MAILDRAIN_SINK_RECORD_REJECTED', 'the model does not take it')]]
        : [],
    ),
  )

class ModelSink implements Sink {
  readonly name = 'model'
  readonly destination = 'model:'
  readonly durability = 'committed'
  readonly guarantee: Guarantee
  readonly maxInFlight = 1
  readonly ledger = new MemoryLedger()
  readonly #world: ModelWorld
  readonly #life: Life
  #epoch = 0
  #number = 0
  /** A commit whose answer was lost. */
  #doubtful: Frame | undefined

  constructor(world: ModelWorld, life: Life) {
    this.#world = world
    this.#life = life
    this.guarantee = GUARANTEES[world.kind]
  }

  async open(): Promise<void> {
    const frames = await this.#askDurably(() => this.#world.claim(this.#life))
    for (const frame of frames) this.#apply(frame)
    this.#epoch = frames.at(-1)?.epoch ?? 0
  }

  async write(batch: Batch): Promise<void> {
    const failures = this.#world.rejects ? rejectedOf(batch) : new Map<number, SinkError>()
    const messages = batch.messages.filter((_, index) => !failures.has(index))
    await this.#writeAll({ ...batch, messages })
    if (failures.size > 0) throw new BatchError(failures)
  }

  async #writeAll(batch: Batch): Promise<void> {
    const { kind, mistakes } = this.#world
    const records = storedOf(batch)
    if (kind === 'transactional') {
      if (mistakes.splitBatch === true && records.length > 0) {
        const half = { ...this.#frame(batch, []), number: this.#number }
        await this.#askDurably(() => this.#world.commit(half))
      }
      await this.#transact(batch, records)
      return
    }
    if (mistakes.ledgerFirst === true) await this.#writeLedger(batch)
    const attempt = this.#world.attempt()
    for (let i = 0; i < records.length; i += 2) {
      const some = records.slice(i, i + 2)
      const put = (): void => {
        attempt.records += some.length
        this.#world.put(some)
      }
      const last = i + 2 >= records.length
      await this.#ask(put, last ? () => this.#world.syncData() : undefined)
    }
    if (mistakes.ledgerFirst !== true) await this.#writeLedger(batch)
    attempt.records = 0
  }

  async confirmOwner(): Promise<void> {
    await this.#ask(() => this.#world.assertOwned(this.#epoch))
  }

  async close(): Promise<void> {
    await Promise.resolve()
  }

  /** Records in one request, the commit in another, as a database has it; what is open dies with the connection. */
  async #transact(batch: Batch, records: readonly Stored[]): Promise<void> {
    if (await this.#settled()) return
    await this.#ask(() => this.#world.assertOwned(this.#epoch))
    const frame = this.#frame(batch, records)
    try {
      await this.#askDurably(() => {
        this.#world.assertOwned(this.#epoch)
        this.#world.commit(frame)
      })
    } catch (error) {
      if (!isLost(error)) throw error
      if (this.#world.mistakes.lostIsDone !== true) {
        this.#doubtful = frame
        throw error
      }
    }
    this.#committed(frame)
  }

  /** @returns true when the batch whose answer was lost is there: it is given again as it was */
  async #settled(): Promise<boolean> {
    const frame = this.#doubtful
    if (frame === undefined) return false
    const last = await this.#askDurably(() => this.#world.lastBatch(this.#epoch))
    this.#doubtful = undefined
    if (last !== frame.number) return false
    this.#committed(frame)
    return true
  }

  async #writeLedger(batch: Batch): Promise<void> {
    const frame = this.#frame(batch, [])
    await this.#askDurably(() => this.#world.commit(frame))
    this.#committed(frame)
  }

  #frame(batch: Batch, records: readonly Stored[]): Frame {
    return {
      ...{ epoch: this.#epoch, number: this.#number + 1, records },
      entries: batch.messages.map(({ entry }) => ({ ...entry, place: 'model' })),
      ...{ tombstones: batch.tombstones, host: batch.host ?? null },
    }
  }

  #committed(frame: Frame): void {
    this.#number = frame.number
    this.#apply(frame)
  }

  #apply({ entries, tombstones, host }: Frame): void {
    for (const entry of entries) this.ledger.entries.set(entry.key, entry)
    for (const key of tombstones) this.ledger.entries.delete(key)
    this.ledger.host = host ?? this.ledger.host
  }

  /** Answered when it is on the disk, and all before it. */
  #askDurably<T>(apply: () => T): Promise<T> {
    return this.#ask(apply, () => this.#world.sync())
  }

  #ask<T>(apply: () => T, sync?: () => void): Promise<T> {
    return call(this.#world.calls, this.#life, apply, unreachable, sync)
  }
}

const isLost = (error: unknown): boolean =>
  error instanceof SinkError && error.code === 'MAILDRAIN_SINK_UNREACHABLE'
