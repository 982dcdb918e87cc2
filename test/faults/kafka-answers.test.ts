/** What a cluster answers when leaders, coordinators and producers come and go, by the model of a broker. */
import { expect, it } from 'vitest'
import { KafkaSink } from '../../src/sinks/kafka/sink.ts'
import { drainInto, serve } from '../support/drains.ts'
import { fastClock } from '../support/fast-clock.ts'
import { batchOf, inTopic, messages, openSink, persist } from '../support/kafka-sinks.ts'
import { ModelBroker, protocolError } from '../support/model-broker.ts'

const once = (error: Error): (() => void) => {
  let left = 1
  return () => {
    left -= 1
    if (left === 0) throw error
  }
}

const ALL = ['uid-0', 'uid-1', 'uid-2', 'uid-3']

it.each([
  [6, 'NOT_LEADER_OR_FOLLOWER'],
  [5, 'LEADER_NOT_AVAILABLE'],
  [19, 'NOT_ENOUGH_REPLICAS'],
  [20, 'NOT_ENOUGH_REPLICAS_AFTER_APPEND'],
  [59, 'UNKNOWN_PRODUCER_ID'],
  [45, 'OUT_OF_ORDER_SEQUENCE_NUMBER'],
])(
  'fault 80, 81, 87: records answered with %i, %s, are not claimed, and written again once',
  async (code, type) => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    await sink.write(batchOf(...messages(4).slice(0, 2)))
    broker.beforeSend = once(protocolError(code, type))
    const second = batchOf(...messages(4).slice(2))
    await expect(sink.write(second)).rejects.toMatchObject({ retryable: true })
    expect(inTopic(broker)).toEqual(ALL.slice(0, 2))
    await persist(sink, second)
    expect(inTopic(broker)).toEqual(ALL)
  },
)

it.each([
  [16, 'NOT_COORDINATOR', 'before'],
  [15, 'COORDINATOR_NOT_AVAILABLE', 'before'],
  [14, 'COORDINATOR_LOAD_IN_PROGRESS', 'before'],
  [16, 'NOT_COORDINATOR', 'after'],
] as const)(
  'fault 88: the end of a transaction answered with %i, %s, %s it was carried out: each message once',
  async (code, type, when) => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    await sink.write(batchOf(...messages(4).slice(0, 2)))
    const fail = once(protocolError(code, type))
    if (when === 'before') broker.beforeCommit = fail
    else broker.afterCommit = fail
    await persist(sink, batchOf(...messages(4).slice(2)))
    expect(inTopic(broker)).toEqual(ALL)
  },
)

it.each([
  [6, 'NOT_LEADER_OR_FOLLOWER'],
  [19, 'NOT_ENOUGH_REPLICAS'],
  [20, 'NOT_ENOUGH_REPLICAS_AFTER_APPEND'],
  [59, 'UNKNOWN_PRODUCER_ID'],
  [16, 'NOT_COORDINATOR'],
])(
  'fault 80, 81, 87, 88: a drain whose records, and later the end of a transaction, are answered with %i, %s',
  async (code, type) => {
    const broker = new ModelBroker()
    const early: number[] = []
    const stored = (index: number): boolean => inTopic(broker).includes(`uid-${index}`)
    const server = await serve(20, {
      onEvent: ({ kind, index }) => {
        if (kind === 'expunge' && index !== null && !stored(index)) early.push(index)
      },
    })
    const error = protocolError(code, type)
    let [sends, commits, failed] = [0, 0, 0]
    const failing = (count: number): void => {
      if (count % 4 !== 3) return
      failed += 1
      throw error
    }
    broker.beforeSend = () => failing((sends += 1))
    broker.beforeCommit = () => failing((commits += 1))
    const options = { brokers: ['model:9092'], topic: 'mail', openPatienceMs: 0 }
    const sink = new KafkaSink(options, () => Promise.resolve(broker))
    const receipt = await drainInto(server, sink, { batchMaxMessages: 5, clock: fastClock(10) })
    expect(receipt).toMatchObject({ delivered: 20, verifiedGone: 20, remaining: 0 })
    expect(failed).toBeGreaterThan(2)
    expect(early).toEqual([])
    const all = Array.from({ length: 20 }, (_, index) => `uid-${index}`)
    expect(inTopic(broker)).toEqual(all.sort())
  },
)
