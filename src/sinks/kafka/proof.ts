/**
 * Proof that the data topic is the one that the ledger speaks of (G5): where the ledger's last record of a partition
 * should be, there it is. A topic that was deleted and made again, or restored from an older copy, does not have it; what
 * the ledger calls delivered is not there, and nothing must be deleted on its word.
 */
import { SinkError } from '../../errors.ts'
import { lostLedger } from '../../ledger/lost.ts'
import type { Logger } from '../../logger.ts'
import type { ConsumedRecord, KafkaClient, PartitionOffsets } from './client.ts'
import type { Witness } from './ledger-owner.ts'

export interface ProofOptions {
  readonly client: KafkaClient
  readonly topic: string
  readonly witnesses: ReadonlyMap<number, Witness>
  /** Up to where the ledger knows the mail of each partition. */
  readonly ends: ReadonlyMap<number, bigint>
  readonly signal: AbortSignal
  readonly log: Logger
}

export interface Proof {
  readonly offsets: ReadonlyMap<number, PartitionOffsets>
  /** Partitions that are not what the ledger speaks of, and why. */
  readonly lost: ReadonlyMap<number, string>
}

const NOTHING = { low: 0n, stable: 0n }

/** @throws SinkError MAILDRAIN_SINK_UNREACHABLE, retryable, while a transaction of another mailbox hides what is to be seen */
export async function proveTopic(options: ProofOptions): Promise<Proof> {
  const { client, topic, witnesses, log } = options
  const offsets = new Map((await client.offsets(topic)).map((each) => [each.partition, each]))
  const lost = new Map<number, string>()
  let expired = 0
  for (const [partition, { offset }] of await beyond(options, offsets))
    lost.set(partition, `does not go as far as offset ${offset}, which was written`)
  for (const [partition, witness] of witnesses) {
    const { low, stable } = offsets.get(partition) ?? NOTHING
    if (lost.has(partition)) continue
    if (witness.offset >= stable) throw hidden(topic, partition, stable)
    if (witness.offset < low) expired += 1
    else if (!(await isThere(options, partition, witness)))
      lost.set(
        partition,
        `has another record at offset ${witness.offset} than that of ${witness.key}`,
      )
  }
  if (expired > 0)
    log.warn(
      { topic, partitions: expired },
      `topic ${topic} has removed mail that was delivered to it; what is still on the server is delivered again`,
    )
  return { offsets, lost }
}

/** Offsets that were written, and are behind the end of their partition. */
async function beyond(
  { client, topic, witnesses, ends }: ProofOptions,
  offsets: ReadonlyMap<number, PartitionOffsets>,
): Promise<ReadonlyMap<number, { readonly offset: bigint }>> {
  const written = new Map([...ends].map(([partition, end]) => [partition, { offset: end - 1n }]))
  for (const [partition, { offset }] of witnesses) {
    const known = written.get(partition)
    if (known === undefined || known.offset < offset) written.set(partition, { offset })
  }
  const isHidden = ([partition, { offset }]: readonly [number, { readonly offset: bigint }]) =>
    offset >= (offsets.get(partition) ?? NOTHING).stable
  const suspects = [...written].filter(isHidden)
  if (suspects.length === 0) return new Map()
  // The usual case asks no further: only the end tells what is gone from what an open transaction hides.
  const found = await client.ends(topic)
  return new Map(
    suspects.filter(([partition, { offset }]) => offset >= (found.get(partition) ?? 0n)),
  )
}

async function isThere(
  { client, topic, signal }: ProofOptions,
  partition: number,
  { offset, sha256 }: Witness,
): Promise<boolean> {
  let found: ConsumedRecord | undefined
  await client.read({
    ...{ topic, partition, from: offset, to: offset + 1n, signal },
    onRecords: (records) => {
      found ??= records[0]
      return true
    },
  })
  return found?.offset === offset && found.headers.get('maildrain-sha256') === sha256
}

/** @throws LedgerError MAILDRAIN_LEDGER_LOST for the first partition that was lost */
export function assertProven({ lost }: Proof, topic: string): void {
  for (const [partition, why] of lost)
    throw lostLedger(
      'MAILDRAIN_LEDGER_LOST',
      `Partition ${partition} of topic ${topic} ${why}: it is not the topic that the ledger speaks of`,
    )
}

const hidden = (topic: string, partition: number, stable: bigint): SinkError =>
  new SinkError(
    'MAILDRAIN_SINK_UNREACHABLE',
    `a transaction of somebody else hides partition ${partition} of topic ${topic} from offset ${stable} on; it ends within its timeout, or hangs (kafka-transactions.sh find-hanging)`,
  )
