/**
 * One reading of the mailbox into a sink that is open: deliveries flow until the source has nothing more to say, fails or
 * is stopped. `pipeline` owns the ends, so a failing sink never leaks the mailbox connection; stream-chain composes the
 * middle only.
 */
import { createHash } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { type Duplex, type Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Clock } from '../clock.ts'
import { unlessAborted, withDeadline } from '../deadline.ts'
import { MaildrainError, SinkError, describeError } from '../errors.ts'
import type { Ledger, LedgerEntry } from '../ledger/ledger.ts'
import type { Logger } from '../logger.ts'
import type { Sink } from '../sinks/sink.ts'
import type { Source, SourceContext } from '../sources/source.ts'
import type { Transform } from '../transforms/stage.ts'
import { Admission } from './admission.ts'
import { type BatchItem, Batcher } from './batcher.ts'
import { Budget } from './budget.ts'
import type { Delivery, Verdict } from './delivery.ts'
import type { ResolvedDrainTuning } from './options.ts'
import { waitOutOutages } from './outage.ts'
import type { Progress } from './receipt.ts'
import { SinkWriter, sinkFailure } from './sink-writer.ts'
import type { Stop } from './stop.ts'

export interface SourceRunOptions {
  readonly source: Source
  /** Open. */
  readonly sink: Sink
  readonly ledger: Ledger
  /** The transforms, for the fingerprint; `chain` is made of them. */
  readonly through: readonly Transform[]
  readonly chain: Duplex
  readonly deletion: boolean
  readonly tuning: ResolvedDrainTuning
  readonly stop: Stop
  readonly progress: (update: Partial<Progress>) => void
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
}

/** A quarter of the default credit: while one batch is written there is room to read and parse two more. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024

/** What decides whether a message is kept: the limit and the code of the transforms. */
function fingerprintOf(maxMessageBytes: number, through: readonly Transform[]): string {
  const hash = createHash('sha256').update(`max ${maxMessageBytes}`)
  for (const transform of through)
    hash.update('\0').update(typeof transform === 'function' ? String(transform) : transform.name)
  return hash.digest('hex').slice(0, 16)
}

export class SourceRun {
  readonly #options: SourceRunOptions
  readonly #stopping = new AbortController()
  readonly #abort = new AbortController()
  readonly #maxMessageBytes: number
  readonly #fingerprint: string
  readonly #batcher: Batcher

  constructor(options: SourceRunOptions) {
    this.#options = options
    // Every commit listens while it waits; messages that are back on the server are committed one by one.
    setMaxListeners(0, this.#abort.signal)
    const { maxMessageBytes } = options.tuning
    this.#maxMessageBytes = Math.min(
      maxMessageBytes,
      options.sink.maxRecordBytes ?? maxMessageBytes,
    )
    this.#fingerprint = fingerprintOf(this.#maxMessageBytes, options.through)
    this.#batcher = this.#makeBatcher()
  }

  /**
   * Resolves when the source has nothing more to say. Settles only when nothing of this run goes on any more, so that what
   * the source reports is true, and whoever comes next finds the mailbox free.
   * @throws MaildrainError MAILDRAIN_STOPPED, or what the run failed by
   */
  async flow(): Promise<void> {
    const { source, chain, stop } = this.#options
    const unlink = this.#follow(stop)
    let readable: Readable | undefined
    try {
      readable = source.open(this.#context())
      const { signal } = this.#abort
      await stop.unlessOver(pipeline(readable, chain, arrivals(), { signal }))
      signal.throwIfAborted()
    } catch (error) {
      // Whoever failed, the source must close its session without QUIT, and wait for nobody.
      this.#fail(error)
      throw this.#cause()
    } finally {
      if (readable !== undefined) await stop.unlessOver(closed(readable))
      await stop.unlessOver(this.#batcher.settled())
      unlink()
    }
  }

  /** Until `unlink`: the signals outlive this run, and must not hold it. */
  #follow({ stopping, over }: Stop): () => void {
    const soft = () => {
      this.#stopping.abort(stopping.reason)
      this.#batcher.hurry()
    }
    const hard = () => this.#fail(over.reason)
    if (stopping.aborted) soft()
    if (over.aborted) hard()
    stopping.addEventListener('abort', soft)
    over.addEventListener('abort', hard)
    return () => {
      stopping.removeEventListener('abort', soft)
      over.removeEventListener('abort', hard)
    }
  }

  #fail(error: unknown): void {
    this.#stopping.abort(error)
    this.#abort.abort(error)
    this.#batcher.fail(error)
  }

  /** What passes by itself is no news to whoever has stopped the drain: it is stopped. */
  #cause(): unknown {
    const { stopping } = this.#options.stop
    const error: unknown = this.#abort.signal.reason
    const passing = error instanceof MaildrainError && error.retryable
    return stopping.aborted && passing ? stopping.reason : error
  }

  #makeBatcher(): Batcher {
    const { sink, tuning, clock, random, log } = this.#options
    const { maxInFlightBytes, batchMaxMessages, lingerMs, sinkPatienceMs } = tuning
    const writer = new SinkWriter({
      ...{ sink, sinkPatienceMs, fingerprint: this.#fingerprint, clock, random, log },
      ...{ stopping: this.#stopping.signal, signal: this.#abort.signal },
    })
    return new Batcher({
      maxBytes: Math.min(maxInFlightBytes / 4, MAX_BATCH_BYTES),
      maxMessages: batchMaxMessages,
      ...{ lingerMs, clock },
      write: (items) => writer.write(items),
      onFailure: (error) => this.#fail(error),
    })
  }

  #context(): SourceContext {
    const { ledger, deletion, tuning, progress, clock, random, log } = this.#options
    const batcher = this.#batcher
    const fingerprint = this.#fingerprint
    const admission = new Admission({ batcher, ledger, fingerprint, clock })
    const commit = (items: readonly CommittedItem[]) => this.#commit(items)
    return {
      ...{ ledger, deletion, fingerprint, maxMessageBytes: this.#maxMessageBytes },
      budget: new Budget(tuning.maxInFlightBytes),
      unit: (message, onSettled) => admission.unit(message, onSettled),
      commit: (entries, tombstones = []) => commit(itemsOf(entries, tombstones)),
      remember: (host) => commit([{ message: undefined, tombstones: [], host }]),
      countVanished: (vanished) => commit([{ message: undefined, tombstones: [], vanished }]),
      confirmOwner: () => this.#confirmOwner(),
      starved: (value) => admission.starved(value),
      ...{ progress, clock, random, log },
      stopping: this.#stopping.signal,
      signal: this.#abort.signal,
    }
  }

  /** Resolves when all are committed; does not wait for a destination when nothing is to be waited for any more. */
  async #commit(items: readonly CommittedItem[]): Promise<void> {
    const { signal } = this.#abort
    signal.throwIfAborted()
    await unlessAborted(signal, Promise.all(items.map((item) => commitOne(this.#batcher, item))))
  }

  /** Whoever cannot be told within the patience for an outage deletes nothing (G11, G15). */
  async #confirmOwner(): Promise<void> {
    const { sink, tuning, clock, random, log } = this.#options
    const { sinkPatienceMs } = tuning
    const ask = sink.confirmOwner?.bind(sink)
    if (ask === undefined) return
    const patience = { sinkPatienceMs, clock, random, log, stopping: this.#stopping.signal }
    const late = () => ownerUnknown(sink.name, sinkPatienceMs)
    const limits = { clock, ms: sinkPatienceMs, signal: this.#abort.signal, late }
    try {
      await withDeadline(limits, () => waitOutOutages(patience, ask))
    } catch (thrown) {
      const error = sinkFailure(sink.name, thrown)
      this.#fail(error)
      throw error
    }
  }
}

type CommittedItem = Pick<BatchItem, 'message' | 'tombstones' | 'host' | 'vanished'>

/** Ledger entries that go with no record. */
function itemsOf(
  entries: readonly LedgerEntry[],
  tombstones: readonly string[],
): readonly CommittedItem[] {
  const items: CommittedItem[] = entries.map((entry) => ({
    message: { entry, records: [] },
    tombstones: [],
  }))
  return tombstones.length > 0 ? [...items, { message: undefined, tombstones }] : items
}

function commitOne(batcher: Batcher, item: CommittedItem): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (verdict: Verdict) => {
      const error = 'error' in verdict && verdict.error instanceof Error ? verdict.error : undefined
      if (verdict.kind === 'delivered') resolve()
      else reject(error ?? notCommitted())
    }
    batcher.add({ ...item, bytes: 0, settle })
  })
}

/** The end of the chain. Bytes are bounded by credit, so it takes whatever comes. */
function arrivals(): Writable {
  return new Writable({
    objectMode: true,
    write(delivery: Delivery, _encoding, callback) {
      try {
        delivery.unit.arrive(delivery.value)
        callback()
      } catch (error) {
        // A ledger that cannot be read ends the drain, and does not leave it waiting.
        callback(error instanceof Error ? error : new Error(describeError(error)))
      }
    },
  })
}

const closed = (stream: Readable): Promise<void> =>
  stream.closed
    ? Promise.resolve()
    : new Promise((resolve) => void stream.once('close', () => resolve()))

const notCommitted = (): MaildrainError =>
  new MaildrainError('MAILDRAIN_SINK_UNREACHABLE', 'a ledger entry could not be committed')

const ownerUnknown = (name: string, ms: number): SinkError =>
  new SinkError(
    'MAILDRAIN_SINK_UNREACHABLE',
    `${name} did not say within ${ms / 1000} s whether this drain still owns the mailbox; nothing is deleted, run again`,
  )
