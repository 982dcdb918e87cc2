/**
 * The least rate of a reply's content, against a server that sends a byte now and then for ever. Time counts only while
 * this side listened: seconds in which our process was stopped, starved or busy say nothing about the server.
 */
import type { Pop3Clock } from './transport.ts'

const TICK_MS = 1000
/** A tick that comes this late says that we did not listen: what the server sent meanwhile may not have been read yet. */
const LATE_MS = 250
/** Seconds listened before the rate is judged: servers pause, for a disk or a neighbour. */
const WINDOW_TICKS = 60

export class RateWatch {
  readonly #clock: Pop3Clock
  readonly #leastBytes: number
  readonly #tooSlow: () => void
  #timer: { cancel(): void } | undefined
  #firesAt = 0
  #watching = false
  #bytes = 0
  #ticks = 0

  /** @param bytesPerSecond least rate; 0: any @param tooSlow is called when a minute brought less */
  constructor(clock: Pop3Clock, bytesPerSecond: number, tooSlow: () => void) {
    this.#clock = clock
    this.#leastBytes = bytesPerSecond * WINDOW_TICKS * (TICK_MS / 1000)
    this.#tooSlow = tooSlow
  }

  /** A reply's content begins. */
  begin(): void {
    this.#watching = true
    this.#bytes = 0
    this.#ticks = 0
    // One timer goes on from reply to reply: most of them end within one tick.
    if (this.#timer === undefined && this.#leastBytes > 0) this.#arm()
  }

  add(bytes: number): void {
    this.#bytes += bytes
  }

  /** The reply has ended. */
  rest(): void {
    this.#watching = false
  }

  stop(): void {
    this.rest()
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #arm(): void {
    this.#firesAt = this.#clock.monotonic() + TICK_MS
    this.#timer = this.#clock.timer(TICK_MS, () => this.#tick(), true)
  }

  #tick(): void {
    const late = this.#clock.monotonic() - this.#firesAt > LATE_MS
    this.#timer = undefined
    if (!this.#watching) return
    if (!late) this.#ticks += 1
    if (this.#ticks >= WINDOW_TICKS) {
      const slow = this.#bytes < this.#leastBytes
      this.#bytes = 0
      this.#ticks = 0
      if (slow) {
        this.#tooSlow()
        return
      }
    }
    this.#arm()
  }
}
