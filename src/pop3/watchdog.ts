/**
 * One timer for all deadlines of a connection. Deadlines move with every chunk, timers do not: the timer looks when it
 * fires whether the deadline has moved, and sleeps on.
 */
import type { Pop3Clock } from './transport.ts'

/** A timer that fires this late says that we slept (a stopped or starved process), not that the server was silent. */
const LATE_MS = 1000

export class Watchdog {
  readonly #clock: Pop3Clock
  readonly #expired: (ms: number) => void
  #timer: { cancel(): void } | undefined
  #firesAt = Infinity
  #deadline = Infinity
  #allowanceMs = 0

  /** @param expired is told the allowance that was used up, in milliseconds */
  constructor(clock: Pop3Clock, expired: (ms: number) => void) {
    this.#clock = clock
    this.#expired = expired
  }

  /** The deadline is `ms` milliseconds after `since`, a monotonic time. */
  expect(since: number, ms: number): void {
    this.#deadline = since + ms
    this.#allowanceMs = ms
    if (this.#deadline < this.#firesAt) this.#arm(this.#deadline)
  }

  /** Nothing is expected: no deadline. */
  rest(): void {
    this.#deadline = Infinity
  }

  stop(): void {
    this.rest()
    this.#timer?.cancel()
    this.#timer = undefined
    this.#firesAt = Infinity
  }

  #arm(at: number): void {
    this.#timer?.cancel()
    this.#firesAt = at
    const ms = Math.max(1, Math.ceil(at - this.#clock.monotonic()))
    this.#timer = this.#clock.timer(ms, () => this.#look(), true)
  }

  #look(): void {
    const now = this.#clock.monotonic()
    const late = now - this.#firesAt > LATE_MS
    this.#timer = undefined
    this.#firesAt = Infinity
    if (this.#deadline === Infinity) return
    if (late) this.#arm(Math.max(this.#deadline, now + LATE_MS))
    else if (now < this.#deadline) this.#arm(this.#deadline)
    else this.#expired(this.#allowanceMs)
  }
}
