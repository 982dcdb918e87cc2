/**
 * A drain from end to end: opens the sink (fence and ledger first), lets deliveries flow, and answers with the receipt.
 * stream-chain composes the middle only; `pipeline` owns the ends, so a failing sink never leaks the mailbox connection.
 */
import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { systemClock, systemRandom } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { ConfigError, MaildrainError, describeError } from '../errors.ts'
import { type Ledger, type LedgerEntry, lateLedger } from '../ledger/ledger.ts'
import { silentLogger } from '../logger.ts'
import type { Logger } from '../logger.ts'
import type { Sink } from '../sinks/sink.ts'
import type { Source, SourceContext } from '../sources/source.ts'
import { composeChain } from '../transforms/compose.ts'
import { dedupe } from '../transforms/dedupe.ts'
import { parse } from '../transforms/parse/index.ts'
import type { Transform } from '../transforms/stage.ts'
import { Admission } from './admission.ts'
import { type BatchItem, Batcher } from './batcher.ts'
import { Budget } from './budget.ts'
import type { Delivery, Verdict } from './delivery.ts'
import { type DrainTuning, type ResolvedDrainTuning, drainTuning } from './options.ts'
import { type Progress, type Receipt, assertIdentity } from './receipt.ts'
import { SinkWriter } from './sink-writer.ts'

export interface DrainOptions extends DrainTuning {
  readonly source: Source
  /** Transforms in order; `[parse()]` unless given. Deduplication always comes first. */
  readonly through?: readonly Transform[]
  readonly into: Sink
  /** `delete` removes from the server what is durable at the destination; never the default. */
  readonly deletion?: 'keep' | 'delete'
  readonly signal?: AbortSignal
  readonly log?: Logger
  /** Called whenever something has changed; cheap to ignore. */
  readonly onProgress?: (progress: Progress) => void
  /** Called once at the end, also when the drain fails: what it did so far. */
  readonly onReceipt?: (receipt: Receipt) => void
  /** Directory for locks and scratch files; `$XDG_STATE_HOME/maildrain` unless given. */
  readonly stateDir?: string
  readonly clock?: Clock
  readonly random?: () => number
}

/**
 * Drains the source into the sink and resolves with the receipt once nothing unseen is left.
 * @throws MaildrainError; nothing is deleted that is not durable, whatever is thrown
 */
export async function drain(options: DrainOptions): Promise<Receipt> {
  const run = new DrainRun(options)
  return run.start()
}

function resolveTuning(options: DrainOptions): ResolvedDrainTuning {
  const keys = Object.keys(drainTuning.shape)
  const given = Object.fromEntries(Object.entries(options).filter(([key]) => keys.includes(key)))
  const result = drainTuning.safeParse(given)
  if (!result.success)
    throw new ConfigError('MAILDRAIN_CONFIG_INVALID', z.prettifyError(result.error))
  if (result.data.maxMessageBytes > result.data.maxInFlightBytes)
    throw new ConfigError(
      'MAILDRAIN_CONFIG_INVALID',
      `maxMessageBytes (${result.data.maxMessageBytes}) is more than maxInFlightBytes (${result.data.maxInFlightBytes}): raise the latter`,
    )
  return result.data
}

/** What decides whether a message is kept: the limit and the code of the transforms. */
function fingerprintOf(maxMessageBytes: number, through: readonly Transform[]): string {
  const hash = createHash('sha256').update(`max ${maxMessageBytes}`)
  for (const transform of through)
    hash.update('\0').update(typeof transform === 'function' ? String(transform) : transform.name)
  return hash.digest('hex').slice(0, 16)
}

/** A quarter of the default credit: while one batch is written there is room to read and parse two more. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024

const defaultStateDir = (): string =>
  join(process.env.XDG_STATE_HOME ?? join(homedir(), '.local', 'state'), 'maildrain')

class DrainRun {
  readonly #options: DrainOptions
  readonly #tuning: ResolvedDrainTuning
  readonly #through: readonly Transform[]
  readonly #clock: Clock
  readonly #log: Logger
  readonly #deletion: boolean
  readonly #abort = new AbortController()
  #progress: Progress = {
    ...{ phase: 'connecting', messagesTotal: 0, messagesDone: 0 },
    ...{ bytesTotal: null, bytesDone: 0, deleted: 0, sessions: 0 },
  }

  constructor(options: DrainOptions) {
    this.#options = options
    this.#tuning = resolveTuning(options)
    this.#through = options.through ?? [parse()]
    this.#clock = options.clock ?? systemClock
    this.#log = options.log ?? silentLogger
    this.#deletion = options.deletion === 'delete'
    if (this.#deletion && options.into.durability === 'none')
      throw new ConfigError(
        'MAILDRAIN_CONFIG_DURABILITY',
        `${options.into.name} promises no durability, so nothing may be deleted: drain without deletion or choose another destination`,
      )
  }

  async start(): Promise<Receipt> {
    const { source, into: sink, signal } = this.#options
    const started = this.#clock.monotonic()
    const stop = () => this.#abort.abort(stopped())
    if (signal?.aborted) stop()
    signal?.addEventListener('abort', stop, { once: true })
    let chain: Duplex | undefined
    try {
      this.#abort.signal.throwIfAborted()
      chain = this.#chain()
      await this.#openSink()
      await this.#flow(ledgerOf(sink), chain)
      const receipt = this.#receipt(started)
      assertIdentity(receipt)
      this.#options.onReceipt?.(receipt)
      return receipt
    } catch (error) {
      this.#options.onReceipt?.(this.#receipt(started))
      throw this.#abort.signal.aborted ? this.#abort.signal.reason : error
    } finally {
      signal?.removeEventListener('abort', stop)
      chain?.destroy()
      await sink.close()
      this.#log.debug({ mailbox: source.mailbox }, 'drain ended')
    }
  }

  /** Made first: its parser threads load while the sink is opened. */
  #chain(): Duplex {
    const ledger = lateLedger(() => ledgerOf(this.#options.into))
    const context = { ledger, log: this.#log, clock: this.#clock }
    return composeChain([dedupe(), ...this.#through], context)
  }

  async #openSink(): Promise<void> {
    const { source, into: sink } = this.#options
    const stateDir = this.#options.stateDir ?? defaultStateDir()
    await mkdir(stateDir, { recursive: true, mode: 0o700 })
    await sink.open({
      mailbox: source.mailbox,
      deletion: this.#deletion,
      maxMessageBytes: this.#tuning.maxMessageBytes,
      stateDir,
      log: this.#log,
      clock: this.#clock,
      signal: this.#abort.signal,
    })
  }

  async #flow(ledger: Ledger, chain: Duplex): Promise<void> {
    const { source, into: sink } = this.#options
    const maxMessageBytes = Math.min(
      this.#tuning.maxMessageBytes,
      sink.maxRecordBytes ?? this.#tuning.maxMessageBytes,
    )
    const fingerprint = fingerprintOf(maxMessageBytes, this.#through)
    const batcher = this.#batcher(fingerprint)
    const admission = new Admission({ batcher, ledger, fingerprint, clock: this.#clock })
    const context = this.#context({ ledger, batcher, admission, fingerprint, maxMessageBytes })
    try {
      await pipeline(source.open(context), chain, arrivals(), { signal: this.#abort.signal })
    } catch (error) {
      // Whoever failed, the source must close its session without QUIT, and wait for nobody.
      this.#abort.abort(error)
      throw error
    } finally {
      await batcher.settled()
    }
  }

  #batcher(fingerprint: string): Batcher {
    const { maxInFlightBytes, batchMaxMessages, lingerMs, sinkPatienceMs } = this.#tuning
    const writer = new SinkWriter({
      sink: this.#options.into,
      ...{ sinkPatienceMs, fingerprint, clock: this.#clock, log: this.#log },
      random: this.#options.random ?? systemRandom,
      signal: this.#abort.signal,
    })
    return new Batcher({
      maxBytes: Math.min(maxInFlightBytes / 4, MAX_BATCH_BYTES),
      maxMessages: batchMaxMessages,
      lingerMs,
      clock: this.#clock,
      write: (items) => writer.write(items),
      onFailure: (error) => this.#abort.abort(error),
    })
  }

  #context(parts: {
    ledger: Ledger
    batcher: Batcher
    admission: Admission
    fingerprint: string
    maxMessageBytes: number
  }): SourceContext {
    const { batcher, admission } = parts
    return {
      ...{ ledger: parts.ledger, fingerprint: parts.fingerprint },
      ...{ deletion: this.#deletion, maxMessageBytes: parts.maxMessageBytes },
      budget: new Budget(this.#tuning.maxInFlightBytes),
      unit: (message, onSettled) => admission.unit(message, onSettled),
      commit: (entries, tombstones = []) => commitAll(batcher, entries, tombstones),
      remember: (host) => commitOne(batcher, { message: undefined, tombstones: [], host }),
      starved: (value) => admission.starved(value),
      progress: (update) => {
        this.#progress = { ...this.#progress, ...update }
        this.#options.onProgress?.(this.#progress)
      },
      clock: this.#clock,
      random: this.#options.random ?? systemRandom,
      log: this.#log,
      signal: this.#abort.signal,
    }
  }

  #receipt(started: number): Receipt {
    const { source, into: sink } = this.#options
    const report = source.report()
    const { seen, delivered, alreadyDelivered, filtered, deadLettered, kept, vanished } =
      report.counts
    const { copies, deleted, verifiedGone, undeletable, remaining, bytes, sessions } = report
    return {
      ...{ mailbox: source.mailbox, destination: sink.destination },
      ...{ seen, delivered, alreadyDelivered, filtered, deadLettered, kept, vanished },
      ...{ copies, deleted, verifiedGone, undeletable, remaining, bytes, sessions },
      seconds: Math.round(this.#clock.monotonic() - started) / 1000,
      durability: sink.durabilityNote ?? sink.durability,
    }
  }
}

function ledgerOf(sink: Sink): Ledger {
  if (sink.ledger === undefined)
    throw new ConfigError(
      'MAILDRAIN_CONFIG_DURABILITY',
      `${sink.name} keeps no ledger, so a message could not be told from one already delivered: expose one as its ledger property`,
    )
  return sink.ledger
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

/** Ledger entries that go with no record; resolves when all are committed. */
async function commitAll(
  batcher: Batcher,
  entries: readonly LedgerEntry[],
  tombstones: readonly string[],
): Promise<void> {
  const waiting = entries.map((entry) =>
    commitOne(batcher, { message: { entry, records: [] }, tombstones: [] }),
  )
  if (tombstones.length > 0) waiting.push(commitOne(batcher, { message: undefined, tombstones }))
  await Promise.all(waiting)
}

function commitOne(
  batcher: Batcher,
  item: Pick<BatchItem, 'message' | 'tombstones' | 'host'>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (verdict: Verdict) => {
      const error = 'error' in verdict && verdict.error instanceof Error ? verdict.error : undefined
      if (verdict.kind === 'delivered') resolve()
      else reject(error ?? notCommitted())
    }
    batcher.add({ ...item, bytes: 0, settle })
  })
}

const notCommitted = (): MaildrainError =>
  new MaildrainError('MAILDRAIN_SINK_UNREACHABLE', 'a ledger entry could not be committed')

const stopped = (): MaildrainError =>
  new MaildrainError(
    'MAILDRAIN_STOPPED',
    'stopped by a signal; nothing is in doubt, run again to go on',
  )
