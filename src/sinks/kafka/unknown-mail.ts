/**
 * Mail of this mailbox in the data topic that the ledger does not explain: of a ledger that was lost, emptied, or restored
 * from a copy that is older than the last of the mail. In a topic of one mailbox there is nothing to read: behind the last of
 * its mail lies the end of its transaction, and nothing else.
 */
import { type LedgerEntry, saysDurable } from '../../ledger/ledger.ts'
import type { ConsumedRecord, KafkaClient, PartitionOffsets } from './client.ts'
import { writePlace } from './place.ts'

export interface UnknownMailOptions {
  readonly client: KafkaClient
  readonly topic: string
  readonly mailbox: string
  readonly offsets: ReadonlyMap<number, PartitionOffsets>
  /** Where the ledger's knowledge ends, by partition. */
  readonly ends: ReadonlyMap<number, bigint>
  readonly signal: AbortSignal
}

export interface UnknownMail {
  /** Messages that the ledger does not know. */
  readonly unknown: number
  /** The first of them. */
  readonly first: string | undefined
  /** Records that were read, whosever they are. */
  readonly read: number
  readonly ends: ReadonlyMap<number, bigint>
}

/** @param known what the ledger has under a key */
export async function findUnknownMail(
  options: UnknownMailOptions,
  known: (key: string) => LedgerEntry | undefined,
): Promise<UnknownMail> {
  const { mailbox, offsets } = options
  const ends = new Map(options.ends)
  let [unknown, read] = [0, 0]
  let first: string | undefined
  for (const found of offsets.values()) {
    const { partition, low, stable } = found
    const end = ends.get(partition)
    const from = end !== undefined && end > low ? end : low
    // Where the ledger's knowledge ends lies the end of a transaction of ours, or a record of others that came before it.
    if (stable - from <= (from === end ? 1n : 0n)) continue
    await readRange({ ...options, partition, from, to: stable }, (record) => {
      read += 1
      const key = record.headers.get('maildrain-key')
      if (record.headers.get('maildrain-mailbox') !== mailbox || key === undefined) return
      const entry = known(key)
      if (entry !== undefined && saysDurable(entry)) return
      unknown += 1
      first ??= writePlace({ partition, offset: record.offset })
    })
    for (const [each, explained] of explainedBelow([found])) ends.set(each, explained)
  }
  return { unknown, first, read, ends }
}

/**
 * Where knowledge ends when all that can be read is known: one before the last stable offset. What lies there is no message of
 * ours, as the end of its transaction would lie behind it; and what we write there next is not taken for that end.
 */
export function explainedBelow(offsets: Iterable<PartitionOffsets>): ReadonlyMap<number, bigint> {
  const ends = new Map<number, bigint>()
  for (const { partition, stable } of offsets) if (stable > 0n) ends.set(partition, stable - 1n)
  return ends
}

interface Range {
  readonly client: KafkaClient
  readonly topic: string
  readonly partition: number
  readonly from: bigint
  readonly to: bigint
  readonly signal: AbortSignal
}

async function readRange(range: Range, each: (record: ConsumedRecord) => void): Promise<void> {
  const { client, to, ...rest } = range
  await client.read({
    ...{ ...rest, to },
    onRecords: (records) => {
      for (const record of records) if (record.offset < to) each(record)
      return false
    },
  })
}
