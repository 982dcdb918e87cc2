/**
 * How a drain is stopped (G2, G9): softly first, so that what was read becomes durable and what is durable is deleted;
 * after the grace nothing more is waited for.
 */
import type { Clock, Timer } from '../clock.ts'
import { MaildrainError } from '../errors.ts'
import type { Logger } from '../logger.ts'

export interface StopOptions {
  /** The caller's wish to stop. */
  readonly signal: AbortSignal | undefined
  /** Milliseconds that what is in flight may take; 0: none. */
  readonly graceMs: number
  readonly clock: Clock
  readonly log: Logger
}

/** After the grace, for what needs no server and no destination: to close, and to count. */
const LAST_MS = 1000

export class Stop {
  readonly #options: StopOptions
  readonly #soft = new AbortController()
  readonly #over = new AbortController()
  readonly #onSignal = () => this.#begin()
  #timer: Timer | undefined
  /** Is anything in flight that a grace could bring to an end? Else a stop is over at once. */
  inFlight = false

  constructor(options: StopOptions) {
    this.#options = options
    const { signal } = options
    if (signal?.aborted) this.#begin()
    else signal?.addEventListener('abort', this.#onSignal, { once: true })
  }

  /** Aborted when no further mail is to be asked for. */
  get stopping(): AbortSignal {
    return this.#soft.signal
  }

  /** Aborted when the grace is over. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  /** Settles as `work` does; shortly after the grace it resolves whatever `work` does. */
  async unlessOver(work: Promise<unknown>): Promise<void> {
    let timer: Timer | undefined
    let onOver: (() => void) | undefined
    const last = new Promise<void>((resolve) => {
      onOver = () => {
        timer = this.#options.clock.timer(LAST_MS, resolve)
      }
      if (this.over.aborted) onOver()
      else this.over.addEventListener('abort', onOver, { once: true })
    })
    try {
      await Promise.race([work, last])
    } finally {
      timer?.cancel()
      if (onOver !== undefined) this.over.removeEventListener('abort', onOver)
    }
  }

  dispose(): void {
    this.#timer?.cancel()
    this.#options.signal?.removeEventListener('abort', this.#onSignal)
  }

  #begin(): void {
    const { graceMs, clock, log } = this.#options
    const reason = stopped()
    this.#soft.abort(reason)
    if (this.inFlight && graceMs > 0)
      this.#timer = clock.timer(graceMs, () => {
        log.warn({ graceMs }, 'the time to stop in order is over')
        this.#over.abort(reason)
      })
    else this.#over.abort(reason)
  }
}

const stopped = (): MaildrainError =>
  new MaildrainError(
    'MAILDRAIN_STOPPED',
    'stopped by a signal; nothing is in doubt, run again to go on',
  )
