/** The Kafka sink. */
import type { Sink } from '../sink.ts'
import type { KafkaSinkOptions } from './options.ts'
import { KafkaSink } from './sink.ts'

export type { KafkaSinkOptions } from './options.ts'

/**
 * Mail into a Kafka topic, exactly-once: records and ledger entries (topic `<topic>.ledger`) in one transaction. The key
 * of a record is K; consumers read with isolation level read_committed.
 * @throws ConfigError MAILDRAIN_CONFIG_INVALID
 */
export function kafka(options: KafkaSinkOptions): Sink {
  return new KafkaSink(options, async (resolved, { log }) => {
    const { KafkajsClient } = await import('./kafkajs-client.ts')
    return new KafkajsClient(resolved, log)
  })
}
