/**
 * Proof that the data topic is the one that the ledger speaks of (G5): where the ledger's last record of a partition
 * should be, there it is. A topic that was deleted and made again, or restored from an older copy, does not have it; what
 * the ledger calls delivered is not there, and nothing must be deleted on its word.
 */
import { type LedgerError, SinkError } from '../../errors.ts'
import { lostLedger } from '../../ledger/lost.ts'
import type { Logger } from '../../logger.ts'
import type { ConsumedRecord, KafkaClient, PartitionOffsets } from './client.ts'
import type { Witness } from './ledger-owner.ts'
import { readPlace } from './place.ts'

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
  for (const [partition, offset] of await beyondEnd(options, writtenIn(options), offsets))
    lost.set(partition, endsBefore(offset))
  for (const [partition, witness] of witnesses) {
    const { low, stable } = offsets.get(partition) ?? NOTHING
    if (lost.has(partition)) continue
    if (witness.offset >= stable) throw hidden(topic, partition, stable)
    if (witness.offset < low) expired += 1
    else if (!(await isThere(options, partition, witness))) lost.set(partition, isAnother(witness))
  }
  if (expired > 0)
    log.warn(
      { topic, partitions: expired },
      `topic ${topic} has removed mail that was delivered to it; what is still on the server is delivered again`,
    )
  return { offsets, lost }
}

/** The highest offset that was written in each partition. */
function writtenIn({ witnesses, ends }: ProofOptions): ReadonlyMap<number, bigint> {
  const written = new Map([...ends].map(([partition, end]) => [partition, end - 1n]))
  for (const [partition, { offset }] of witnesses)
    if (offset > (written.get(partition) ?? -1n)) written.set(partition, offset)
  return written
}

/** Offsets that were written, and are behind the end of their partition. */
export async function beyondEnd(
  { client, topic }: Pick<ProofOptions, 'client' | 'topic'>,
  written: ReadonlyMap<number, bigint>,
  offsets: ReadonlyMap<number, PartitionOffsets>,
): Promise<ReadonlyMap<number, bigint>> {
  const suspects = [...written].filter(
    ([partition, offset]) => offset >= (offsets.get(partition) ?? NOTHING).stable,
  )
  if (suspects.length === 0) return new Map()
  // The usual case asks no further: only the end tells what is gone from what an open transaction hides.
  const ends = await client.ends(topic)
  return new Map(suspects.filter(([partition, offset]) => offset >= (ends.get(partition) ?? 0n)))
}

export interface WitnessOptions extends Pick<ProofOptions, 'client' | 'topic' | 'signal'> {
  /** It is known to be committed, though a transaction may hide it yet. */
  readonly uncommitted?: boolean
}

export async function isThere(
  { client, topic, signal, uncommitted = false }: WitnessOptions,
  partition: number,
  { offset, sha256 }: Witness,
): Promise<boolean> {
  let found: ConsumedRecord | undefined
  await client.read({
    ...{ topic, partition, from: offset, to: offset + 1n, uncommitted, signal },
    onRecords: (records) => {
      found ??= records[0]
      return true
    },
  })
  return found?.offset === offset && found.headers.get('maildrain-sha256') === sha256
}

/** @throws LedgerError MAILDRAIN_LEDGER_LOST for the first partition that was lost */
export function assertProven({ lost }: Proof, topic: string): void {
  for (const [partition, why] of lost) throw notTheTopic(topic, partition, why)
}

/**
 * Up to where the ledger knows the mail of each partition when these records are committed, too.
 * @param before the same without them
 * @throws LedgerError MAILDRAIN_LEDGER_LOST for a record that was put where others had been written before
 */
export function endsAfter(
  topic: string,
  before: ReadonlyMap<number, bigint>,
  places: Iterable<string>,
): ReadonlyMap<number, bigint> {
  const ends = new Map(before)
  for (const text of places) {
    const place = readPlace(text)
    if (place === null) continue
    const { partition, offset } = place
    const known = before.get(partition) ?? 0n
    if (offset < known)
      throw notTheTopic(topic, partition, `took a record at offset ${offset} and went to ${known}`)
    if (offset >= (ends.get(partition) ?? 0n)) ends.set(partition, offset + 1n)
  }
  return ends
}

export const endsBefore = (offset: bigint): string =>
  `does not go as far as offset ${offset}, which was written`

export const isAnother = ({ offset, key }: Witness): string =>
  `has another record at offset ${offset} than that of ${key}, or none`

export const notTheTopic = (topic: string, partition: number, why: string): LedgerError =>
  lostLedger(
    'MAILDRAIN_LEDGER_LOST',
    `Partition ${partition} of topic ${topic} ${why}: it is not the topic that the ledger speaks of`,
  )

const hidden = (topic: string, partition: number, stable: bigint): SinkError =>
  new SinkError(
    'MAILDRAIN_SINK_UNREACHABLE',
    `a transaction of somebody else hides partition ${partition} of topic ${topic} from offset ${stable} on; it ends within its timeout, or hangs (kafka-transactions.sh find-hanging)`,
  )
