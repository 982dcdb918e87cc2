/** Kafka sinks over the model broker. */
import { afterEach } from 'vitest'
import type { RawMessage } from '../../src/message.ts'
import type { KafkaSinkOptions } from '../../src/sinks/kafka/options.ts'
import { KafkaSink } from '../../src/sinks/kafka/sink.ts'
import type { Batch, SinkContext } from '../../src/sinks/sink.ts'
import { rawMessage } from './messages.ts'
import type { ModelBroker } from './model-broker.ts'
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
