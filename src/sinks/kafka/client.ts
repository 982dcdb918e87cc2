/**
 * What the sink needs of a Kafka client, and no more: the guard around exactly-once lives above this line, whoever speaks
 * the protocol below it. Every promise may reject with a MaildrainError (src/sinks/kafka/kafka-error.ts), and any may
 * hang: the callers hold the deadlines.
 */

export interface TopicDescription {
  readonly partitions: number
  /** Of the partition with the fewest. */
  readonly replicas: number
  /** Effective settings by name (`cleanup.policy`, `max.message.bytes` …). */
  readonly settings: ReadonlyMap<string, string>
}

export interface TopicSpecification {
  readonly topic: string
  readonly partitions: number
  readonly replicas: number
  readonly settings: Readonly<Record<string, string>>
}

export interface PartitionOffsets {
  readonly partition: number
  /** First offset that is still there. */
  readonly low: bigint
  /** Last stable offset: what a read_committed reader may get is below it. */
  readonly stable: bigint
}

/** To write: key and partition are set on every record, as a retry would move a keyless one to another partition. */
export interface ProducerRecord {
  readonly key: string
  readonly partition: number
  /** null: a tombstone. */
  readonly value: Buffer | null
  readonly headers?: Readonly<Record<string, Buffer>>
}

export interface ConsumedRecord {
  readonly offset: bigint
  readonly key: string
  readonly value: Buffer | null
  readonly headers: ReadonlyMap<string, string>
}

export interface ReadOptions {
  readonly topic: string
  readonly partition: number
  readonly from: bigint
  /** Reading ends when the position has come to this offset, or the partition's readable end. */
  readonly to?: bigint
  /** Also records whose transaction is open, or was aborted. */
  readonly uncommitted?: boolean
  /** Gets records in order, chunk by chunk; answers true when it has seen enough. */
  readonly onRecords: (records: readonly ConsumedRecord[]) => boolean
  readonly signal: AbortSignal
}

/** One transaction. Sends are awaited one after the other. */
export interface Transaction {
  /** Answers with the offset of the first record in each partition; the others follow it. */
  send(topic: string, records: readonly ProducerRecord[]): Promise<ReadonlyMap<number, bigint>>
  commit(): Promise<void>
  abort(): Promise<void>
}

/** Owner of a transactional id. After a failed commit or abort it is of no more use: close it and open another. */
export interface TransactionalProducer {
  begin(): Promise<Transaction>
  close(): Promise<void>
}

export interface KafkaClient {
  cluster(): Promise<{ readonly id: string; readonly brokers: number }>
  /** Null when the topic does not exist, or may not be seen. */
  describeTopic(topic: string): Promise<TopicDescription | null>
  /** Does nothing when the topic exists by now. */
  createTopic(specification: TopicSpecification): Promise<void>
  offsets(topic: string): Promise<readonly PartitionOffsets[]>
  /** Behind the last record of each partition, whatever becomes of its transaction. */
  ends(topic: string): Promise<ReadonlyMap<number, bigint>>
  /** Reads committed records on a connection of its own. Resolves with the offset at which a later read goes on. */
  read(options: ReadOptions): Promise<bigint>
  /** Fences every older owner of the id: their open transaction is over, and they commit nothing more. */
  fence(transactionalId: string): Promise<TransactionalProducer>
  /** Partition of a key, the same as every other Kafka client computes (murmur2). */
  partitionOf(key: string, partitions: number): number
  close(): Promise<void>
}
