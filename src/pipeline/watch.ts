/**
 * A watch: drains the mailbox, then polls it until it is stopped. The sink is opened once and stays open, so a poll costs the
 * destination nothing; each poll is a reading of its own, and what passes by itself ends a poll, never the watch.
 */
import type { Duplex } from 'node:stream'
import { z } from 'zod'
import { sleep } from '../clock.ts'
import { ConfigError, MaildrainError } from '../errors.ts'
import { Drainer, type DrainerOptions } from './drainer.ts'
import { type ResolvedWatchTuning, type WatchTuning, watchTuning } from './options.ts'
import { Pacing } from './pacing.ts'
import type { Receipt } from './receipt.ts'
import { type WatchReceipt, addPoll } from './watch-receipt.ts'

export interface WatchOptions extends DrainerOptions, WatchTuning {
  /** Called after each poll: what it did, and what it failed by, if it did not come to its end. */
  readonly onPoll?: (receipt: Receipt, error?: unknown) => void
  /** Called once at the end, also when the watch fails. */
  readonly onReceipt?: (receipt: WatchReceipt) => void
}

/**
 * Drains the source into the sink again and again; resolves with what all polls did once `signal` has stopped it in order.
 * @throws MaildrainError that cannot pass by itself: a rejected password, wrong options, another drainer, a damaged ledger
 */
export async function watch(options: WatchOptions): Promise<WatchReceipt> {
  return new Watch(options).run()
}

function resolveWatchTuning({ pollSeconds, maxPollSeconds }: WatchTuning): ResolvedWatchTuning {
  const result = watchTuning.safeParse({ pollSeconds, maxPollSeconds })
  if (!result.success)
    throw new ConfigError('MAILDRAIN_CONFIG_INVALID', z.prettifyError(result.error))
  const { pollSeconds: least, maxPollSeconds: most } = result.data
  if (least > most)
    throw new ConfigError(
      'MAILDRAIN_CONFIG_INVALID',
      `pollSeconds (${least}) is more than maxPollSeconds (${most}): raise the latter`,
    )
  return result.data
}

class Watch {
  readonly #options: WatchOptions
  readonly #drainer: Drainer
  readonly #pacing: Pacing
  readonly #started: number
  #sum: WatchReceipt
  /** The poll that is under way reads mail. */
  #reads = false

  constructor(options: WatchOptions) {
    this.#options = options
    const tuning = resolveWatchTuning(options)
    options.source.checkWatch?.()
    this.#drainer = new Drainer({
      ...options,
      // A poll that finds nothing is no progress.
      onProgress: (progress) => {
        this.#reads ||= progress.phase === 'reading'
        if (this.#reads) options.onProgress?.(progress)
      },
    })
    this.#pacing = new Pacing({ ...tuning, random: this.#drainer.random })
    this.#started = this.#drainer.clock.monotonic()
    this.#sum = {
      ...{ mailbox: options.source.mailbox, destination: options.into.destination },
      ...{ polls: 0, failedPolls: 0, delivered: 0, vanished: 0, copies: 0, deleted: 0 },
      ...{ verifiedGone: 0, filtered: 0, deadLettered: 0, kept: 0, undeletable: 0, remaining: 0 },
      ...{ bytes: 0, sessions: 0, seconds: 0, durability: options.into.durability },
    }
  }

  async run(): Promise<WatchReceipt> {
    const drainer = this.#drainer
    let first: Duplex | undefined
    try {
      first = drainer.chain(true)
      await drainer.open()
      await this.#poll(first)
    } catch (error) {
      if (!this.#isStop(error)) throw error
    } finally {
      first?.destroy()
      await drainer.close()
      this.#options.onReceipt?.(this.#receipt())
    }
    return this.#receipt()
  }

  /** Ends by what it throws. */
  async #poll(first: Duplex): Promise<never> {
    const { clock, stop } = this.#drainer
    for (let chain = first; ; chain = this.#drainer.chain(false)) {
      const pauseMs = this.#pacing.pauseMs(await this.#read(chain))
      stop.stopping.throwIfAborted()
      this.#drainer.log.debug({ pauseMs: Math.round(pauseMs) }, 'waits for new mail')
      await sleep(clock, pauseMs, stop.stopping)
    }
  }

  /** @returns did it bring mail, or get rid of some? */
  async #read(chain: Duplex): Promise<boolean> {
    const { clock, log } = this.#drainer
    const started = clock.monotonic()
    this.#reads = false
    try {
      const receipt = await this.#drainer.read(chain, started)
      this.#add(receipt, 'finished')
      if (!didSomething(receipt)) return false
      const { delivered, deleted, verifiedGone, vanished, bytes, seconds } = receipt
      log.info({ delivered, deleted, verifiedGone, vanished, bytes, seconds }, 'poll brought mail')
      return true
    } catch (error) {
      const receipt = this.#drainer.receipt(started)
      this.#add(receipt, this.#isStop(error) ? 'stopped' : 'failed', error)
      if (!(error instanceof MaildrainError) || !error.retryable) throw error
      log.warn({ code: error.code }, `poll failed, and is tried again: ${error.message}`)
      return didSomething(receipt)
    } finally {
      chain.destroy()
    }
  }

  #add(receipt: Receipt, outcome: Parameters<typeof addPoll>[2], error?: unknown): void {
    this.#sum = addPoll(this.#sum, receipt, outcome)
    this.#options.onPoll?.(receipt, error)
  }

  #isStop(error: unknown): boolean {
    return error !== undefined && error === this.#drainer.stop.stopping.reason
  }

  #receipt(): WatchReceipt {
    const ms = this.#drainer.clock.monotonic() - this.#started
    return { ...this.#sum, seconds: Math.round(ms) / 1000 }
  }
}

const didSomething = ({ delivered, verifiedGone, vanished }: Receipt): boolean =>
  delivered + verifiedGone + vanished > 0
