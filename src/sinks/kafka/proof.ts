/**
 * Proof that the data topic is the one that the ledger speaks of (G5): where the ledger's last record of a partition
 * should be, there it is. A topic that was deleted and made again, or restored from an older copy, does not have it; what
 * the ledger calls delivered is not there, and nothing must be deleted on its word. Asked at open, before anything is deleted
 * from the server, and when the mailbox had to be taken over once more: topics lose their tail, or are made anew, in the middle
 * of a run as well.
 */
import type { Clock } from '../../clock.ts'
import { withDeadline } from '../../deadline.ts'
import { type LedgerError, SinkError } from '../../errors.ts'
import { lostLedger } from '../../ledger/lost.ts'
import type { Logger } from '../../logger.ts'
import type { ConsumedRecord, KafkaClient, PartitionOffsets } from './client.ts'
import { kafkaFailure } from './kafka-error.ts'
import type { LedgerOwner, Witness } from './ledger-owner.ts'
import { readPlace } from './place.ts'

export interface ProofOptions {
  readonly client: KafkaClient
  readonly topic: string
  readonly witnesses: ReadonlyMap<number, Witness>
  /** Up to where the ledger knows the mail of each partition. */
  readonly ends: ReadonlyMap<number, bigint>
  /**
   * The witnesses are known to be committed: not waited for until transactions are over, as the marker of our last one is on
   * its way yet when its commit has been answered.
   */
  readonly committed?: boolean
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
  const { client, topic, witnesses, committed = false, log } = options
  const offsets = new Map((await client.offsets(topic)).map((each) => [each.partition, each]))
  const lost = new Map<number, string>()
  let expired = 0
  for (const [partition, { offset }] of await beyond(options, offsets))
    lost.set(partition, `does not go as far as offset ${offset}, which was written`)
  for (const [partition, witness] of witnesses) {
    const { low, stable } = offsets.get(partition) ?? NOTHING
    if (lost.has(partition)) continue
    if (witness.offset >= stable && !committed) throw hidden(topic, partition, stable)
    if (witness.offset < low) expired += 1
    else if (!(await isThere(options, partition, witness)))
      lost.set(
        partition,
        `has another record at offset ${witness.offset} than that of ${witness.key}`,
      )
  }
  if (expired > 0 && !committed)
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
  { client, topic, committed = false, signal }: ProofOptions,
  partition: number,
  { offset, sha256 }: Witness,
): Promise<boolean> {
  let found: ConsumedRecord | undefined
  await client.read({
    ...{ topic, partition, from: offset, to: offset + 1n, signal },
    uncommitted: committed,
    onRecords: (records) => {
      found ??= records[0]
      return true
    },
  })
  return found?.offset === offset && found.headers.get('maildrain-sha256') === sha256
}

export interface HoldsOptions extends Omit<ProofOptions, 'witnesses' | 'ends' | 'committed'> {
  readonly owner: Pick<LedgerOwner, 'witnesses' | 'ends'>
  readonly clock: Clock
  /** Milliseconds after which brokers that do not answer count as away. */
  readonly ms: number
}

/**
 * In the middle of a run: what was written is still there.
 * @throws LedgerError MAILDRAIN_LEDGER_LOST
 * @throws SinkError retryable, when that cannot be asked
 */
export async function assertTopicHolds(options: HoldsOptions): Promise<void> {
  const { owner, topic, ms } = options
  const { witnesses, ends } = owner
  const late = () =>
    new SinkError(
      'MAILDRAIN_SINK_UNREACHABLE',
      `Kafka did not say within ${ms / 1000} s whether topic ${topic} holds what was written`,
    )
  try {
    const proof = await withDeadline({ ...options, late }, (signal) =>
      proveTopic({ ...options, witnesses, ends, committed: true, signal }),
    )
    assertProven(proof, topic)
  } catch (error) {
    options.signal.throwIfAborted()
    throw kafkaFailure(error, `look whether topic ${topic} holds what was written`)
  }
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

const notTheTopic = (topic: string, partition: number, why: string): LedgerError =>
  lostLedger(
    'MAILDRAIN_LEDGER_LOST',
    `Partition ${partition} of topic ${topic} ${why}: it is not the topic that the ledger speaks of`,
  )

const hidden = (topic: string, partition: number, stable: bigint): SinkError =>
  new SinkError(
    'MAILDRAIN_SINK_UNREACHABLE',
    `a transaction of somebody else hides partition ${partition} of topic ${topic} from offset ${stable} on; it ends within its timeout, or hangs (kafka-transactions.sh find-hanging)`,
  )
