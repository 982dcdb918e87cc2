/**
 * Reads one partition by kafkajs, which has no `assign`: a consumer group of one, whose leader gives itself that
 * partition alone. Control records are hidden from readers, so the position is followed by the consumer's own events.
 */
import { randomUUID } from 'node:crypto'
import kafkajs, { type Batch, type Consumer, type Kafka, type PartitionAssigner } from 'kafkajs'
import type { ConsumedRecord, ReadOptions } from './client.ts'

/** Fetches in a row that brought nothing: the partition's readable end, as each waits for news on the broker. */
const EMPTY_FETCHES = 3
/** The default of 5 s is what the last fetch of every read would take. */
const FETCH_WAIT_MS = 100
const FETCH_BYTES = 8 * 1024 * 1024

export async function readPartition(kafka: Kafka, options: ReadOptions): Promise<bigint> {
  if (options.to !== undefined && options.from >= options.to) return options.from
  const { topic, partition, from, signal } = options
  const consumer = kafka.consumer({
    groupId: `maildrain-${randomUUID()}`,
    partitionAssigners: [onlyPartition(topic, partition)],
    allowAutoTopicCreation: false,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    maxBytesPerPartition: FETCH_BYTES,
    metadataMaxAge: 60_000,
  })
  try {
    signal.throwIfAborted()
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    const reading = new Reading(consumer, options)
    await consumer.run({ autoCommit: false, eachBatch: ({ batch }) => reading.take(batch) })
    // What made joining fail is told by an event alone; `seek` would only say that nothing runs.
    if (reading.crash) throw reading.crash
    consumer.seek({ topic, partition, offset: String(from) })
    return await reading.finished
  } finally {
    await consumer.disconnect().catch(() => undefined)
  }
}

class Reading {
  readonly finished: Promise<bigint>
  /** What the consumer last fell over, although it may have got up again. */
  crash: Error | undefined
  readonly #options: ReadOptions
  #position: bigint
  #emptyFetches = 0
  #settled = false
  #resolve: (position: bigint) => void = () => undefined

  constructor(consumer: Consumer, options: ReadOptions) {
    this.#options = options
    this.#position = options.from
    this.finished = new Promise((resolve, reject) => {
      const stop = () => reject(options.signal.reason as Error)
      this.#resolve = (position) => {
        this.#settled = true
        options.signal.removeEventListener('abort', stop)
        resolve(position)
      }
      options.signal.addEventListener('abort', stop, { once: true })
      consumer.on(consumer.events.CRASH, ({ payload }) => {
        this.crash = payload.error
        if (!payload.restart) reject(payload.error)
      })
    })
    // Whoever gives up before the read has begun waits for nothing.
    this.finished.catch(() => undefined)
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) =>
      this.#passed(payload.lastOffset),
    )
    consumer.on(consumer.events.FETCH, () => this.#fetched())
  }

  /** Values are copied: kafkajs gives slices that pin the whole fetch. */
  take(batch: Batch): Promise<void> {
    const records = batch.messages.flatMap<ConsumedRecord>(({ offset, key, value, headers }) =>
      BigInt(offset) < this.#options.from
        ? []
        : [
            {
              offset: BigInt(offset),
              key: key?.toString('utf8') ?? '',
              value: value && Buffer.from(value),
              headers: new Map(
                Object.entries(headers ?? {}).map(([name, header]) => [name, String(header)]),
              ),
            },
          ],
    )
    if (!this.#settled && records.length > 0 && this.#options.onRecords(records))
      this.#resolve((records.at(-1)?.offset ?? 0n) + 1n)
    return Promise.resolve()
  }

  #passed(lastOffset: string): void {
    this.#emptyFetches = 0
    const next = BigInt(lastOffset) + 1n
    if (next > this.#position) this.#position = next
    const { to } = this.#options
    if (to !== undefined && this.#position >= to) this.#resolve(this.#position)
  }

  #fetched(): void {
    this.#emptyFetches += 1
    if (this.#options.to !== undefined && this.#emptyFetches > EMPTY_FETCHES)
      this.#resolve(this.#position)
  }
}

function onlyPartition(topic: string, partition: number): PartitionAssigner {
  const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol
  return () => ({
    name: 'maildrain-one-partition',
    version: 1,
    assign: ({ members }) =>
      Promise.resolve(
        members.map(({ memberId }) => ({
          memberId,
          memberAssignment: MemberAssignment.encode({
            ...{ version: 1, assignment: { [topic]: [partition] } },
            userData: Buffer.alloc(0),
          }),
        })),
      ),
    protocol: ({ topics }) => ({
      name: 'maildrain-one-partition',
      metadata: MemberMetadata.encode({ version: 1, topics, userData: Buffer.alloc(0) }),
    }),
  })
}
