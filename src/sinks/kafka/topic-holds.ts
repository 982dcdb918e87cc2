/**
 * Topics lose their tail (a broker without what was in its page cache, an unclean election) or are made anew in the middle of a
 * run as well. Asked before anything is deleted from the server, and when the mailbox had to be taken over once more. All
 * partitions at once, as the session with the server stands still meanwhile, and some servers end it soon.
 */
import type { Clock } from '../../clock.ts'
import { withDeadline } from '../../deadline.ts'
import { SinkError } from '../../errors.ts'
import type { KafkaClient, PartitionOffsets } from './client.ts'
import { isOutOfRange, kafkaFailure } from './kafka-error.ts'
import type { LedgerOwner, Witness } from './ledger-owner.ts'
import { beyondEnd, endsBefore, isAnother, isThere, notTheTopic } from './proof.ts'

export interface HoldsOptions {
  readonly client: KafkaClient
  readonly topic: string
  readonly owner: Pick<LedgerOwner, 'witnesses' | 'ends'>
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Milliseconds after which brokers that do not answer count as away. */
  readonly ms: number
}

/** Reads at a time, each on a connection of its own. */
const READS = 16

/**
 * What was written is still there.
 * @throws LedgerError MAILDRAIN_LEDGER_LOST
 * @throws SinkError retryable, when that cannot be asked
 */
export async function assertTopicHolds(options: HoldsOptions): Promise<void> {
  const { topic, ms } = options
  const late = () =>
    new SinkError(
      'MAILDRAIN_SINK_UNREACHABLE',
      `Kafka did not say within ${ms / 1000} s whether topic ${topic} holds what was written`,
    )
  try {
    await withDeadline({ ...options, late }, (signal) => look({ ...options, signal }))
  } catch (error) {
    options.signal.throwIfAborted()
    throw kafkaFailure(error, `look whether topic ${topic} holds what was written`)
  }
}

async function look(options: HoldsOptions): Promise<void> {
  const { client, topic, owner } = options
  const { witnesses, ends } = owner
  const [found, missed] = await Promise.all([client.offsets(topic), missing(options, witnesses)])
  const offsets = missed.length === 0 ? byPartition(found) : await assertMissed(options, missed)
  const further = [...ends].filter(([at, end]) => end - 1n > (witnesses.get(at)?.offset ?? -1n))
  const written = new Map(further.map(([partition, end]) => [partition, end - 1n]))
  for (const [partition, offset] of await beyondEnd(options, written, offsets))
    throw notTheTopic(topic, partition, endsBefore(offset))
}

const byPartition = (offsets: readonly PartitionOffsets[]): ReadonlyMap<number, PartitionOffsets> =>
  new Map(offsets.map((each) => [each.partition, each]))

/**
 * Retention may have removed it meanwhile; and a new leader shows what was committed only when its followers have caught up:
 * until then it refuses to say how far its partition goes (KIP-207), so whoever has been told looks once more.
 * @returns the offsets of now
 */
async function assertMissed(
  options: HoldsOptions,
  missed: readonly (readonly [number, Witness])[],
): Promise<ReadonlyMap<number, PartitionOffsets>> {
  const { client, topic } = options
  const offsets = byPartition(await client.offsets(topic))
  for (const [partition, witness] of await missing(options, new Map(missed)))
    if (witness.offset >= (offsets.get(partition)?.low ?? 0n))
      throw notTheTopic(topic, partition, isAnother(witness))
  return offsets
}

/**
 * Witnesses that are not where they should be. They are known to be committed: read as they are, because the marker of our last
 * transaction may be on its way yet when its commit has been answered, and those of others may take a minute.
 */
async function missing(
  options: HoldsOptions,
  witnesses: ReadonlyMap<number, Witness>,
): Promise<readonly (readonly [number, Witness])[]> {
  const all = [...witnesses]
  const missed: (readonly [number, Witness])[] = []
  const one = async (each: readonly [number, Witness]) => {
    const there = isThere({ ...options, uncommitted: true }, ...each)
    if (!(await there.catch(unlessOutOfRange))) missed.push(each)
  }
  for (let i = 0; i < all.length; i += READS) await Promise.all(all.slice(i, i + READS).map(one))
  return missed
}

function unlessOutOfRange(error: unknown): false {
  if (isOutOfRange(error)) return false
  throw error
}
