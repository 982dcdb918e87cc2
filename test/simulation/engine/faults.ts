/**
 * What goes wrong, and when. Every effect of the drain on its surroundings is counted (a chunk that arrives, a request
 * that a destination carries out, a reply to it); a plan names effects by their number, and what happens there.
 */
import type { Life } from './life.ts'

/** Of a drain at one effect. */
export type FaultKind =
  /** The process dies, and the effect does not take place. */
  | 'crash-before'
  /** The effect takes place, and the process dies before it knows. */
  | 'crash-after'
  /** The effect does not take place, and is answered by an error. */
  | 'error-before'
  /** The effect takes place, and its answer is lost. */
  | 'error-after'
  /** The line goes silent and stays open; a destination answers after minutes. */
  | 'stall'
  /** The process is frozen; another is started elsewhere, and later both run. */
  | 'freeze'
  /** The destination loses power: what was not synced may be lost, or torn. */
  | 'power-cut'
  /** The leader of the destination's log is lost, and with it what it had not passed on. */
  | 'leader-loss'
  /** The destination is made anew by its owner, and is empty. */
  | 'replaced'
  /** New mail comes in. */
  | 'arrival'
  /** New mail comes in, octet by octet what is there already. */
  | 'twin'
  /** New mail comes in under the unique-id of a message that is gone. */
  | 'reuse'
  /** Another client removes a message. */
  | 'removal'
  /** The wall clock jumps by years. */
  | 'clock-jump'

export interface Fault {
  /** Number of the effect, from 1. */
  readonly at: number
  readonly kind: FaultKind
}

export type Way = 'to-server' | 'to-client' | 'connect' | 'request' | 'disk' | 'reply'

/** What becomes of an effect. `lost`: not carried out. `unanswered`: carried out, and nobody hears of it. `late`: nobody hears of it for long. */
export type Outcome = 'none' | 'lost' | 'unanswered' | 'late'

/** No write is cut off by them. */
const HARMLESS: ReadonlySet<FaultKind> = new Set([
  ...(['arrival', 'twin', 'reuse', 'removal', 'clock-jump'] as const),
])

export class Faults {
  readonly #plan: ReadonlyMap<number, readonly FaultKind[]>
  readonly #happens: (kind: FaultKind, life: Life) => void
  readonly #last: number
  /** Effects so far. */
  effects = 0
  /** Faults that took place. */
  happened = 0
  /** Of these: such as may have cut off a write to the destination. */
  interruptions = 0
  onEffect: (way: Way) => void = () => undefined

  /** @param happens carries out what concerns the world and not the effect alone */
  constructor(plan: readonly Fault[], happens: (kind: FaultKind, life: Life) => void) {
    const byEffect = new Map<number, FaultKind[]>()
    for (const { at, kind } of plan) byEffect.set(at, [...(byEffect.get(at) ?? []), kind])
    this.#plan = byEffect
    this.#last = Math.max(0, ...plan.map(({ at }) => at))
    this.#happens = happens
  }

  /** Nothing more goes wrong. */
  get over(): boolean {
    return this.effects >= this.#last
  }

  /** Asked when an effect is about to take place. */
  next(way: Way, life: Life): Outcome {
    this.effects += 1
    this.onEffect(way)
    let outcome: Outcome = 'none'
    for (const kind of this.#plan.get(this.effects) ?? []) {
      this.happened += 1
      if (!HARMLESS.has(kind)) this.interruptions += 1
      if (kind === 'crash-before' || kind === 'error-before') outcome = 'lost'
      else if (kind === 'crash-after' || kind === 'error-after') outcome = 'unanswered'
      else if (kind === 'stall') outcome = 'late'
      if (kind !== 'error-before' && kind !== 'error-after') this.#happens(kind, life)
    }
    return outcome
  }
}
