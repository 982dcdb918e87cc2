/**
 * Proof that the data topic is the one that the ledger speaks of (G5): where the ledger's last record of a partition
 * should be, there it is. A topic that was deleted and made again, or restored from an older copy, does not have it; what
 * the ledger calls delivered is not there, and nothing must be deleted on its word.
 */
import { LedgerError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import type { ConsumedRecord, KafkaClient } from './client.ts'
import type { Witness } from './ledger-owner.ts'

export interface ProofOptions {
  readonly client: KafkaClient
  readonly topic: string
  readonly witnesses: ReadonlyMap<number, Witness>
  readonly signal: AbortSignal
  readonly log: Logger
}

/**
 * @returns the first offset that is still there, by partition
 * @throws LedgerError MAILDRAIN_LEDGER_LOST
 */
export async function proveSameTopic(options: ProofOptions): Promise<ReadonlyMap<number, bigint>> {
  const { client, topic, witnesses, log } = options
  const offsets = new Map((await client.offsets(topic)).map((each) => [each.partition, each]))
  let expired = 0
  for (const [partition, witness] of witnesses) {
    const { low, stable } = offsets.get(partition) ?? { low: 0n, stable: 0n }
    if (witness.offset >= stable)
      throw lost(
        topic,
        partition,
        `ends at offset ${stable}, and offset ${witness.offset} was written`,
      )
    if (witness.offset < low) expired += 1
    else await proveRecord(options, partition, witness)
  }
  if (expired > 0)
    log.warn(
      { topic, partitions: expired },
      `topic ${topic} has removed mail that was delivered to it; what is still on the server is delivered again`,
    )
  return new Map([...offsets].map(([partition, { low }]) => [partition, low]))
}

async function proveRecord(
  { client, topic, signal }: ProofOptions,
  partition: number,
  { offset, key, sha256 }: Witness,
): Promise<void> {
  let found: ConsumedRecord | undefined
  await client.read({
    ...{ topic, partition, from: offset, to: offset + 1n, signal },
    onRecords: (records) => {
      found ??= records[0]
      return true
    },
  })
  const same = found?.offset === offset && found.headers.get('maildrain-sha256') === sha256
  if (!same)
    throw lost(topic, partition, `has another record at offset ${offset} than that of ${key}`)
}

const lost = (topic: string, partition: number, what: string): LedgerError =>
  new LedgerError(
    'MAILDRAIN_LEDGER_LOST',
    `partition ${partition} of topic ${topic} ${what}: it is not the topic that the ledger speaks of; restore it, or drain into a new one`,
  )
