/**
 * One life of the process that drains: it may be frozen and thawed, and it may die at any moment. What a dead process
 * has set off goes on in the world; nothing in the world reaches it any more, and it reaches nothing.
 */
import { setMaxListeners } from 'node:events'
import type { Clock, Timer } from '../../../src/clock.ts'
import { SinkError } from '../../../src/errors.ts'
import type { Scheduler } from './scheduler.ts'

/** 2026-01-01. */
const BEGINNING = 1_767_225_600_000

export class Life {
  readonly #scheduler: Scheduler
  readonly #death = new AbortController()
  /** What would have happened to it while it was frozen. */
  #held: (() => void)[] = []
  readonly #timers = new Set<() => void>()
  #skipped = 0
  state: 'running' | 'frozen' | 'dead' | 'ended' = 'running'
  /** Jumps of the wall clock so far, milliseconds. */
  wallSkew = 0

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
    setMaxListeners(0, this.#death.signal)
  }

  /** Aborted when it dies: the remains unwind, cut off from everything. */
  get signal(): AbortSignal {
    return this.#death.signal
  }

  get over(): boolean {
    return this.state === 'dead' || this.state === 'ended'
  }

  readonly clock: Clock = {
    now: () => Math.floor(BEGINNING + this.#scheduler.now + this.#skipped + this.wallSkew),
    monotonic: () => this.#scheduler.now + this.#skipped,
    timer: (ms, fire) => this.#timer(ms, fire),
  }

  /** Something comes to it from outside. */
  deliver(what: () => void): void {
    if (this.state === 'frozen') this.#held.push(what)
    else if (this.state === 'running') what()
  }

  freeze(): void {
    if (this.state === 'running') this.state = 'frozen'
  }

  thaw(): void {
    if (this.state !== 'frozen') return
    this.state = 'running'
    // One after the other, as tasks: what the first one brings about comes before the second.
    for (const what of this.#held.splice(0)) this.#scheduler.after(0, () => this.deliver(what))
  }

  kill(): void {
    if (this.over) return
    this.state = 'dead'
    this.#held = []
    this.#death.abort(dead())
    for (const hurry of [...this.#timers]) hurry()
  }

  #timer(ms: number, fire: () => void): Timer {
    const ring = (): void => {
      this.#timers.delete(hurry)
      fire()
    }
    let task = this.#scheduler.after(this.state === 'dead' ? 0 : ms, () => {
      if (this.state === 'dead') ring()
      else this.deliver(ring)
    })
    // For the dead time flies, so that what it waits for is soon over.
    const hurry = (): void => {
      task.cancel()
      this.#skipped += ms
      task = this.#scheduler.after(0, ring)
    }
    if (this.state === 'dead') this.#skipped += ms
    this.#timers.add(hurry)
    return {
      cancel: () => {
        this.#timers.delete(hurry)
        task.cancel()
      },
    }
  }
}

/** What the remains of a dead process get to hear: nothing that they would try again. */
export const dead = (): SinkError => new SinkError('MAILDRAIN_SINK_REFUSED', 'the process is dead')
