/** Kafka sinks over the model broker. */
import { afterEach } from 'vitest'
import type { RawMessage } from '../../src/message.ts'
import type { KafkaSinkOptions } from '../../src/sinks/kafka/options.ts'
import { KafkaSink } from '../../src/sinks/kafka/sink.ts'
import type { Batch, SinkContext } from '../../src/sinks/sink.ts'
import { rawMessage } from './messages.ts'
import { ModelBroker } from './model-broker.ts'
import { batchMessage, sinkContext } from './sinks.ts'

const sinks: KafkaSink[] = []
afterEach(async () => {
  for (const sink of sinks.splice(0)) await sink.close()
})

export async function openSink(
  broker: ModelBroker,
  options: Partial<KafkaSinkOptions> = {},
  context: Partial<SinkContext> = {},
): Promise<KafkaSink> {
  const sink = new KafkaSink(
    { brokers: ['model:9092'], topic: 'mail', openPatienceMs: 0, ...options },
    () => Promise.resolve(broker),
  )
  sinks.push(sink)
  await sink.open(sinkContext(context))
  return sink
}

export const batchOf = (...messages: RawMessage[]): Batch => ({
  messages: messages.map((message) => batchMessage(message)),
  tombstones: [],
})

export const messages = (count: number): RawMessage[] =>
  Array.from({ length: count }, (_, index) => rawMessage(`uid-${index}`, `body ${index}`))

export const refused = (code: string) => ({ code: `MAILDRAIN_LEDGER_${code}`, exitCode: 8 })

/** A topic in which a drain has left these messages, and its ledger. */
export async function filled(
  count = 12,
  broker = new ModelBroker(),
): Promise<{ broker: ModelBroker; all: RawMessage[] }> {
  const all = messages(count)
  const sink = await openSink(broker)
  await sink.write(batchOf(...all))
  await sink.close()
  return { broker, all }
}

/** How many of these does the ledger know to be at the destination? */
export const held = ({ ledger }: KafkaSink, all: readonly RawMessage[]): number =>
  all.filter(({ key }) => {
    const entry = ledger.get(key)
    return entry !== undefined && ledger.holds(entry)
  }).length

/** Unique-ids of the committed records, in no order that matters. */
export const inTopic = (broker: ModelBroker): string[] =>
  broker
    .committed('mail')
    .map(({ headers }) => headers.get('maildrain-uidl') ?? '-')
    .sort()

/** Writes the batch until it is answered, as the pipeline does. */
export async function persist(sink: KafkaSink, batch: Batch, tries = 5): Promise<void> {
  for (let left = tries; ; left -= 1)
    try {
      await sink.write(batch)
      return
    } catch (error) {
      if (left <= 1 || !(error as { retryable: boolean }).retryable) throw error
    }
}
