/** Servers log out a silent client, WildDuck after 60 s. */
import type { Clock, Timer } from '../../clock.ts'

export interface KeepAliveOptions {
  readonly clock: Clock
  /** Milliseconds between two calls. */
  readonly ms: number
  /** Called again and again while it is started. */
  readonly noop: () => void
  /** When this is aborted nothing is called any more. */
  readonly signal: AbortSignal
}

export class KeepAlive {
  readonly #options: KeepAliveOptions
  #timer: Timer | undefined

  constructor(options: KeepAliveOptions) {
    this.#options = options
  }

  start(): void {
    const { clock, ms, noop, signal } = this.#options
    this.#timer = clock.timer(ms, () => {
      if (signal.aborted) return
      noop()
      this.start()
    })
  }

  stop(): void {
    this.#timer?.cancel()
  }
}
