import type { Clock, Timer } from '../../src/clock.ts'

interface Due {
  readonly at: number
  readonly order: number
  readonly fire: () => void
}

/** A clock that stands still until it is advanced. */
export class FakeClock implements Clock {
  #now = 1_700_000_000_000
  #elapsed = 0
  #order = 0
  #due: Due[] = []

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#elapsed
  }

  timer(ms: number, fire: () => void): Timer {
    const due: Due = { at: this.#elapsed + Math.max(0, ms), order: (this.#order += 1), fire }
    this.#due.push(due)
    return { cancel: () => (this.#due = this.#due.filter((other) => other !== due)) }
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#due.length
  }

  /** Lets time pass; fires what falls due, in order, with promise callbacks run in between. */
  async advance(ms: number): Promise<void> {
    const until = this.#elapsed + ms
    for (;;) {
      const [next] = this.#due
        .filter((due) => due.at <= until)
        .sort((a, b) => a.at - b.at || a.order - b.order)
      if (next === undefined) break
      this.#due = this.#due.filter((due) => due !== next)
      this.#pass(next.at - this.#elapsed)
      next.fire()
      await settle()
    }
    this.#pass(until - this.#elapsed)
    await settle()
  }

  #pass(ms: number): void {
    this.#elapsed += ms
    this.#now += ms
  }
}

/** Lets every promise callback that is ready run. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
