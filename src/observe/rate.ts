/** How fast a drain or other work on mail is, and when it will be through. */
import type { Progress } from '../pipeline/receipt.ts'

export type Amounts = Pick<Progress, 'messagesTotal' | 'messagesDone' | 'bytesTotal' | 'bytesDone'>

export interface Pace {
  readonly messagesPerSecond: number
  readonly bytesPerSecond: number
  /** Null before anything is known, and when all is done. */
  readonly secondsLeft: number | null
}

interface Sample {
  readonly at: number
  readonly messages: number
  readonly bytes: number
}

/** Long enough to level out sessions that list and delete, short enough to follow a server that slows down. */
const WINDOW_MS = 30_000
/** Samples closer together than this are not kept. */
const STEP_MS = 250

/** Rates over the last half minute. */
export class RateMeter {
  #samples: Sample[] = []

  /** @param at milliseconds from an arbitrary start */
  pace(progress: Amounts, at: number): Pace {
    const now = { at, messages: progress.messagesDone, bytes: progress.bytesDone }
    const first = this.#oldest(now)
    const seconds = (at - first.at) / 1000
    const perSecond = (amount: number) => (seconds > 0 ? Math.max(0, amount) / seconds : 0)
    const messagesPerSecond = perSecond(now.messages - first.messages)
    const bytesPerSecond = perSecond(now.bytes - first.bytes)
    const { messagesTotal, bytesTotal } = progress
    // Bytes tell more than messages where sizes differ, but are not known on every server.
    const [left, speed] = bytesTotal
      ? [bytesTotal - now.bytes, bytesPerSecond]
      : [messagesTotal - now.messages, messagesPerSecond]
    const secondsLeft = left > 0 && speed > 0 ? left / speed : null
    return { messagesPerSecond, bytesPerSecond, secondsLeft }
  }

  #oldest(now: Sample): Sample {
    const last = this.#samples.at(-1)
    if (last === undefined || now.at - last.at >= STEP_MS) this.#samples.push(now)
    this.#samples = this.#samples.filter((sample) => now.at - sample.at <= WINDOW_MS)
    return this.#samples[0] ?? now
  }
}
