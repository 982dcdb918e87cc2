/**
 * A Kafka cluster with its transaction coordinator: what a commit decides at one moment is seen later, when the markers
 * are written; who comes in between waits; a transaction that takes too long is ended from above; what a producer had
 * sent before it was fenced is refused when it arrives.
 */
import type { Timer } from '../../../src/clock.ts'
import type {
  ConsumedRecord,
  PartitionOffsets,
  ProducerRecord,
  TopicDescription,
  TopicSpecification,
} from '../../../src/sinks/kafka/client.ts'
import { protocolError } from '../../support/model-broker.ts'
import type { Calls } from '../engine/calls.ts'
import type { Mistakes } from './mistakes.ts'

interface Slot {
  /** Null: a marker. */
  readonly record: ProducerRecord | null
  readonly transaction: Transaction | null
}

/** As the coordinator keeps it. `committing` and `aborting`: decided, and the markers are on their way. */
interface Transaction {
  state: 'open' | 'committing' | 'aborting' | 'committed' | 'aborted'
  readonly partitions: Set<Slot[]>
}

interface Id {
  epoch: number
  current: Transaction | undefined
  timeout: Timer | undefined
}

interface Topic {
  description: TopicDescription
  readonly partitions: Slot[][]
}

const NOT_FOUND = 3
const INVALID_EPOCH = 47
/** CONCURRENT_TRANSACTIONS: ask again. */
export const CONCURRENT = 51

export class SimulatedBroker {
  readonly #calls: Calls
  readonly #mistakes: Mistakes
  readonly #topics = new Map<string, Topic>()
  readonly #ids = new Map<string, Id>()
  /** Slots that the leader has answered for and no follower has yet (acks=1). */
  #unreplicated: { readonly slots: Slot[]; readonly from: number }[] = []

  constructor(calls: Calls, mistakes: Mistakes) {
    this.#calls = calls
    this.#mistakes = mistakes
  }

  describe(topic: string): TopicDescription | null {
    return this.#topics.get(topic)?.description ?? null
  }

  create({ topic, partitions, replicas, settings }: TopicSpecification): void {
    if (this.#topics.has(topic)) return
    this.#topics.set(topic, {
      description: { partitions, replicas, settings: new Map(Object.entries(settings)) },
      partitions: Array.from({ length: partitions }, () => []),
    })
  }

  offsets(topic: string): readonly PartitionOffsets[] {
    return this.#topic(topic).partitions.map((slots, partition) => ({
      ...{ partition, low: 0n, stable: BigInt(stableOf(slots)) },
    }))
  }

  /** Behind the last record of each partition, whatever becomes of its transaction. */
  ends(topic: string): ReadonlyMap<number, bigint> {
    const { partitions } = this.#topic(topic)
    return new Map(partitions.map((slots, partition) => [partition, BigInt(slots.length)]))
  }

  /** @returns committed records below `to`, and where reading goes on */
  fetch(
    topic: string,
    partition: number,
    { from, to, uncommitted }: { from: bigint; to: bigint | undefined; uncommitted: boolean },
  ) {
    const slots = this.#topic(topic).partitions[partition] ?? []
    const readable = uncommitted ? slots.length : stableOf(slots)
    const stable = Math.min(readable, to === undefined ? Infinity : Number(to))
    const records: ConsumedRecord[] = []
    for (let i = Number(from); i < stable; i += 1) {
      const { record, transaction } = slots[i]!
      const seen =
        uncommitted || transaction?.state === 'committed' || this.#mistakes.showsAborted === true
      if (record !== null && seen) records.push(consumed(record, i))
    }
    return { records, next: BigInt(Math.max(Number(from), stable)) }
  }

  /**
   * InitProducerId. What is open is aborted, and whoever asks waits until that is over.
   * @throws CONCURRENT_TRANSACTIONS, upon which a client asks again
   */
  initialize(id: string): number {
    const owner = this.#id(id)
    const { current } = owner
    if (current?.state === 'open') {
      owner.epoch += 1
      this.#end(owner, current, 'aborting')
    }
    if (owner.current !== undefined) throw protocolError(CONCURRENT, 'CONCURRENT_TRANSACTIONS')
    owner.epoch += 1
    return owner.epoch
  }

  produce(
    id: string,
    epoch: number,
    to: { readonly topic: string; readonly timeoutMs: number },
    records: readonly ProducerRecord[],
  ): ReadonlyMap<number, bigint> {
    const owner = this.#owned(id, epoch)
    owner.current ??= this.#begin(owner, to.timeoutMs)
    const transaction = owner.current
    if (transaction.state !== 'open') throw protocolError(CONCURRENT, 'CONCURRENT_TRANSACTIONS')
    const { partitions } = this.#topic(to.topic)
    const bases = new Map<number, bigint>()
    for (const record of records) {
      const slots = partitions[record.partition]
      if (slots === undefined) throw protocolError(NOT_FOUND, 'UNKNOWN_TOPIC_OR_PARTITION')
      if (!bases.has(record.partition)) {
        bases.set(record.partition, BigInt(slots.length))
        this.#answeredAlone(slots)
      }
      transaction.partitions.add(slots)
      slots.push({ record, transaction })
    }
    return bases
  }

  /** EndTxn: from here on it is decided, whoever hears of it. */
  endTransaction(id: string, epoch: number, commit: boolean): void {
    const owner = this.#owned(id, epoch)
    const { current } = owner
    if (current?.state !== 'open') return
    this.#end(owner, current, commit ? 'committing' : 'aborting')
  }

  /** Somebody has deleted a topic and made it again. */
  makeAnew(topic: string): boolean {
    const found = this.#topics.get(topic)
    for (const slots of found?.partitions ?? []) slots.splice(0)
    return found !== undefined
  }

  /** What only the leader had is gone. */
  loseLeader(): void {
    for (const { slots, from } of this.#unreplicated.splice(0)) slots.splice(from)
  }

  /** All committed records of a topic, whether or not the markers are written: a commit that was decided stays. */
  committed(topic: string): ProducerRecord[] {
    return (this.#topics.get(topic)?.partitions ?? []).flatMap((slots) =>
      slots.flatMap(({ record, transaction }) =>
        record !== null && (transaction?.state ?? '').startsWith('commit') ? [record] : [],
      ),
    )
  }

  #begin(owner: Id, timeoutMs: number): Transaction {
    const transaction: Transaction = { state: 'open', partitions: new Set() }
    owner.timeout = this.#calls.scheduler.after(timeoutMs, () => {
      if (transaction.state !== 'open') return
      owner.epoch += 1
      this.#end(owner, transaction, 'aborting')
    })
    return transaction
  }

  #end(owner: Id, transaction: Transaction, state: 'committing' | 'aborting'): void {
    transaction.state = state
    owner.timeout?.cancel()
    const { scheduler, random } = this.#calls
    // Markers are written behind the answer, by requests of their own to each partition's leader.
    const late = random.chance(10) ? 3000 : 40
    scheduler.after(1 + random.below(late), () => {
      transaction.state = state === 'committing' ? 'committed' : 'aborted'
      for (const slots of transaction.partitions) slots.push({ record: null, transaction: null })
      if (owner.current === transaction) owner.current = undefined
    })
  }

  #answeredAlone(slots: Slot[]): void {
    if (this.#mistakes.unreplicated !== true) return
    const answered = { slots, from: slots.length }
    this.#unreplicated.push(answered)
    this.#calls.scheduler.after(500, () => {
      this.#unreplicated = this.#unreplicated.filter((each) => each !== answered)
    })
  }

  #owned(id: string, epoch: number): Id {
    const owner = this.#id(id)
    if (owner.epoch !== epoch && this.#mistakes.unfenced !== true)
      throw protocolError(INVALID_EPOCH, 'INVALID_PRODUCER_EPOCH')
    return owner
  }

  #id(id: string): Id {
    const found = this.#ids.get(id) ?? { epoch: 0, current: undefined, timeout: undefined }
    this.#ids.set(id, found)
    return found
  }

  #topic(name: string): Topic {
    const found = this.#topics.get(name)
    if (found === undefined) throw protocolError(NOT_FOUND, 'UNKNOWN_TOPIC_OR_PARTITION')
    return found
  }
}

/** A reader sees nothing behind the first record of a transaction that is not over, markers and all. */
function stableOf(slots: readonly Slot[]): number {
  const first = slots.findIndex(
    ({ transaction }) => transaction !== null && !transaction.state.endsWith('ed'),
  )
  return first === -1 ? slots.length : first
}

const consumed = ({ key, value, headers }: ProducerRecord, offset: number): ConsumedRecord => ({
  ...{ offset: BigInt(offset), key, value },
  headers: new Map(Object.entries(headers ?? {}).map(([name, bytes]) => [name, String(bytes)])),
})
