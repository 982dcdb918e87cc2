/**
 * The Kafka client by kafkajs, the only importer of it. What it must be told so that exactly-once holds stands here:
 * one request at a time, explicit partitions, short retries, no automatic topics.
 */
import kafkajs, {
  type Admin,
  type Kafka,
  type KafkaConfig,
  type Producer,
  type ProducerConfig,
  type Transaction as KafkajsTransaction,
} from 'kafkajs'
import type { Logger } from '../../logger.ts'
import type {
  KafkaClient,
  PartitionOffsets,
  ProducerRecord,
  ReadOptions,
  TopicDescription,
  TopicSpecification,
  Transaction,
  TransactionalProducer,
} from './client.ts'
import { kafkaFailure } from './kafka-error.ts'
import { endOffsets, readPartition } from './kafkajs-reader.ts'
import { LeaderSends } from './leader-sends.ts'
import type { ResolvedKafkaSinkOptions } from './options.ts'

// CommonJS, of which Node finds no names: a named import compiles and fails when it runs.
const { ConfigResourceTypes, Partitioners, logLevel } = kafkajs

/**
 * kafkajs sleeps this long when a transaction begins while the broker still writes the markers of the last one: with
 * its default of 300 ms a quarter of the throughput is lost (kafkajs #304).
 */
const INITIAL_RETRY_MS = 20

/** After this many tries a call fails, and the sink begins anew with new connections: kafkajs never reopens one. */
const RETRIES = 5

export function kafkaConfig(options: ResolvedKafkaSinkOptions, log: Logger): KafkaConfig {
  const { clientId, brokers, ssl, sasl } = options
  return {
    ...{ clientId, brokers, ssl },
    ...(sasl === undefined ? {} : { sasl: sasl as NonNullable<KafkaConfig['sasl']> }),
    connectionTimeout: options.connectTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    enforceRequestTimeout: true,
    retry: { initialRetryTime: INITIAL_RETRY_MS, maxRetryTime: 1000, retries: RETRIES },
    logLevel: logLevel.WARN,
    // kafkajs logs as errors what it then retries; what matters comes back as an error of the call.
    logCreator:
      () =>
      ({ namespace, log: { message, error } }) =>
        log.debug({ namespace, error: error as unknown }, message),
  }
}

export function producerConfig(
  options: ResolvedKafkaSinkOptions,
  transactionalId: string,
  sends: LeaderSends,
): ProducerConfig {
  return {
    transactionalId,
    transactionTimeout: options.transactionTimeoutMs,
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: sends.partitioner,
    // Unlimited, so that a retried send keeps its sequence number; the sink's watchdog is what ends it.
    retry: {
      initialRetryTime: INITIAL_RETRY_MS,
      maxRetryTime: 1000,
      retries: Number.MAX_SAFE_INTEGER,
    },
  }
}

export class KafkajsClient implements KafkaClient {
  readonly #options: ResolvedKafkaSinkOptions
  readonly #kafka: Kafka
  readonly #partitioner = Partitioners.DefaultPartitioner()
  readonly #producers = new Set<Producer>()
  readonly #sends = new LeaderSends()

  /** @param change further settings of kafkajs, e.g. a `socketFactory` of one's own */
  constructor(options: ResolvedKafkaSinkOptions, log: Logger, change: Partial<KafkaConfig> = {}) {
    this.#options = options
    this.#kafka = new kafkajs.Kafka({ ...kafkaConfig(options, log), ...change })
  }

  cluster(): Promise<{ readonly id: string; readonly brokers: number }> {
    return this.#admin(`connect to ${this.#options.brokers.join(', ')}`, async (admin) => {
      const { brokers, clusterId } = await admin.describeCluster()
      return { id: clusterId, brokers: brokers.length }
    })
  }

  describeTopic(topic: string): Promise<TopicDescription | null> {
    return this.#admin(`describe topic ${topic}`, async (admin) => {
      // Asking for the metadata of a missing topic is retried at length; the list is not.
      if (!(await admin.listTopics()).includes(topic)) return null
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
      })
      const partitions = topics[0]?.partitions ?? []
      const settings = resources[0]?.configEntries ?? []
      return {
        partitions: partitions.length,
        replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
        settings: new Map(settings.map(({ configName, configValue }) => [configName, configValue])),
      }
    })
  }

  createTopic(specification: TopicSpecification): Promise<void> {
    const { topic, partitions, replicas, settings } = specification
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }))
    return this.#admin(`create topic ${topic}`, async (admin) => {
      await admin.createTopics({
        topics: [{ topic, numPartitions: partitions, replicationFactor: replicas, configEntries }],
      })
    })
  }

  /** kafkajs asks with read_committed, whatever its documentation says: `high` is the last stable offset. */
  offsets(topic: string): Promise<readonly PartitionOffsets[]> {
    return this.#admin(`ask for the offsets of topic ${topic}`, async (admin) => {
      const offsets = await admin.fetchTopicOffsets(topic)
      return offsets.map(({ partition, low, high }) => ({
        partition,
        low: BigInt(low),
        stable: BigInt(high),
      }))
    })
  }

  async ends(topic: string): Promise<ReadonlyMap<number, bigint>> {
    try {
      return await endOffsets(this.#kafka, topic)
    } catch (error) {
      throw kafkaFailure(error, `ask for the ends of topic ${topic}`)
    }
  }

  async read(options: ReadOptions): Promise<bigint> {
    try {
      return await readPartition(this.#kafka, options)
    } catch (error) {
      options.signal.throwIfAborted()
      throw kafkaFailure(error, `read partition ${options.partition} of topic ${options.topic}`)
    }
  }

  async fence(transactionalId: string): Promise<TransactionalProducer> {
    const producer = this.#kafka.producer(
      producerConfig(this.#options, transactionalId, this.#sends),
    )
    this.#producers.add(producer)
    let first: KafkajsTransaction | undefined
    try {
      await producer.connect()
      // The first transaction of a producer is what asks for its epoch.
      first = await producer.transaction()
    } catch (error) {
      await this.#drop(producer)
      throw kafkaFailure(error, `take over transactional id ${transactionalId}`)
    }
    return {
      begin: async () => {
        const transaction = first ?? (await producer.transaction())
        first = undefined
        return transactionOf(transaction, this.#sends)
      },
      close: () => this.#drop(producer),
    }
  }

  partitionOf(key: string, partitions: number): number {
    const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
      ...{ partitionErrorCode: 0, partitionId, leader: 0 },
      ...{ replicas: [], isr: [] },
    }))
    return this.#partitioner({ topic: '', partitionMetadata, message: { key, value: null } })
  }

  async close(): Promise<void> {
    await Promise.all([...this.#producers].map((producer) => this.#drop(producer)))
  }

  async #drop(producer: Producer): Promise<void> {
    this.#producers.delete(producer)
    await softly(() => producer.disconnect())
  }

  async #admin<T>(what: string, work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = this.#kafka.admin()
    try {
      await admin.connect()
      return await work(admin)
    } catch (error) {
      throw kafkaFailure(error, what)
    } finally {
      await softly(() => admin.disconnect())
    }
  }
}

/** Longer than a connection that works takes to close; one that does not is left to itself. */
const DISCONNECT_MS = 2000

async function softly(disconnect: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, DISCONNECT_MS)))
  await Promise.race([disconnect().catch(() => undefined), late])
  clearTimeout(timer)
}

const transactionOf = (transaction: KafkajsTransaction, sends: LeaderSends): Transaction => ({
  async send(topic: string, records: readonly ProducerRecord[]) {
    // kafkajs wants headers that may be changed.
    const messages = records.map(({ headers, ...record }) => ({
      ...record,
      headers: { ...headers },
    }))
    const divided = sends.divide(topic, messages)
    const answers = await Promise.all(
      divided.map((group) => transaction.send({ topic, acks: -1, messages: group })),
    )
    return new Map(answers.flat().map((row) => [row.partition, BigInt(row.baseOffset ?? -1)]))
  },
  commit: () => transaction.commit(),
  abort: () => transaction.abort(),
})
