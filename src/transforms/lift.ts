/**
 * Lifts a user's plain function over deliveries. Whatever the function does (throw, reject, hang, multiply, answer with
 * nothing), its message is answered for exactly once and the drain goes on (G3, G4).
 */
import {
  getManyValues,
  isFinalValue,
  isFlushable,
  isMany,
  isStop,
  none,
  stop,
} from 'stream-chain/defs.js'
import { type Clock, systemClock } from '../clock.ts'
import { ConfigError, MaildrainError } from '../errors.ts'
import type { Delivery, MessageUnit } from '../pipeline/delivery.ts'
import type { TransformFunction } from './stage.ts'

export interface LiftOptions {
  /** Time that the function may take for one message, waiting included; backpressure does not count. */
  readonly deadlineMs?: number
  readonly clock?: Clock
  /** The chain's end: nobody waits for a function any longer. */
  readonly signal?: AbortSignal
}

/** What stream-chain takes from a function: a value, nothing, a promise of these, or a generator of values. */
export type LiftedResult =
  Delivery | typeof none | AsyncGenerator<Delivery> | Promise<LiftedSettled>
type LiftedSettled = Delivery | typeof none | AsyncGenerator<Delivery>

export type LiftedFunction = (delivery: Delivery) => LiftedResult

const DEFAULT_DEADLINE_MS = 60_000

/**
 * A function for stream-chain's `chain()` whose input and output are deliveries. Arrays, `many` and iterators become
 * several values of the same message; `none`, `undefined` and `null` filter.
 * @throws ConfigError MAILDRAIN_CONFIG_TRANSFORM for a flushable function: what it holds back belongs to no one message
 */
export function lift(transform: TransformFunction, options: LiftOptions = {}): LiftedFunction {
  const name = transform.name || 'a transform'
  if (isFlushable(transform))
    throw new ConfigError(
      'MAILDRAIN_CONFIG_TRANSFORM',
      `${name} is flushable, so it may merge messages, and none of them could be answered for: write it as a function of one message`,
    )
  const account: Account = {
    name,
    deadlineMs: options.deadlineMs ?? DEFAULT_DEADLINE_MS,
    clock: options.clock ?? systemClock,
    signal: options.signal,
  }
  return (delivery) => {
    const { unit } = delivery
    if (unit.verdict !== undefined) return dropped(unit)
    const patience = new Patience(account)
    try {
      const result: unknown = transform(delivery.value as never)
      if (!isThenable(result)) return answered(unit, result, patience)
      return patience.wait(result).then(
        (settled) => answered(unit, settled, patience),
        (error: unknown) => failed(unit, error),
      )
    } catch (error) {
      return failed(unit, error)
    }
  }
}

function dropped(unit: MessageUnit): typeof none {
  unit.release()
  return none
}

function failed(unit: MessageUnit, error: unknown): typeof none {
  unit.fail(isStop(error) ? unsupported('stop') : error)
  return dropped(unit)
}

/** The common case, one value for one, hands the reference on instead of counting it up and down. */
function answered(unit: MessageUnit, result: unknown, patience: Patience): LiftedSettled {
  if (isNothing(result)) return dropped(unit)
  const several = Array.isArray(result) || isMany(result) || isIterator(result)
  if (several) return spread(unit, result, patience)
  if (result === stop) return failed(unit, unsupported('stop'))
  if (isFinalValue(result)) return failed(unit, unsupported('finalValue'))
  return { unit, value: result }
}

/**
 * Several values of one message. The input's own reference is held to the end, so the message cannot complete before the
 * transform has finished with it; when the chain is destroyed in between, it completes as failed, never as delivered.
 */
async function* spread(
  unit: MessageUnit,
  result: unknown,
  patience: Patience,
): AsyncGenerator<Delivery> {
  let finished = false
  try {
    for await (const value of flatten(result, patience)) {
      if (unit.verdict !== undefined) break
      unit.retain()
      yield { unit, value }
    }
    finished = true
  } catch (error) {
    finished = true
    unit.fail(isStop(error) ? unsupported('stop') : error)
  } finally {
    if (!finished) unit.fail(ended())
    unit.release()
  }
}

async function* flatten(result: unknown, patience: Patience): AsyncGenerator {
  const value = isThenable(result) ? await patience.wait(result) : result
  if (isNothing(value)) return
  if (value === stop) throw unsupported('stop')
  if (isFinalValue(value)) throw unsupported('finalValue')
  if (Array.isArray(value)) for (const item of value) yield* flatten(item, patience)
  else if (isMany(value)) for (const item of getManyValues(value)) yield* flatten(item, patience)
  else if (isIterator(value)) yield* drawn(iteratorOf(value), patience)
  else yield value
}

async function* drawn(iterator: AnyIterator, patience: Patience): AsyncGenerator {
  let over = false
  try {
    for (;;) {
      const step = await patience.wait(patience.time(() => iterator.next()))
      over = step.done === true
      if (over) return
      yield* flatten(step.value, patience)
    }
  } finally {
    if (!over) abandon(iterator)
  }
}

/** Lets an iterator clean up; it may hang in there for as long as it likes. */
function abandon(iterator: AnyIterator): void {
  try {
    Promise.resolve(iterator.return?.()).catch(() => undefined)
  } catch {
    // The message has its verdict already; a clean-up that throws changes nothing about it.
  }
}

interface Account {
  readonly name: string
  readonly deadlineMs: number
  readonly clock: Clock
  readonly signal: AbortSignal | undefined
}

/** The time that one message may cost in a user's code: only what is spent there counts. */
class Patience {
  readonly #account: Account
  #leftMs: number

  constructor(account: Account) {
    this.#account = account
    this.#leftMs = account.deadlineMs
  }

  /** Runs synchronous code of the user on this account. */
  time<T>(action: () => T): T {
    const started = this.#account.clock.monotonic()
    try {
      return action()
    } finally {
      this.#leftMs -= this.#account.clock.monotonic() - started
    }
  }

  /** Waits as long as is left. What comes later is ignored, rejections included. */
  wait<T>(answer: PromiseLike<T> | T): Promise<T> {
    const { clock, signal } = this.#account
    const started = clock.monotonic()
    return new Promise<T>((resolve, reject) => {
      const close = () => {
        timer.cancel()
        signal?.removeEventListener('abort', stopWaiting)
        this.#leftMs -= clock.monotonic() - started
      }
      const fail = (error: Error) => {
        close()
        reject(error)
      }
      const stopWaiting = () => fail(ended())
      const timer = clock.timer(Math.max(0, this.#leftMs), () => fail(this.#missed()))
      signal?.addEventListener('abort', stopWaiting, { once: true })
      if (this.#leftMs <= 0) fail(this.#missed())
      if (signal?.aborted === true) stopWaiting()
      Promise.resolve(answer).then(
        (value) => {
          close()
          resolve(value)
        },
        (error: unknown) =>
          fail(error instanceof Error ? error : new Error(String(error), { cause: error })),
      )
    })
  }

  #missed(): MaildrainError {
    const { name, deadlineMs } = this.#account
    return new MaildrainError(
      'MAILDRAIN_TRANSFORM_DEADLINE',
      `${name} has not finished with a message within ${deadlineMs} ms: the message stays on the server`,
    )
  }
}

const ended = (): MaildrainError =>
  new MaildrainError(
    'MAILDRAIN_STOPPED',
    'the drain ended while a transform was at work on the message: run again',
  )

const isNothing = (value: unknown): boolean =>
  value === undefined || value === null || value === none

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'

interface AnyIterator {
  next(): PromiseLike<IteratorResult<unknown>> | IteratorResult<unknown>
  return?(): unknown
}

interface Iterable {
  readonly next?: unknown
  readonly [Symbol.asyncIterator]?: () => AnyIterator
}

/** As in stream-chain, what has `next` is an iterator; strings, Buffers and Maps are values. */
const isIterator = (value: unknown): value is Iterable =>
  typeof value === 'object' &&
  value !== null &&
  (typeof (value as Iterable).next === 'function' || Symbol.asyncIterator in value)

function iteratorOf(value: Iterable): AnyIterator {
  return typeof value.next === 'function'
    ? (value as AnyIterator)
    : (value[Symbol.asyncIterator]?.() ?? [][Symbol.iterator]())
}

const unsupported = (what: string): ConfigError =>
  new ConfigError(
    'MAILDRAIN_CONFIG_TRANSFORM',
    `a transform answered with ${what}, which would end or bypass the chain for other messages: return values or nothing`,
  )
