import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../../src/logger.ts'
import {
  KafkajsClient,
  kafkaConfig,
  producerConfig,
} from '../../../src/sinks/kafka/kafkajs-client.ts'
import type { KafkaSink } from '../../../src/sinks/kafka/sink.ts'
import { LeaderSends } from '../../../src/sinks/kafka/leader-sends.ts'
import { kafkaSinkOptions } from '../../../src/sinks/kafka/options.ts'
import { batchOf, inTopic, messages, openSink, persist } from '../../support/kafka-sinks.ts'
import { rawMessage } from '../../support/messages.ts'
import { ModelBroker, epochLost } from '../../support/model-broker.ts'

describe('the rules of exactly-once with kafkajs', () => {
  it('R1: every record has its key and its partition, the same one for the same key', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    await sink.write(batchOf(...messages(20)))
    const all = broker.sends.flatMap(({ records }) => records)
    expect(all.length).toBeGreaterThan(40)
    for (const { key, partition } of all) {
      expect(key).not.toBe('')
      expect(Number.isInteger(partition)).toBe(true)
    }
    const again = broker.sends
      .filter(({ topic }) => topic === 'mail')
      .flatMap((send) => send.records)
    for (const { key, partition } of again) expect(partition).toBe(broker.partitionOf(key, 4))
  })

  it('R2: a commit whose answer is lost is found in the ledger, and nothing is sent again', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    broker.afterCommit = () => {
      broker.afterCommit = () => undefined
      throw new Error('Request EndTxn timed out')
    }
    const batch = batchOf(...messages(5))
    await sink.write(batch)
    expect(inTopic(broker)).toEqual(['uid-0', 'uid-1', 'uid-2', 'uid-3', 'uid-4'])
    expect(broker.fences).toHaveLength(2)
    await sink.write(batchOf(rawMessage('later', 'x')))
    expect(inTopic(broker)).toHaveLength(6)
  })

  it('R2: a commit that never reached the broker is not claimed; given again, it is written once', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    broker.beforeCommit = () => {
      broker.beforeCommit = () => undefined
      throw new Error('connection lost')
    }
    const batch = batchOf(...messages(3))
    await expect(sink.write(batch)).rejects.toMatchObject({
      code: 'MAILDRAIN_SINK_UNREACHABLE',
      retryable: true,
    })
    expect(inTopic(broker)).toEqual([])
    expect(sink.ledger.size).toBe(0)
    await sink.write(batch)
    expect(inTopic(broker)).toEqual(['uid-0', 'uid-1', 'uid-2'])
  })

  it('R2: while the ledger cannot be read the outcome stays unknown; once it can, the batch is not sent again', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    const down = () => {
      throw new Error('ECONNREFUSED')
    }
    broker.afterCommit = () => {
      broker.afterCommit = () => undefined
      broker.beforeRead = down
      broker.beforeFence = down
      throw new Error('connection lost')
    }
    const batch = batchOf(...messages(3))
    for (let tries = 0; tries < 3; tries += 1)
      await expect(sink.write(batch)).rejects.toMatchObject({
        code: 'MAILDRAIN_SINK_UNKNOWN_OUTCOME',
      })
    broker.beforeRead = () => undefined
    broker.beforeFence = () => undefined
    await sink.write(batch)
    expect(inTopic(broker)).toEqual(['uid-0', 'uid-1', 'uid-2'])
  })

  it('R3: a broker that restarts is waited for, not given up', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    let failures = 3
    broker.beforeCommit = () => {
      failures -= 1
      if (failures >= 0)
        throw Object.assign(new Error('Failed to find group coordinator'), {
          name: 'KafkaJSGroupCoordinatorNotFound',
          retriable: false,
        })
    }
    await persist(sink, batchOf(...messages(2)), 6)
    expect(inTopic(broker)).toEqual(['uid-0', 'uid-1'])
  })

  it('R4: one call at a time', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    broker.beforeSend = () => new Promise((resolve) => setTimeout(resolve, 1))
    await sink.write(batchOf(...messages(1500)))
    expect(broker.mostBusy).toBe(1)
  })

  it('R6: a send that hangs is given up before the transaction timeout, on a new producer', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker, { transactionTimeoutMs: 1000 })
    broker.beforeSend = () => {
      broker.beforeSend = () => undefined
      return new Promise(() => undefined)
    }
    const batch = batchOf(...messages(2))
    await expect(sink.write(batch)).rejects.toMatchObject({ retryable: true })
    expect(broker.fences).toHaveLength(2)
    await sink.write(batch)
    expect(inTopic(broker)).toEqual(['uid-0', 'uid-1'])
  })

  it('R6: a commit that hangs and then arrives is not sent again', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker, { transactionTimeoutMs: 1000 })
    broker.afterCommit = () => {
      broker.afterCommit = () => undefined
      return new Promise(() => undefined)
    }
    await sink.write(batchOf(...messages(2)))
    expect(inTopic(broker)).toEqual(['uid-0', 'uid-1'])
  })

  it('R6: who was late does not commit behind the back of the one who reads the ledger', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker, { transactionTimeoutMs: 1000 })
    let arrive: () => void = () => undefined
    broker.beforeSend = (topic) => {
      if (topic === 'mail') return undefined
      broker.beforeSend = () => undefined
      return new Promise<void>((resolve) => (arrive = resolve))
    }
    // The owner's word goes through: the one that hangs is the batch's ledger entry.
    broker.beforeFence = () => arrive()
    const batch = batchOf(...messages(2))
    await persist(sink, batch)
    expect(inTopic(broker)).toEqual(['uid-0', 'uid-1'])
  })

  it('R7: at most 1,000 records a send', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    await sink.write(batchOf(...messages(2500)))
    const sizes = broker.sends.map(({ records }) => records.length)
    expect(Math.max(...sizes)).toBe(1000)
    expect(inTopic(broker)).toHaveLength(2500)
  })
})

describe('G11: an owner that was pushed aside and comes back', () => {
  /** A commit fails; while its owner looks and fences, a newcomer takes the mailbox and delivers the same messages. */
  async function overtaken() {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    broker.beforeCommit = () => {
      broker.beforeCommit = () => undefined
      broker.beforeFence = async () => {
        broker.beforeFence = () => undefined
        const newcomer = await openSink(broker)
        await newcomer.write(batchOf(...messages(3)))
      }
      throw epochLost()
    }
    return { broker, sink }
  }

  it('finds the word of the newcomer behind its fence, and gives up', async () => {
    const { broker, sink } = await overtaken()
    await expect(sink.write(batchOf(...messages(3)))).rejects.toMatchObject({
      code: 'MAILDRAIN_SINK_FENCED',
      retryable: false,
    })
    expect(inTopic(broker)).toEqual(['uid-0', 'uid-1', 'uid-2'])
  })

  it('of two newcomers the later one owns, also where the earlier reads both words at once', async () => {
    const broker = new ModelBroker()
    const first = await openSink(broker)
    await first.close()
    let later: KafkaSink | undefined
    broker.beforeRead = async () => {
      broker.beforeRead = () => undefined
      later = await openSink(broker)
    }
    await expect(openSink(broker)).rejects.toMatchObject({ code: 'MAILDRAIN_SINK_FENCED' })
    await later?.write(batchOf(...messages(2)))
    expect(inTopic(broker)).toEqual(['uid-0', 'uid-1'])
  })

  it('writes nothing twice where a new leader, whose high watermark lags, hides that word', async () => {
    const { broker, sink } = await overtaken()
    const behind = await broker.offsets('mail.ledger')
    broker.offsets = () => Promise.resolve(behind)
    await persist(sink, batchOf(...messages(5)))
    expect(inTopic(broker)).toEqual(['uid-0', 'uid-1', 'uid-2', 'uid-3', 'uid-4'])
  })
})

describe('how kafkajs is set up', () => {
  const options = kafkaSinkOptions.parse({ brokers: ['a:1'], topic: 'mail' })

  it('R5: it retries after milliseconds when the markers of the last transaction are still being written', () => {
    const { retry } = kafkaConfig(options, silentLogger)
    expect(retry?.initialRetryTime).toBeLessThanOrEqual(20)
    expect(
      producerConfig(options, 'id', new LeaderSends()).retry?.initialRetryTime,
    ).toBeLessThanOrEqual(20)
  })

  it('R4: one request in flight, idempotent, with the transaction timeout that the watchdog stays below', () => {
    expect(producerConfig(options, 'id', new LeaderSends())).toMatchObject({
      ...{ transactionalId: 'id', maxInFlightRequests: 1, idempotent: true },
      ...{ transactionTimeout: 60_000, allowAutoTopicCreation: false },
    })
  })

  it('R1: the partition of a key is the one that other Kafka clients compute (murmur2)', () => {
    const client = new KafkajsClient(options, silentLogger)
    // Hashes of org.apache.kafka.common.utils.Utils.murmur2, as its own tests have them.
    const hashes = { '21': -973932308, foobar: -790332482, abc: 479470107 }
    for (const [key, hash] of Object.entries(hashes))
      expect(client.partitionOf(key, 7)).toBe((hash & 0x7fffffff) % 7)
  })
})
it('a slow line makes smaller transactions, and a batch that fails in part is not written twice', async () => {
  const broker = new ModelBroker()
  const sink = await openSink(broker, { transactionTimeoutMs: 1000 })
  const many = Array.from({ length: 20 }, (_, index) =>
    rawMessage(`uid-${index}`, 'x'.repeat(40_000)),
  )
  const data = () => broker.sends.filter(({ topic }) => topic === 'mail')
  // Slower than 800 KB in three quarters of a second.
  broker.beforeSend = (topic, records) =>
    topic === 'mail'
      ? new Promise((resolve) => setTimeout(resolve, records.length * 50))
      : undefined
  await persist(sink, batchOf(...many), 8)
  expect(new Set(inTopic(broker)).size).toBe(20)
  expect(inTopic(broker)).toHaveLength(20)
  expect(data().at(-1)?.records.length).toBeLessThan(20)
})
