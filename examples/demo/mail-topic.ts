/** The demo's view of the topic, as a consumer has it: what is committed, and nothing else. */
import { randomUUID } from 'node:crypto'
import { messageKey } from '../../src/identity.ts'
import { silentLogger } from '../../src/logger.ts'
import type { ConsumedRecord } from '../../src/sinks/kafka/client.ts'
import { KafkajsClient } from '../../src/sinks/kafka/kafkajs-client.ts'
import { kafkaSinkOptions } from '../../src/sinks/kafka/options.ts'
import type { Mailbox } from '../../src/testing/index.ts'
import { decodeAvro } from '../../src/transforms/encode.ts'
import { type Broker, startBroker } from '../../test/fixtures/kafka-broker.ts'
import { eachCommitted } from '../../test/support/topics.ts'
import { type Comparison, type Destination, breathe, sha256Of } from './destination.ts'

/** Messages between two turns of the event loop. */
const STEP = 500

export class MailTopic implements Destination {
  readonly to: string
  readonly shown: string
  readonly lookMs = 250
  readonly #broker: Broker
  readonly #topic = `demo-${randomUUID().slice(0, 8)}`
  readonly #client: KafkajsClient
  /** Of the last records that were compared, for `look`. */
  #sample: string[] = []

  readonly #messages: number

  /** @param messages how many there will be */
  private constructor(broker: Broker, messages: number) {
    this.#broker = broker
    this.#messages = messages
    this.to = `kafka://${broker.brokers.join(',')}/${this.#topic}`
    this.shown = `topic ${this.#topic} of Kafka (${broker.how})`
    const options = kafkaSinkOptions.parse({ brokers: broker.brokers, topic: this.#topic })
    this.#client = new KafkajsClient(options, silentLogger)
  }

  /** On the broker that MAILDRAIN_TEST_KAFKA names, else one in a container, else one of Java. */
  static async open(messages: number): Promise<MailTopic> {
    return new MailTopic(await startBroker(), messages)
  }

  /** By the end offsets, in which each transaction counts a little as well. 0 while there is no topic. */
  async progress(): Promise<number> {
    try {
      const offsets = await this.#client.offsets(this.#topic)
      const sum = offsets.reduce((all, { stable }) => all + Number(stable), 0)
      return Math.min(sum, this.#messages)
    } catch {
      return 0
    }
  }

  async count(): Promise<number> {
    let count = 0
    await this.#each(() => (count += 1), false)
    return count
  }

  async compare(mailbox: Mailbox, mailboxId: string): Promise<Comparison> {
    const missing = new Set<string>()
    for (let index = 0; index < mailbox.size; index += 1) {
      const message = mailbox.message(index)
      missing.add(messageKey(mailboxId, message.uidl, sha256Of(message.read())))
      if (index % STEP === 0) await breathe()
    }
    let [equal, duplicated] = [0, 0]
    await this.#each((key, value) => {
      const { uidl, raw, sentAt, subject } = decodeAvro(value)
      const same = messageKey(mailboxId, uidl, sha256Of(raw)) === key && missing.delete(key)
      if (same) equal += 1
      else duplicated += 1
      if (this.#sample.length < 3)
        this.#sample.push(
          `     ${sentAt === null ? '-' : new Date(sentAt).toISOString()}  ${subject ?? ''}`,
        )
    })
    return { equal, lost: missing.size, duplicated }
  }

  look(): Promise<string> {
    return Promise.resolve(
      ['look at the first records that a consumer gets:', ...this.#sample].join('\n'),
    )
  }

  async close(): Promise<void> {
    await this.#client.close()
    await this.#broker.stop()
  }

  #each(onRecord: (key: string, value: Buffer) => void, settle = true): Promise<void> {
    const meet = ({ key, value }: ConsumedRecord) => {
      if (value !== null) onRecord(key, value)
    }
    return eachCommitted([...this.#broker.brokers], this.#topic, meet, settle)
  }
}
