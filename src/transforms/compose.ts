/**
 * The middle of a drain as one Duplex: stream-chain composes lifted functions and stages, `pipeline` of the caller owns
 * the ends. Whichever inner stream fails or closes early takes the whole middle with it, so nothing waits for ever.
 */
import { type Duplex, PassThrough, finished } from 'node:stream'
import { chainUnchecked } from 'stream-chain'
import { getFunctionList, isFlushable, isFunctionList } from 'stream-chain/defs.js'
import { ConfigError } from '../errors.ts'
import { type LiftOptions, type LiftedFunction, lift } from './lift.ts'
import type { Stage, StageContext, Transform, TransformFunction } from './stage.ts'

/** Values buffered at either end of the chain; the byte budget of the source is what bounds memory (G10). */
const HIGH_WATER_MARK = 4

/**
 * A Duplex of deliveries that runs them through `transforms` in order.
 * @throws ConfigError MAILDRAIN_CONFIG_TRANSFORM for anything but functions of one message and stages; nothing was
 * created then
 */
export function composeChain(transforms: readonly Transform[], context: StageContext): Duplex {
  const ended = new AbortController()
  const options = { clock: context.clock, signal: ended.signal }
  const items = transforms.flatMap((transform, index) => itemsOf(transform, index, options))
  const streams: Duplex[] = []
  try {
    const parts = items.map((item) => {
      if (typeof item === 'function') return item
      const stream = item.create(context)
      streams.push(stream)
      return stream
    })
    return compose(parts).once('close', () => ended.abort())
  } catch (error) {
    for (const stream of streams) stream.destroy()
    throw error
  }
}

function compose(parts: readonly (LiftedFunction | Duplex)[]): Duplex {
  const options = {
    readableHighWaterMark: HIGH_WATER_MARK,
    writableHighWaterMark: HIGH_WATER_MARK,
  }
  if (parts.length === 0) return new PassThrough({ objectMode: true, ...options })
  const whole = chainUnchecked([...parts], { ...options, skipEvents: true })
  for (const stream of whole.streams as Duplex[])
    finished(stream, (error) => {
      if (error) whole.destroy(error)
    })
  return whole
}

function itemsOf(
  transform: Transform,
  index: number,
  options: LiftOptions,
): readonly (LiftedFunction | Stage)[] {
  if (typeof transform !== 'function') {
    if (!isStage(transform)) throw refused(index, 'is neither a function nor a stage')
    return [transform]
  }
  if (isFlushable(transform)) throw refused(index, 'is flushable: it may merge messages')
  const list = isFunctionList(transform) ? getFunctionList(transform) : [transform]
  return list.map((one) => lift(one as TransformFunction, options))
}

/** Streams are refused as well: they would see deliveries, and merge or drop them unanswered. */
const isStage = (value: unknown): value is Stage =>
  typeof value === 'object' &&
  value !== null &&
  'create' in value &&
  typeof value.create === 'function' &&
  'name' in value &&
  typeof value.name === 'string'

const refused = (index: number, why: string): ConfigError =>
  new ConfigError(
    'MAILDRAIN_CONFIG_TRANSFORM',
    `transform ${index + 1} ${why}: pass plain functions of one message or the stages that maildrain exports`,
  )
