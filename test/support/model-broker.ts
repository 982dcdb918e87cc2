/**
 * A model of a Kafka cluster with transactions, as far as the sink can tell: epochs fence, what is not committed is not
 * read, a commit marker takes an offset. Its faults are those of a network between it and a client.
 */
import type {
  ConsumedRecord,
  KafkaClient,
  ProducerRecord,
  ReadOptions,
  TopicDescription,
  TopicSpecification,
  Transaction,
  TransactionalProducer,
} from '../../src/sinks/kafka/client.ts'

interface Slot {
  readonly record: ProducerRecord | null
  /** Null: aborted or still open. */
  committed: boolean
  readonly transaction: object | null
}

interface ModelTopic {
  description: TopicDescription
  readonly partitions: Slot[][]
  readonly lows: bigint[]
}

/** What kafkajs throws for a protocol error. */
export const protocolError = (code: number, type: string): Error =>
  Object.assign(new Error(`the broker says ${type}`), { name: 'KafkaJSProtocolError', code, type })

export const epochLost = (): Error => protocolError(47, 'INVALID_PRODUCER_EPOCH')

export class ModelBroker implements KafkaClient {
  readonly topics = new Map<string, ModelTopic>()
  readonly sends: { readonly topic: string; readonly records: readonly ProducerRecord[] }[] = []
  readonly fences: string[] = []
  readonly #epochs = new Map<string, number>()
  readonly #open = new Map<string, object>()
  clusterId = 'model'
  /** Calls in progress on one producer; more than one at a time is what kafkajs does not bear. */
  #busy = 0
  mostBusy = 0
  /** What they throw is the call's answer; `afterCommit` comes when the broker has committed. */
  beforeSend: (topic: string, records: readonly ProducerRecord[]) => Promise<void> | void = () =>
    undefined
  beforeCommit: () => Promise<void> | void = () => undefined
  afterCommit: () => Promise<void> | void = () => undefined
  beforeRead: () => Promise<void> | void = () => undefined
  beforeFence: () => Promise<void> | void = () => undefined

  cluster() {
    return Promise.resolve({ id: this.clusterId, brokers: 1 })
  }

  describeTopic(topic: string): Promise<TopicDescription | null> {
    return Promise.resolve(this.topics.get(topic)?.description ?? null)
  }

  createTopic({ topic, partitions, replicas, settings }: TopicSpecification): Promise<void> {
    this.topics.set(topic, {
      description: { partitions, replicas, settings: new Map(Object.entries(settings)) },
      partitions: Array.from({ length: partitions }, () => []),
      lows: Array.from({ length: partitions }, () => 0n),
    })
    return Promise.resolve()
  }

  configure(topic: string, settings: Record<string, string>): void {
    const found = this.#topic(topic)
    found.description = {
      ...found.description,
      settings: new Map([...found.description.settings, ...Object.entries(settings)]),
    }
  }

  offsets(topic: string) {
    const { partitions, lows } = this.#topic(topic)
    return Promise.resolve(
      partitions.map((slots, partition) => ({
        partition,
        low: lows[partition] ?? 0n,
        stable: this.#stable(slots),
      })),
    )
  }

  ends(topic: string): Promise<ReadonlyMap<number, bigint>> {
    const { partitions } = this.#topic(topic)
    return Promise.resolve(
      new Map(partitions.map((slots, partition) => [partition, BigInt(slots.length)])),
    )
  }

  async read({ onRecords, signal, ...range }: ReadOptions): Promise<bigint> {
    await this.beforeRead()
    for (let position = range.from; ;) {
      signal.throwIfAborted()
      const { records, end } = this.#fetch(position, range)
      const last = records.at(-1)
      if (last && onRecords(records)) return last.offset + 1n
      if (end > position) position = end
      if (range.to !== undefined) return position
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  #fetch(
    from: bigint,
    { topic, partition, to, uncommitted = false }: Omit<ReadOptions, 'onRecords' | 'signal'>,
  ): { records: ConsumedRecord[]; end: bigint } {
    const slots = this.#topic(topic).partitions[partition] ?? []
    if (from > BigInt(slots.length)) throw protocolError(1, 'OFFSET_OUT_OF_RANGE')
    const readable = uncommitted ? BigInt(slots.length) : this.#stable(slots)
    const end = to !== undefined && to < readable ? to : readable
    return { records: shown(slots, from, end, uncommitted), end }
  }

  async fence(id: string): Promise<TransactionalProducer> {
    await this.beforeFence()
    this.fences.push(id)
    const epoch = (this.#epochs.get(id) ?? 0) + 1
    this.#epochs.set(id, epoch)
    this.#abort(id)
    let dead = false
    return {
      begin: () => {
        if (dead) return Promise.reject(new Error('the producer is dead: COMMITTING'))
        const transaction = {}
        return Promise.resolve(this.#transaction(id, epoch, transaction, () => (dead = true)))
      },
      close: () => Promise.resolve(),
    }
  }

  partitionOf(key: string, partitions: number): number {
    return (key.codePointAt(0) ?? 0) % partitions
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  /** Committed records of a topic in order, partition by partition. */
  committed(topic: string): ConsumedRecord[] {
    return this.#topic(topic).partitions.flatMap((slots) =>
      slots.flatMap(({ record, committed }, offset) =>
        record && committed ? [consumed(record, BigInt(offset))] : [],
      ),
    )
  }

  /** Retention: what is below is gone. */
  expire(topic: string, partition: number, low: bigint): void {
    this.#topic(topic).lows[partition] = low
  }

  #transaction(id: string, epoch: number, transaction: object, die: () => void): Transaction {
    const assertOwned = () => {
      if (this.#epochs.get(id) !== epoch) throw epochLost()
    }
    const end = async (committed: boolean) => {
      try {
        if (committed) await this.beforeCommit()
        assertOwned()
        this.#end(transaction, committed)
        this.#open.delete(id)
        if (committed) await this.afterCommit()
      } catch (error) {
        // As in kafkajs: the state stays COMMITTING for ever.
        die()
        throw error
      }
    }
    return {
      send: (topic, records) =>
        this.#one(async () => {
          await this.beforeSend(topic, records)
          assertOwned()
          this.sends.push({ topic, records })
          this.#open.set(id, transaction)
          return this.#append(topic, records, transaction)
        }),
      commit: () => this.#one(() => end(true)),
      abort: () => this.#one(() => end(false)),
    }
  }

  async #one<T>(work: () => Promise<T>): Promise<T> {
    this.#busy += 1
    this.mostBusy = Math.max(this.mostBusy, this.#busy)
    try {
      return await work()
    } finally {
      this.#busy -= 1
    }
  }

  #append(topic: string, records: readonly ProducerRecord[], transaction: object) {
    const found = this.#topic(topic)
    const bases = new Map<number, bigint>()
    for (const record of records) {
      const slots = found.partitions[record.partition]
      if (slots === undefined) throw protocolError(3, 'UNKNOWN_TOPIC_OR_PARTITION')
      if (!bases.has(record.partition)) bases.set(record.partition, BigInt(slots.length))
      slots.push({ record, committed: false, transaction })
    }
    return Promise.resolve(bases)
  }

  #abort(id: string): void {
    const transaction = this.#open.get(id)
    if (transaction) this.#end(transaction, false)
    this.#open.delete(id)
  }

  /** A marker in each partition of the transaction. */
  #end(transaction: object, committed: boolean): void {
    for (const { partitions } of this.topics.values())
      for (const slots of partitions) {
        const mine = slots.filter((slot) => slot.transaction === transaction)
        for (const slot of mine) slot.committed = committed
        if (mine.length > 0) slots.push({ record: null, committed: true, transaction: null })
      }
  }

  #stable(slots: readonly Slot[]): bigint {
    const open = new Set(this.#open.values())
    const first = slots.findIndex(
      ({ transaction }) => transaction !== null && open.has(transaction),
    )
    return BigInt(first === -1 ? slots.length : first)
  }

  #topic(topic: string): ModelTopic {
    const found = this.topics.get(topic)
    if (!found) throw protocolError(3, 'UNKNOWN_TOPIC_OR_PARTITION')
    return found
  }
}

function shown(
  slots: readonly Slot[],
  from: bigint,
  to: bigint,
  uncommitted: boolean,
): ConsumedRecord[] {
  const records: ConsumedRecord[] = []
  for (let offset = from; offset < to; offset += 1n) {
    const slot = slots[Number(offset)]
    if (slot?.record && (slot.committed || uncommitted)) records.push(consumed(slot.record, offset))
  }
  return records
}

const consumed = ({ key, value, headers }: ProducerRecord, offset: bigint): ConsumedRecord => ({
  ...{ offset, key, value },
  headers: new Map(Object.entries(headers ?? {}).map(([name, bytes]) => [name, String(bytes)])),
})
