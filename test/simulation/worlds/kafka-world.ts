/** The Kafka sink, as it is, over a simulated cluster: each life has its own client, and each call may be lost. */
import { createHash } from 'node:crypto'
import { sleep } from '../../../src/clock.ts'
import type {
  KafkaClient,
  ProducerRecord,
  ReadOptions,
  Transaction,
  TransactionalProducer,
} from '../../../src/sinks/kafka/client.ts'
import { kafkaFailure } from '../../../src/sinks/kafka/kafka-error.ts'
import { KafkaSink } from '../../../src/sinks/kafka/sink.ts'
import type { Sink } from '../../../src/sinks/sink.ts'
import { decodeJson } from '../../../src/transforms/encode.ts'
import { type Calls, call } from '../engine/calls.ts'
import type { Life } from '../engine/life.ts'
import { CONCURRENT, SimulatedBroker } from './kafka-broker.ts'
import type { Mistakes } from './mistakes.ts'
import type { Stored, World } from './store.ts'

const TOPIC = 'mail'
const POLL_MS = 20

const lost = (): Error =>
  Object.assign(new Error('the connection was lost'), { name: 'KafkaJSConnectionError' })

export class KafkaWorld implements World {
  readonly name = 'kafka'
  readonly mayDouble = 0
  readonly #broker: SimulatedBroker
  readonly #calls: Calls
  /** It is looked at after each removal: decoding everything anew took a tenth of the time. */
  readonly #decoded = new WeakMap<ProducerRecord, Stored>()

  constructor(calls: Calls, mistakes: Mistakes) {
    this.#calls = calls
    this.#broker = new SimulatedBroker(calls, mistakes)
  }

  sink(life: Life): Sink {
    const options = { brokers: ['simulated:9092'], topic: TOPIC, format: 'json' as const }
    return new KafkaSink(options, () =>
      Promise.resolve(new LifeClient(this.#broker, this.#calls, life)),
    )
  }

  stored(): readonly Stored[] {
    return this.#broker.committed(TOPIC).map((record) => {
      const known = this.#decoded.get(record) ?? storedOf(record)
      this.#decoded.set(record, known)
      return known
    })
  }

  get written(): number {
    return this.#broker.committed(TOPIC).length
  }

  leaderLoss(): void {
    this.#broker.loseLeader()
  }

  replace(): boolean {
    return this.#broker.makeAnew(TOPIC)
  }

  close(): void {
    return undefined
  }
}

const storedOf = ({ key, value, headers }: ProducerRecord): Stored => ({
  ...{ key, sha256: String(headers?.['maildrain-sha256']) },
  actual: createHash('sha256').update(decodeJson(value!).raw).digest('hex'),
})

class LifeClient implements KafkaClient {
  readonly #broker: SimulatedBroker
  readonly #calls: Calls
  readonly #life: Life

  constructor(broker: SimulatedBroker, calls: Calls, life: Life) {
    this.#broker = broker
    this.#calls = calls
    this.#life = life
  }

  cluster() {
    return this.#ask(() => ({ id: 'simulated', brokers: 3 }))
  }
  describeTopic(topic: string) {
    return this.#ask(() => this.#broker.describe(topic))
  }
  createTopic(specification: Parameters<KafkaClient['createTopic']>[0]) {
    return this.#ask(() => this.#broker.create(specification))
  }
  offsets(topic: string) {
    return this.#ask(() => this.#broker.offsets(topic))
  }

  ends(topic: string) {
    return this.#ask(() => this.#broker.ends(topic))
  }

  async read(options: ReadOptions): Promise<bigint> {
    const { topic, partition, to, uncommitted = false, onRecords, signal } = options
    for (let position = options.from; ;) {
      signal.throwIfAborted()
      const at = position
      const { records, next } = await this.#ask(() =>
        this.#broker.fetch(topic, partition, { from: at, to, uncommitted }),
      )
      position = next
      if (records.length > 0 && onRecords(records)) return records.at(-1)!.offset + 1n
      if (to !== undefined) return position
      await sleep(this.#life.clock, POLL_MS, signal)
    }
  }

  async fence(id: string): Promise<TransactionalProducer> {
    const epoch = await this.#patiently(() => this.#broker.initialize(id))
    let dead = false
    return {
      begin: () =>
        dead
          ? Promise.reject(new Error('the producer is dead: COMMITTING'))
          : Promise.resolve(this.#transaction(id, epoch, () => (dead = true))),
      close: () => Promise.resolve(),
    }
  }

  partitionOf(key: string, partitions: number): number {
    return (key.codePointAt(0) ?? 0) % partitions
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  /** As kafkajs does: asks again while the coordinator is still ending what was before. */
  async #patiently<T>(apply: () => T): Promise<T> {
    for (let tries = 1; ; tries += 1)
      try {
        return await this.#ask(apply)
      } catch (error) {
        const { cause } = error as { cause?: { code?: unknown } }
        if (cause?.code !== CONCURRENT || tries > 200) throw error
        await sleep(this.#life.clock, POLL_MS)
      }
  }

  #transaction(id: string, epoch: number, die: () => void): Transaction {
    const end = async (commit: boolean): Promise<void> => {
      try {
        await this.#ask(() => this.#broker.endTransaction(id, epoch, commit))
      } catch (error) {
        // As in kafkajs: the state stays COMMITTING for ever.
        die()
        throw error
      }
    }
    return {
      send: (topic, records) =>
        this.#patiently(() =>
          this.#broker.produce(id, epoch, { topic, timeoutMs: 60_000 }, records),
        ),
      commit: () => end(true),
      abort: () => end(false),
    }
  }

  #ask<T>(apply: () => T): Promise<T> {
    return call(this.#calls, this.#life, apply, lost).catch((error: unknown) => {
      throw kafkaFailure(error, 'ask the simulated cluster')
    })
  }
}
