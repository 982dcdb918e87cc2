/** Topics of a real broker, looked at and made by kafkajs alone. */
import { createHash, randomUUID } from 'node:crypto'
import { type Admin, Kafka, logLevel } from 'kafkajs'
import { silentLogger } from '../../src/logger.ts'
import type { ConsumedRecord } from '../../src/sinks/kafka/client.ts'
import { KafkajsClient } from '../../src/sinks/kafka/kafkajs-client.ts'
import { kafkaSinkOptions } from '../../src/sinks/kafka/options.ts'
import { decodeAvro } from '../../src/transforms/encode.ts'

export const sha256 = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex')

const kafkaOf = (brokers: string[]): Kafka => new Kafka({ brokers, logLevel: logLevel.NOTHING })

export async function withAdmin<T>(
  brokers: string[],
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = kafkaOf(brokers).admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

/** A topic of one's own settings; `partitions` is 4 unless given. */
export async function makeTopic(
  brokers: string[],
  topic: string,
  settings: Record<string, string>,
  partitions = 4,
): Promise<void> {
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }))
  await withAdmin(brokers, (admin) =>
    admin.createTopics({ topics: [{ topic, numPartitions: partitions, configEntries }] }),
  )
}

/** For the next record of those that are to come. */
const PATIENCE_MS = 120_000

/**
 * SHA-256 of the raw bytes of every committed record, sorted. Reads a little longer than it takes to see `count` of them,
 * so that a duplicate would be seen too.
 */
export async function readTopic(
  brokers: string[],
  topic: string,
  count: number,
): Promise<string[]> {
  const consumer = kafkaOf(brokers).consumer({ groupId: randomUUID(), maxWaitTimeInMs: 100 })
  // By place: a consumer that joins its group again is given records twice, which is none of the topic's doing.
  const hashes = new Map<string, string>()
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    let quiet = setTimeout(resolve, PATIENCE_MS)
    consumer
      .run({
        eachMessage: ({ partition, message }) => {
          const hash = sha256(decodeAvro(message.value ?? Buffer.alloc(0)).raw)
          if (hash !== message.headers?.['maildrain-sha256']?.toString())
            reject(new Error('the header says another hash'))
          hashes.set(`${partition}:${message.offset}`, hash)
          clearTimeout(quiet)
          quiet = setTimeout(resolve, hashes.size >= count ? 1500 : PATIENCE_MS)
          return Promise.resolve()
        },
      })
      .catch(reject)
  })
  await consumer.disconnect()
  return [...hashes.values()].sort()
}

/** A transaction is over for who ended it before its markers are in all partitions. */
async function untilSettled(client: KafkajsClient, topic: string): Promise<void> {
  for (;;) {
    const [offsets, ends] = [await client.offsets(topic), await client.ends(topic)]
    if (offsets.every(({ partition, stable }) => stable === ends.get(partition))) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/**
 * Every record that is committed by now, partition by partition, of a topic of any size.
 * @param settle whether it waits until no transaction is open: one that a killed process has left is open for a minute
 */
export async function eachCommitted(
  brokers: string[],
  topic: string,
  onRecord: (record: ConsumedRecord) => void,
  settle = true,
): Promise<void> {
  const client = new KafkajsClient(kafkaSinkOptions.parse({ brokers, topic }), silentLogger)
  const { signal } = new AbortController()
  if (settle) await untilSettled(client, topic)
  for (const { partition, low, stable } of await client.offsets(topic))
    await client.read({
      ...{ topic, partition, from: low, to: stable, signal },
      onRecords: (records) => {
        for (const record of records) onRecord(record)
        return false
      },
    })
}
