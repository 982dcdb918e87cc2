/** Sends over several leaders, by the producer of kafkajs as it is, over a model of its cluster. */
import { createRequire } from 'node:module'
import type { Message, PartitionMetadata } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { LeaderSends } from '../../../src/sinks/kafka/leader-sends.ts'

type SendMessages = (request: {
  acks: number
  topicMessages: { topic: string; messages: Message[] }[]
}) => Promise<unknown>

const load = createRequire(import.meta.url)
const createSendMessages = load('kafkajs/src/producer/sendMessages') as (
  parts: Record<string, unknown>,
) => SendMessages
const createRetry = load('kafkajs/src/retry') as (options: object) => unknown
const defaultPartitioner = load('kafkajs/src/producer/partitioners') as {
  DefaultPartitioner: () => unknown
}
const quiet = { debug: () => undefined, error: () => undefined }

/** Longer than kafkajs waits before it tries again. */
const PRODUCE_MS = 40
const retry = { initialRetryTime: 5, maxRetryTime: 10, retries: 20 }

const concurrent = (): Error =>
  Object.assign(new Error('The producer attempted to update a transaction'), {
    ...{ name: 'KafkaJSProtocolError', type: 'CONCURRENT_TRANSACTIONS', retriable: true },
  })

interface TopicData {
  readonly topic: string
  readonly partitions: readonly { partition: number; messages: Message[] }[]
}

/** Partitions 0 to 3; the first time that a partition of broker 1 is added to the transaction, it is refused. */
class ThreeBrokers {
  leaders = [1, 2, 3, 2]
  readonly written: string[] = []
  #refusals = 1
  readonly #brokers = [1, 2, 3].map((nodeId) => ({
    nodeId,
    produce: async ({ topicData }: { topicData: TopicData[] }) => {
      await new Promise((resolve) => setTimeout(resolve, PRODUCE_MS))
      for (const { partitions } of topicData)
        for (const { messages } of partitions)
          this.written.push(...messages.map(({ value }) => String(value)))
      return { topics: [] }
    },
  }))

  #divided(partitions: string[]): Record<string, number[]> {
    const divided = new Map<number, number[]>()
    for (const each of partitions.map(Number)) {
      const leader = this.leaders[each] ?? 0
      divided.set(leader, [...(divided.get(leader) ?? []), each])
    }
    return Object.fromEntries(divided)
  }

  sender(createPartitioner: () => unknown): SendMessages {
    const metadata = () =>
      this.leaders.map((leader, partitionId) => ({ partitionId, leader }) as PartitionMetadata)
    return createSendMessages({
      logger: quiet,
      retrier: createRetry(retry),
      partitioner: createPartitioner(),
      cluster: {
        ...{ isConnected: () => true, targetTopics: new Set() },
        ...{ addMultipleTargetTopics: () => undefined, refreshMetadata: () => undefined },
        refreshMetadataIfNecessary: () => undefined,
        findTopicPartitionMetadata: metadata,
        findLeaderForPartitions: (_: string, partitions: string[]) => this.#divided(partitions),
        findBroker: ({ nodeId }: { nodeId: string }) =>
          this.#brokers.find((each) => each.nodeId === Number(nodeId)),
      },
      eosManager: {
        ...{ isTransactional: () => true, getTransactionalId: () => 'id' },
        ...{ getProducerId: () => '1', getProducerEpoch: () => 0 },
        ...{ getSequence: () => 0, updateSequence: () => undefined },
        ...{ acquireBrokerLock: () => undefined, releaseBrokerLock: () => undefined },
        addPartitionsToTransaction: (data: TopicData[]) => {
          const isOfFirst = data.some(({ partitions }) =>
            partitions.some(({ partition }) => this.leaders[partition] === 1),
          )
          if (isOfFirst && this.#refusals-- > 0) throw concurrent()
        },
      },
    })
  }
}

const messages = (): (Message & { partition: number })[] =>
  [0, 1, 2, 3, 0].map((partition, index) => ({ partition, value: `message ${index}` }))
const values = messages().map(({ value }) => value)

async function sendAll(brokers: ThreeBrokers, sends: LeaderSends): Promise<void> {
  const send = brokers.sender(sends.partitioner)
  const groups = sends.divide('mail', messages())
  await Promise.all(
    groups.map((group) => send({ acks: -1, topicMessages: [{ topic: 'mail', messages: group }] })),
  )
}

describe('G5: a send over several leaders', () => {
  it('as kafkajs does it, is written in part a second time when one of them refuses', async () => {
    const brokers = new ThreeBrokers()
    const send = brokers.sender(defaultPartitioner.DefaultPartitioner)
    await send({ acks: -1, topicMessages: [{ topic: 'mail', messages: messages() }] })
    await new Promise((resolve) => setTimeout(resolve, 2 * PRODUCE_MS))
    expect(brokers.written.length).toBeGreaterThan(values.length)
  })

  it('divided, is written once when one of them refuses, with leaders known or not', async () => {
    const sends = new LeaderSends()
    for (const known of [false, true]) {
      const brokers = new ThreeBrokers()
      await sendAll(brokers, sends)
      await new Promise((resolve) => setTimeout(resolve, 2 * PRODUCE_MS))
      expect(brokers.written.sort(), String(known)).toEqual(values)
    }
  })

  it('goes to each leader at once when it is known', async () => {
    const sends = new LeaderSends()
    expect(sends.divide('mail', messages()).map((group) => group.length)).toEqual([2, 1, 1, 1])
    await sendAll(new ThreeBrokers(), sends)
    expect(sends.divide('mail', messages()).map((group) => group.length)).toEqual([2, 2, 1])
    expect(sends.divide('other', messages())).toHaveLength(4)
  })

  it('is given up when partitions that had one leader have two, and divided anew', async () => {
    const sends = new LeaderSends()
    await sendAll(new ThreeBrokers(), sends)
    const brokers = new ThreeBrokers()
    brokers.leaders = [1, 2, 3, 3]
    await expect(sendAll(brokers, sends)).rejects.toMatchObject({
      code: 'MAILDRAIN_SINK_UNREACHABLE',
      retryable: true,
    })
    await new Promise((resolve) => setTimeout(resolve, 2 * PRODUCE_MS))
    brokers.written.splice(0)
    await sendAll(brokers, sends)
    expect(brokers.written.sort()).toEqual(values)
  })
})
