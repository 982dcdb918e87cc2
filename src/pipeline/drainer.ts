/**
 * What a drain and a watch have in common: the options made sure of, the sink opened once (fence and ledger first), and
 * readings of the mailbox with a receipt each.
 */
import { mkdirSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { z } from 'zod'
import { type Clock, systemClock, systemRandom } from '../clock.ts'
import { ConfigError } from '../errors.ts'
import { type Ledger, lateLedger } from '../ledger/ledger.ts'
import { type Logger, silentLogger } from '../logger.ts'
import { defaultStateDir } from '../state-dir.ts'
import type { Sink } from '../sinks/sink.ts'
import type { Source } from '../sources/source.ts'
import { composeChain } from '../transforms/compose.ts'
import { dedupe } from '../transforms/dedupe.ts'
import { parse } from '../transforms/parse/index.ts'
import type { Transform } from '../transforms/stage.ts'
import { type DrainTuning, type ResolvedDrainTuning, drainTuning } from './options.ts'
import { type Progress, type Receipt, assertIdentity } from './receipt.ts'
import { SourceRun } from './source-run.ts'
import { sinkFailure } from './sink-writer.ts'
import { Stop } from './stop.ts'

export interface DrainerOptions extends DrainTuning {
  readonly source: Source
  /** Transforms in order; `[parse()]` unless given. Deduplication always comes first. */
  readonly through?: readonly Transform[]
  readonly into: Sink
  /** `delete` removes from the server what is durable at the destination; never the default. */
  readonly deletion?: 'keep' | 'delete'
  /**
   * Stops in order: no further mail is asked for, what was read becomes durable, what is durable is deleted, as far as that
   * is done within `stopGraceMs`.
   */
  readonly signal?: AbortSignal
  readonly log?: Logger
  /** Called whenever something has changed; cheap to ignore. */
  readonly onProgress?: (progress: Progress) => void
  /** A ledger that was lost, is damaged, or is an older copy is made anew from the mail that the destination holds. */
  readonly rebuildLedger?: boolean
  /**
   * Goes on where ledger and destination do not agree: what is not proven to be there is delivered again if the server still
   * has it, and named in the log if it has not.
   */
  readonly acceptMissing?: boolean
  /** Directory for locks and scratch files; `$XDG_STATE_HOME/maildrain` unless given. */
  readonly stateDir?: string
  readonly clock?: Clock
  readonly random?: () => number
}

function resolveTuning(options: DrainTuning): ResolvedDrainTuning {
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

const NO_PROGRESS: Progress = {
  ...{ phase: 'connecting', messagesTotal: 0, messagesDone: 0 },
  ...{ bytesTotal: null, bytesDone: 0, deleted: 0, sessions: 0, plan: null },
}

export class Drainer {
  readonly #options: DrainerOptions
  readonly #tuning: ResolvedDrainTuning
  readonly #through: readonly Transform[]
  readonly #deletion: boolean
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
  readonly stop: Stop

  /** @throws ConfigError for options that are wrong, or exclude each other */
  constructor(options: DrainerOptions) {
    this.#options = options
    this.#tuning = resolveTuning(options)
    this.#through = options.through ?? [parse()]
    this.#deletion = options.deletion === 'delete'
    if (this.#deletion && options.into.durability === 'none')
      throw new ConfigError(
        'MAILDRAIN_CONFIG_DURABILITY',
        `${options.into.name} promises no durability, so nothing may be deleted: drain without deletion or choose another destination`,
      )
    options.source.checkDeletion?.(this.#deletion)
    this.clock = options.clock ?? systemClock
    this.random = options.random ?? systemRandom
    this.log = options.log ?? silentLogger
    const { clock, log } = this
    this.stop = new Stop({
      ...{ signal: options.signal, graceMs: this.#tuning.stopGraceMs, clock, log },
    })
  }

  /** @throws MaildrainError; a stop ends the opening at once */
  async open(): Promise<void> {
    const { source, into: sink } = this.#options
    const { over } = this.stop
    over.throwIfAborted()
    const stateDir = this.#options.stateDir ?? defaultStateDir()
    // Not awaited: what a simulator runs must not leave its scheduler.
    mkdirSync(stateDir, { recursive: true, mode: 0o700 })
    try {
      const opened = sink.open({
        ...{ mailbox: source.mailbox, deletion: this.#deletion, stateDir },
        maxMessageBytes: this.#tuning.maxMessageBytes,
        rebuildLedger: this.#options.rebuildLedger ?? false,
        acceptMissing: this.#options.acceptMissing ?? false,
        ...{ log: this.log, clock: this.clock, signal: over },
      })
      await this.stop.unlessOver(opened)
    } catch (error) {
      over.throwIfAborted()
      throw sinkFailure(sink.name, error)
    }
    over.throwIfAborted()
  }

  /** The chain of transforms for a reading. */
  chain(expectsMail: boolean): Duplex {
    const ledger = lateLedger(() => this.#ledger)
    const { log, clock } = this
    return composeChain([dedupe(), ...this.#through], { ledger, log, clock, expectsMail })
  }

  /**
   * Reads the mailbox until nothing unseen is left.
   * @param started by the monotonic clock, for the receipt
   */
  async read(chain: Duplex, started: number): Promise<Receipt> {
    const { source, into: sink, onProgress } = this.#options
    const { stop, clock, random, log } = this
    let progress = NO_PROGRESS
    stop.inFlight = true
    try {
      await new SourceRun({
        ...{ source, sink, ledger: this.#ledger, through: this.#through, chain },
        ...{ deletion: this.#deletion, tuning: this.#tuning, stop, clock, random, log },
        progress: (update) => {
          progress = { ...progress, ...update }
          onProgress?.(progress)
        },
      }).flow()
    } finally {
      stop.inFlight = false
    }
    const receipt = this.receipt(started)
    assertIdentity(receipt)
    return receipt
  }

  async close(): Promise<void> {
    const { source, into: sink } = this.#options
    await this.stop.unlessOver(sink.close())
    this.stop.dispose()
    this.log.debug({ mailbox: source.mailbox }, 'drain ended')
  }

  /** What the last reading did so far. */
  receipt(started: number): Receipt {
    const { source, into: sink } = this.#options
    const report = source.report()
    const { seen, delivered, alreadyDelivered, filtered, deadLettered, kept, vanished } =
      report.counts
    const { copies, deleted, verifiedGone, undeletable, bytes, sessions } = report
    const { remaining, unselected, waiting, listingBytes, openSeconds, quitSeconds } = report
    return {
      ...{ mailbox: source.mailbox, destination: sink.destination },
      ...{ seen, delivered, alreadyDelivered, filtered, deadLettered, kept, vanished },
      ...{ copies, deleted, verifiedGone, undeletable },
      ...{ remaining, unselected, waiting, bytes, sessions },
      ...{ listingBytes, openSeconds, quitSeconds },
      seconds: Math.round(this.clock.monotonic() - started) / 1000,
      durability: sink.durabilityNote ?? sink.durability,
    }
  }

  get #ledger(): Ledger {
    const { ledger, name } = this.#options.into
    if (ledger === undefined)
      throw new ConfigError(
        'MAILDRAIN_CONFIG_DURABILITY',
        `${name} keeps no ledger, so a message could not be told from one already delivered: expose one as its ledger property`,
      )
    return ledger
  }
}
