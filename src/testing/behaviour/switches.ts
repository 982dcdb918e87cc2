import type { Behaviour } from './behaviour.ts'
import type { PerSession } from './per-session.ts'

/** Default of `idleTimeoutMs`: the RFC's least. */
const TEN_MINUTES_MS = 600_000

/** Switches that may be given as a number of times. */
const COUNTED = ['ignoreDeletes', 'inUse', 'downloadQuota'] as const
type Counted = (typeof COUNTED)[number]

/** The switches of a server as they stand, with the countdowns of those that are given as a number of times. */
export class Switches {
  #behaviour: Behaviour
  readonly #left = new Map<Counted, number>()

  constructor(behaviour: Behaviour) {
    this.#behaviour = {}
    this.change(behaviour)
  }

  /** Sets the switches that are named; undefined turns one off; a number of times begins anew. */
  change(behaviour: Behaviour): void {
    this.#behaviour = { ...this.#behaviour, ...behaviour }
    for (const name of COUNTED) {
      if (!(name in behaviour)) continue
      const value = behaviour[name]
      if (typeof value === 'number') this.#left.set(name, value)
      else this.#left.delete(name)
    }
  }

  get now(): Readonly<Behaviour> {
    return this.#behaviour
  }

  /** What a switch says for a session. */
  of<T extends boolean | number | string | null>(
    value: PerSession<T> | undefined,
    session: number,
  ): T | undefined {
    return typeof value === 'function' ? value(session) : value
  }

  /** Takes one of the times that are left. */
  takeTurn(name: Counted, session: number): boolean {
    const value = this.#behaviour[name]
    if (typeof value !== 'number') return value !== undefined && this.of(value, session) === true
    const left = this.#left.get(name) ?? 0
    if (left > 0) this.#left.set(name, left - 1)
    return left > 0
  }

  /** Does the session that logs in now start empty? */
  startsEmpty(session: number): boolean {
    const once = this.#behaviour.statZeroOnce === true
    if (once) this.#behaviour = { ...this.#behaviour, statZeroOnce: false }
    return once || this.of(this.#behaviour.statZero, session) === true
  }

  get idleTimeoutMs(): number {
    return this.#behaviour.idleTimeoutMs ?? TEN_MINUTES_MS
  }
}
