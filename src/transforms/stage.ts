/**
 * What can stand in a chain: a plain function on the value, lifted over deliveries, or a stage with a life of its own.
 */
import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Logger } from '../logger.ts'

export interface StageContext {
  /** May be asked as soon as values flow, and not before: the sink is opened while stages load. */
  readonly ledger: Ledger
  readonly log: Logger
  readonly clock: Clock
  /** Is mail likely to come soon? Then whatever takes long to load may begin at once; else when the first value comes. */
  readonly expectsMail: boolean
}

/**
 * A stage is an object-mode Duplex of deliveries (src/pipeline/delivery.ts): order kept, every unit retained and
 * released as values multiply and vanish. Destroying the Duplex ends whatever it holds (workers, timers).
 */
export interface Stage {
  readonly name: string
  create(context: StageContext): Duplex
}

/** A user's transform. `none`, `undefined` and `null` filter the message; arrays, `many` and iterators multiply it. */
// The last stage's output type is the next one's input, and a chain is checked as a whole at run time only.
export type TransformFunction = (value: never) => unknown

export type Transform = Stage | TransformFunction
