/**
 * Reads one partition by the requests of kafkajs, without its consumer: that has no `assign`, spends a third of a second
 * on joining a group of one, and shows records of aborted transactions (src/sinks/kafka/committed-records.ts).
 */
import type { Kafka } from 'kafkajs'
import { MaildrainError } from '../../errors.ts'
import type { ConsumedRecord, ReadOptions } from './client.ts'
import {
  type AbortedTransaction,
  type FetchedRecord,
  committedRecords,
} from './committed-records.ts'

/** Fetches in a row that brought nothing: the partition's readable end, as each waits for news on the broker. */
const EMPTY_FETCHES = 3
/** How long a broker that has nothing holds a fetch back. */
const FETCH_WAIT_MS = 100
const FETCH_BYTES = 8 * 1024 * 1024
const READ_UNCOMMITTED = 0
const READ_COMMITTED = 1

interface FetchedPartition {
  readonly abortedTransactions: readonly AbortedTransaction[] | null
  readonly messages: readonly FetchedRecord[]
}

interface Leader {
  fetch(request: object): Promise<{
    readonly responses: readonly { readonly partitions: readonly FetchedPartition[] }[]
  }>
}

/** What kafkajs keeps to itself: every producer and consumer of it stands on one of these. */
interface Cluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  addTargetTopic(topic: string): Promise<void>
  findLeaderForPartitions(topic: string, partitions: number[]): Readonly<Record<string, number[]>>
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number }[]
  findBroker(node: { nodeId: string }): Promise<Leader>
  fetchTopicsOffset(
    topics: { topic: string; partitions: { partition: number }[]; fromBeginning: boolean }[],
  ): Promise<{ readonly partitions: { readonly partition: number; readonly offset: string }[] }[]>
}

/** Its settings (TLS, SASL, sockets, retries) are those of `kafka`. */
function clusterOf(kafka: Kafka, isolationLevel = READ_COMMITTED): Cluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  )
  const create = symbol && (Reflect.get(kafka, symbol) as (settings: object) => Cluster)
  if (create === undefined)
    throw new MaildrainError(
      'MAILDRAIN_INTERNAL',
      'this version of kafkajs cannot be asked for single partitions; install kafkajs 2.2.4',
    )
  const settings = { metadataMaxAge: 60_000, allowAutoTopicCreation: false }
  return create({ ...settings, isolationLevel })
}

/** Behind the last record of each partition, committed or not: kafkajs itself asks for the stable offset only. */
export async function endOffsets(
  kafka: Kafka,
  topic: string,
): Promise<ReadonlyMap<number, bigint>> {
  const cluster = clusterOf(kafka, READ_UNCOMMITTED)
  try {
    await cluster.connect()
    await cluster.addTargetTopic(topic)
    const partitions = cluster
      .findTopicPartitionMetadata(topic)
      .map(({ partitionId }) => ({ partition: partitionId }))
    const [answer] = await cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning: false }])
    const offsets = answer?.partitions ?? []
    return new Map(offsets.map(({ partition, offset }) => [partition, BigInt(offset)]))
  } finally {
    await cluster.disconnect().catch(() => undefined)
  }
}

export async function readPartition(kafka: Kafka, options: ReadOptions): Promise<bigint> {
  const { from, to, signal } = options
  if (to !== undefined && from >= to) return from
  signal.throwIfAborted()
  const cluster = clusterOf(kafka)
  // Nothing that hangs is waited for when the reader gives up, closing least of all: kafkajs first lets requests end.
  let stop: () => void = () => undefined
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error)
    signal.addEventListener('abort', stop)
  })
  const reading = readFrom(cluster, options)
  reading.catch(() => undefined)
  try {
    return await Promise.race([reading, stopped])
  } finally {
    signal.removeEventListener('abort', stop)
    const closing = cluster.disconnect().catch(() => undefined)
    if (!signal.aborted) await closing
  }
}

async function readFrom(cluster: Cluster, options: ReadOptions): Promise<bigint> {
  const { to, signal, onRecords } = options
  const leader = await leaderOf(cluster, options)
  const low = await lowOffset(cluster, options)
  let position = options.from > low ? options.from : low
  for (let empty = 0; to === undefined || (position < to && empty <= EMPTY_FETCHES);) {
    const { messages, abortedTransactions } = await fetchFrom(leader, position, options)
    // Not after the reader has given up: whoever reads next would be told the same twice.
    signal.throwIfAborted()
    const records = committedRecords(messages, abortedTransactions ?? [])
      .map(consumed)
      .filter(({ offset }) => offset >= position)
    const last = records.at(-1)
    if (last !== undefined && onRecords(records)) return last.offset + 1n
    empty = messages.length === 0 ? empty + 1 : 0
    const next = endOf(messages)
    if (next > position) position = next
  }
  return position
}

async function leaderOf(cluster: Cluster, { topic, partition }: ReadOptions): Promise<Leader> {
  await cluster.connect()
  await cluster.addTargetTopic(topic)
  const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]))
  if (nodeId === undefined)
    throw new Error(`partition ${partition} of topic ${topic} has no leader`)
  return cluster.findBroker({ nodeId })
}

/** What is below was removed, and asking for it is an error. */
async function lowOffset(cluster: Cluster, { topic, partition }: ReadOptions): Promise<bigint> {
  const wanted = { topic, partitions: [{ partition }], fromBeginning: true }
  const [answer] = await cluster.fetchTopicsOffset([wanted])
  return BigInt(answer?.partitions[0]?.offset ?? 0)
}

async function fetchFrom(
  leader: Leader,
  position: bigint,
  { topic, partition, to, uncommitted = false }: ReadOptions,
): Promise<FetchedPartition> {
  // A broker gives one batch at least: where one record is wanted, there is no more to come behind it.
  const maxBytes = to === position + 1n ? 1 : FETCH_BYTES
  const wanted = { partition, fetchOffset: String(position), maxBytes }
  const { responses } = await leader.fetch({
    ...{ isolationLevel: uncommitted ? READ_UNCOMMITTED : READ_COMMITTED, replicaId: -1 },
    ...{ minBytes: 1, maxWaitTime: FETCH_WAIT_MS, maxBytes },
    topics: [{ topic, partitions: [wanted] }],
  })
  return responses[0]?.partitions[0] ?? { messages: [], abortedTransactions: null }
}

/** Behind the whole of the last batch, whose last records compaction may have removed. */
function endOf(messages: readonly FetchedRecord[]): bigint {
  const context = messages.at(-1)?.batchContext
  return context === undefined
    ? 0n
    : BigInt(context.firstOffset) + BigInt(context.lastOffsetDelta) + 1n
}

/** Values are copied: kafkajs gives slices that pin the whole fetch. */
const consumed = ({ offset, key, value, headers }: FetchedRecord): ConsumedRecord => ({
  offset: BigInt(offset),
  key: key?.toString('utf8') ?? '',
  value: value && Buffer.from(value),
  headers: new Map(Object.entries(headers).map(([name, header]) => [name, String(header)])),
})
