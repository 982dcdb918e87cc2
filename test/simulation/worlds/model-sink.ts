/**
 * Three kinds of destination as models: a database that commits records and ledger at once (`transactional`), a store
 * that takes a record under its key however often it comes (`idempotent`), and one that appends whatever comes
 * (`at-least-once`); the last two with a ledger on the local disk, written after the data.
 */
import { createHash } from 'node:crypto'
import { SinkError } from '../../../src/errors.ts'
import type { LedgerEntry } from '../../../src/ledger/ledger.ts'
import type { Batch, Guarantee, Sink } from '../../../src/sinks/sink.ts'
import { MemoryLedger } from '../../support/memory-sink.ts'
import { type Calls, call } from '../engine/calls.ts'
import type { Life } from '../engine/life.ts'
import { DiskLog } from './disk.ts'
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

/** Mistakes that a destination can be made with, to see whether they are found. */
export interface Mistakes {
  /** The log is not synced before a commit is answered (PRAGMA synchronous=NORMAL). */
  readonly unsynced?: boolean
  /** The ledger is written before the data. */
  readonly ledgerFirst?: boolean
  /** Nobody looks at the epoch. */
  readonly unfenced?: boolean
  /** What a lost answer leaves open is taken for done. */
  readonly lostIsDone?: boolean
  /** A batch is cut in the middle: its records and its ledger entries are two commits. */
  readonly splitBatch?: boolean
  /** Whoever opens the log cuts its last frame off. */
  readonly cutsTail?: boolean
  /** A reader gets what was aborted, too. */
  readonly showsAborted?: boolean
  /** A leader answers before its followers have what it got (acks=1). */
  readonly unreplicated?: boolean
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
  readonly #log = new DiskLog()
  #frames: Frame[] = []
  /** Of the kinds whose data lies apart from the ledger. */
  #remote: Stored[] = []
  readonly #remoteKeys = new Set<string>()
  #holder: Life | undefined
  readonly #attempts: Attempt[] = []
  /** Keys that the run at work has put. */
  #putNow = new Set<string>()
  #written = 0

  constructor(kind: Kind, calls: Calls, mistakes: Mistakes = {}) {
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
    if (this.kind !== 'transactional') return this.#remote
    const byKey = new Map<string, Stored>()
    for (const { records } of this.#frames)
      for (const record of records) if (!byKey.has(record.key)) byKey.set(record.key, record)
    return [...byKey.values()]
  }

  sink(life: Life): Sink {
    return new ModelSink(this, life)
  }

  powerCut(): void {
    this.#log.powerCut(this.calls.random)
    this.#frames = this.#log.read() as Frame[]
  }

  leaderLoss(): void {
    // One machine: its log is all there is.
  }

  replace(): boolean {
    return false
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
    if (this.mistakes.cutsTail === true) this.#frames.pop()
    const claim = { epoch: this.epoch + 1, number: 0, records: [], entries: [] }
    this.commit({ ...claim, tombstones: [], host: null })
    return this.#frames
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
    if (this.mistakes.unsynced !== true) this.#log.sync()
    this.#frames.push(frame)
    this.#written += frame.records.length
  }

  put(records: readonly Stored[]): void {
    for (const record of records) {
      if (!this.#putNow.has(record.key)) this.#written += 1
      this.#putNow.add(record.key)
      if (this.kind === 'idempotent' && this.#remoteKeys.has(record.key)) continue
      this.#remoteKeys.add(record.key)
      this.#remote.push(record)
    }
  }
}

const storedOf = (batch: Batch): Stored[] =>
  batch.messages.flatMap(({ records }) =>
    records.map(({ key, value }) => ({
      ...{ key, sha256: value.sha256 },
      actual: createHash('sha256').update(value.raw).digest('hex'),
    })),
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
    const frames = await this.#ask(() => this.#world.claim(this.#life))
    for (const frame of frames) this.#apply(frame)
    this.#epoch = frames.at(-1)?.epoch ?? 0
  }

  async write(batch: Batch): Promise<void> {
    const { kind, mistakes } = this.#world
    const records = storedOf(batch)
    if (kind === 'transactional') {
      if (mistakes.splitBatch === true && records.length > 0) {
        const half = { ...this.#frame(batch, []), number: this.#number }
        await this.#ask(() => this.#world.commit(half))
      }
      await this.#transact(batch, records)
      return
    }
    if (mistakes.ledgerFirst === true) await this.#writeLedger(batch)
    const attempt = this.#world.attempt()
    for (let i = 0; i < records.length; i += 2) {
      const some = records.slice(i, i + 2)
      await this.#ask(() => {
        attempt.records += some.length
        this.#world.put(some)
      })
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
      await this.#ask(() => {
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
    const last = await this.#ask(() => this.#world.lastBatch(this.#epoch))
    this.#doubtful = undefined
    if (last !== frame.number) return false
    this.#committed(frame)
    return true
  }

  async #writeLedger(batch: Batch): Promise<void> {
    const frame = this.#frame(batch, [])
    await this.#ask(() => this.#world.commit(frame))
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

  #ask<T>(apply: () => T): Promise<T> {
    return call(this.#world.calls, this.#life, apply, unreachable)
  }
}

const isLost = (error: unknown): boolean =>
  error instanceof SinkError && error.code === 'MAILDRAIN_SINK_UNREACHABLE'
