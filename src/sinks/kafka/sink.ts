/**
 * Kafka as a destination, exactly-once: records and ledger entries in one transaction (G5), fenced by the transactional
 * id (G11), the ledger read back at the start.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { BatchError, ConfigError, MaildrainError } from '../../errors.ts'
import { mailboxKey } from '../../identity.ts'
import type { Ledger, LedgerEntry } from '../../ledger/ledger.ts'
import { acquireLock } from '../../ledger/lock.ts'
import { type ScratchLedger, openScratchLedger } from '../../ledger/scratch-ledger.ts'
import { supersededBy, unfetchedAmong } from '../../ledger/tally.ts'
import { openPatiently } from '../patience.ts'
import type {
  Batch,
  BatchMessage,
  LedgerView,
  PeekContext,
  Sink,
  SinkContext,
  StoredRecord,
} from '../sink.ts'
import type { KafkaClient } from './client.ts'
import { Committer, type Group, type Prepared } from './committer.ts'
import { LedgerOwner } from './ledger-owner.ts'
import { LedgerRecords, ledgerPartition } from './ledger-topic.ts'
import {
  type KafkaSinkOptions,
  type ResolvedKafkaSinkOptions,
  kafkaSinkOptions,
} from './options.ts'
import { Pace } from './pace.ts'
import { peekLedger } from './peek.ts'
import { readPlace } from './place.ts'
import { readTopic } from './read-back.ts'
import { reconcile } from './reconcile.ts'
import { dataRecord, maxRawBytes, sizeOf } from './records.ts'
import { assertTopicHolds } from './topic-holds.ts'
import { LEDGER_PARTITIONS, ledgerTopicOf, maxBatchBytesOf, openTopics } from './topics.ts'

/** More in one transaction gains nothing: kafkajs is at its best with 8 to 16 MB. */
const LARGEST_TRANSACTION_BYTES = 16 * 1024 * 1024

/** Makes the client of a sink; a parameter, so that a model of a broker can stand in its place. */
export type OpenClient = (
  options: ResolvedKafkaSinkOptions,
  context: PeekContext,
) => Promise<KafkaClient>

interface Opened {
  readonly client: KafkaClient
  readonly index: ScratchLedger
  readonly owner: LedgerOwner
  readonly committer: Committer
  readonly pace: Pace
  /** Of the data topic. */
  readonly partitions: number
  readonly assertTopicHolds: () => Promise<void>
}

interface OpenGroup {
  readonly messages: Prepared[]
  readonly superseded: string[]
  bytes: number
}

export class KafkaSink implements Sink {
  readonly name = 'kafka'
  readonly durability = 'replicated'
  readonly guarantee = 'exactly-once'
  readonly maxInFlight = 1
  readonly #options: ResolvedKafkaSinkOptions
  readonly #openClient: OpenClient
  /** What `close` lets go of, latest first. */
  readonly #held: (() => void | Promise<void>)[] = []
  #opened: Opened | undefined
  #maxBatchBytes = 0
  #durabilityNote = 'replicated'
  /** What was said in the ledger by all attempts to open it. */
  readonly #nonces = new Set<string>()
  /** First offset that is still there, by partition of the data topic. */
  #lows: ReadonlyMap<number, bigint> = new Map()

  /** @throws ConfigError naming every option that is wrong */
  constructor(options: KafkaSinkOptions, openClient: OpenClient) {
    const result = kafkaSinkOptions.safeParse(options)
    if (!result.success)
      throw new ConfigError('MAILDRAIN_CONFIG_INVALID', `kafka: ${z.prettifyError(result.error)}`)
    this.#options = result.data
    this.#openClient = openClient
  }

  get destination(): string {
    return `kafka://${this.#options.brokers.join(',')}/${this.#options.topic}`
  }

  get durabilityNote(): string {
    return this.#durabilityNote
  }

  get maxRecordBytes(): number {
    return maxRawBytes(this.#maxBatchBytes, this.#options.format)
  }

  get ledger(): Ledger {
    return this.#open.index
  }

  async open(context: SinkContext): Promise<void> {
    const { topic, openPatienceMs } = this.#options
    const client = await this.#openClient(this.#options, context)
    this.#held.push(() => client.close())
    const cluster = await openPatiently(context, openPatienceMs, () => client.cluster())
    this.#lock(cluster.id, context)
    const { deletion, clock, log } = context
    await openPatiently(context, openPatienceMs, async () => {
      const topics = await openTopics({
        ...{ client, topic, brokers: cluster.brokers },
        ...{ deletion, clock, log },
      })
      this.#maxBatchBytes = maxBatchBytesOf(topics.data)
      this.#durabilityNote = topics.durabilityNote
      context.signal.throwIfAborted()
      await this.#takeOver(client, cluster.id, topics.data.partitions, context)
    })
  }

  async peek(context: PeekContext): Promise<LedgerView | null> {
    const { topic, openPatienceMs } = this.#options
    const client = await this.#openClient(this.#options, context)
    try {
      await openPatiently(context, openPatienceMs, () => client.cluster())
      return await peekLedger(client, topic, context)
    } finally {
      await client.close()
    }
  }

  async *readBack(context: PeekContext): AsyncGenerator<StoredRecord> {
    const { topic, openPatienceMs } = this.#options
    const client = await this.#openClient(this.#options, context)
    try {
      await openPatiently(context, openPatienceMs, () => client.cluster())
      yield* readTopic(client, topic, context)
    } finally {
      await client.close()
    }
  }

  async write(batch: Batch): Promise<void> {
    const { committer } = this.#open
    await committer.settle()
    // Else what others have taken would be counted twice when the answer to its commit was lost.
    const finished = committer.isFinished(batch)
    const failures = new Map<number, MaildrainError>()
    for (const group of this.#groupsOf(batch, failures))
      if (!finished) await committer.commit(group)
    if (failures.size > 0) throw new BatchError(failures)
  }

  /** Cut when they are asked for: what a transaction may hold changes with the rate of the one before. */
  *#groupsOf(batch: Batch, failures: Map<number, MaildrainError>): Iterable<Group> {
    const { committer, pace } = this.#open
    const { tombstones, host, vanished = 0 } = batch
    const unfetched = unfetchedAmong(tombstones)
    let group: OpenGroup = { messages: [], superseded: [], bytes: 0 }
    for (const [index, message] of batch.messages.entries()) {
      const isDurable = committer.isDurable(message)
      const prepared = isDurable ? null : this.#prepare(message, index, failures)
      if (!isDurable && prepared === null) continue
      const size = prepared === null ? 0 : bytesOf(prepared)
      if (group.messages.length > 0 && group.bytes + size > pace.maxBytes) {
        yield group
        group = { messages: [], superseded: [], bytes: 0 }
      }
      if (prepared !== null) group.messages.push(prepared)
      group.superseded.push(...supersededBy(message.entry, unfetched))
      group.bytes += size
    }
    const changes = group.messages.length + group.superseded.length + tombstones.length + vanished
    if (changes > 0 || host !== undefined) yield { ...group, ends: batch }
  }

  async confirmOwner(): Promise<void> {
    const { owner, assertTopicHolds } = this.#open
    const holds = assertTopicHolds()
    // Who was replaced says so first.
    holds.catch(() => undefined)
    await owner.assertNotReplaced()
    await holds
  }

  async close(): Promise<void> {
    this.#opened = undefined
    for (const release of this.#held.splice(0).reverse()) await release()
  }

  /** A quick "busy" for a second drainer on this host; the fence is what holds. */
  #lock(clusterId: string, { mailbox, stateDir, log }: SinkContext): void {
    const { topic } = this.#options
    const name = `kafka.${clusterId.replace(/[^\w.-]/g, '_')}.${topic}.${mailboxKey(mailbox)}.lock`
    const lock = acquireLock(join(stateDir, name), {
      what: `mailbox ${mailbox} into Kafka topic ${topic}`,
      log,
    })
    this.#held.push(() => lock.release())
  }

  async #takeOver(
    client: KafkaClient,
    clusterId: string,
    partitions: number,
    context: SinkContext,
  ): Promise<void> {
    const { topic, transactionTimeoutMs } = this.#options
    const { mailbox, clock, log, signal, rebuildLedger: rebuild = false } = context
    const ledgerTopic = ledgerTopicOf(topic)
    const partition = ledgerPartition(mailbox, LEDGER_PARTITIONS)
    const index = openScratchLedger({
      directory: context.stateDir,
      mailbox,
      holds: (entry) => this.#holds(entry),
    })
    this.#held.push(() => index.close())
    const M = mailboxKey(mailbox)
    const records = new LedgerRecords({ mailboxKey: M, topic: ledgerTopic, partition })
    const shared = { index, records, transactionTimeoutMs, clock, log, signal }
    const owner = new LedgerOwner({
      ...{ ...shared, client, topic: ledgerTopic, partition, partitions: LEDGER_PARTITIONS },
      ...{ clusterId, transactionalId: `maildrain.${topic}.${M}`, repairs: rebuild },
      nonces: this.#nonces,
    })
    this.#held.push(() => owner.close())
    // An earlier attempt owned it, perhaps, and was replaced since.
    if (this.#nonces.size > 0) await owner.assertNotReplaced()
    await owner.takeOver()
    const proving = { ...shared, client, topic, owner }
    const pace = new Pace({ transactionTimeoutMs, largestBytes: LARGEST_TRANSACTION_BYTES })
    const committer = new Committer({
      ...{ ...shared, owner, topic, ledgerTopic, pace },
      maxBatchBytes: () => this.#maxBatchBytes,
      onTooLarge: () => this.#lowerLimit(client),
      // While it is being opened, `reconcile` is what proves it.
      assertTopicHolds: async () => this.#opened?.assertTopicHolds(),
    })
    this.#lows = await reconcile({
      ...{ ...proving, index, mailbox, committer, rebuild },
      acceptMissing: context.acceptMissing ?? false,
      stored: () => readTopic(client, topic, context),
    })
    this.#opened = {
      ...{ client, index, owner, committer, pace, partitions },
      assertTopicHolds: () => assertTopicHolds({ ...proving, ms: 2 * transactionTimeoutMs }),
    }
  }

  /** A record that the topic's retention has removed is not at the destination any more (G5). */
  #holds(entry: LedgerEntry): boolean {
    const place = readPlace(entry.place)
    return place !== null && place.offset >= (this.#lows.get(place.partition) ?? 0n)
  }

  /** Somebody has lowered the topic's limit, or our arithmetic is short of the truth. */
  async #lowerLimit(client: KafkaClient): Promise<void> {
    const { topic } = this.#options
    const described = await client.describeTopic(topic)
    const limit = described ? maxBatchBytesOf(described) : this.#maxBatchBytes
    this.#maxBatchBytes = Math.min(limit, Math.floor(this.#maxBatchBytes * 0.9))
  }

  /** Null for a message that cannot be written; why is among the failures then. */
  #prepare(
    message: BatchMessage,
    index: number,
    failures: Map<number, MaildrainError>,
  ): Prepared | null {
    const { topic, format } = this.#options
    const { client, partitions } = this.#open
    const partitionOf = (key: string) => client.partitionOf(key, partitions)
    try {
      const data = message.records.map((record) =>
        dataRecord(record, message.entry, this.#maxBatchBytes, { topic, format, partitionOf }),
      )
      return { message, data }
    } catch (error) {
      if (!(error instanceof MaildrainError)) throw error
      failures.set(index, error)
      return null
    }
  }

  get #open(): Opened {
    if (this.#opened === undefined)
      throw new MaildrainError('MAILDRAIN_INTERNAL', `${this.destination} was used while not open`)
    return this.#opened
  }
}

/** A ledger entry takes about 500 octets. */
const ENTRY_BYTES = 500

const bytesOf = ({ data }: Prepared): number =>
  data.reduce((sum, record) => sum + sizeOf(record), ENTRY_BYTES)
