/** The records of one mailbox in the data topic, read by whoever does not own it: no fence, nothing but fetches. */
import { SinkError, describeError } from '../../errors.ts'
import type { MailRecord } from '../../message.ts'
import { decodeAvro, decodeJson } from '../../transforms/encode.ts'
import type { PeekContext, StoredRecord } from '../sink.ts'
import type { ConsumedRecord, KafkaClient, PartitionOffsets } from './client.ts'
import { writePlace } from './place.ts'

interface Reading {
  readonly client: KafkaClient
  readonly topic: string
  readonly mailbox: string
  readonly signal: AbortSignal
}

/**
 * Partition after partition, each up to the offset that was its end when it was asked for.
 * @throws SinkError when the brokers are away, or a partition gives less than it has
 */
export async function* readTopic(
  client: KafkaClient,
  topic: string,
  { mailbox, signal }: Pick<PeekContext, 'mailbox' | 'signal'>,
): AsyncGenerator<StoredRecord> {
  const described = await client.describeTopic(topic)
  if (described === null) return
  // Compaction may leave nothing at a partition's end.
  const compacted = described.settings.get('cleanup.policy')?.includes('compact') ?? false
  for (const offsets of await client.offsets(topic))
    yield* readPartition({ client, topic, mailbox, signal }, offsets, compacted)
}

async function* readPartition(
  { client, topic, mailbox, signal }: Reading,
  { partition, low, stable }: PartitionOffsets,
  compacted: boolean,
): AsyncGenerator<StoredRecord> {
  for (let from = low; from < stable;) {
    const options = { topic, partition, from, to: stable, signal }
    const { records, next } = await fetchChunk(client, options)
    for (const record of records)
      if (record.offset < stable && record.headers.get('maildrain-mailbox') === mailbox)
        yield storedRecord(record, mailbox, partition)
    if (records.length === 0 && next < stable && !compacted)
      throw new SinkError(
        'MAILDRAIN_SINK_UNREACHABLE',
        `partition ${partition} of topic ${topic} gives nothing from offset ${next}, and ends at ${stable}; run again`,
      )
    from = records.length === 0 ? stable : next
  }
}

interface Chunk {
  readonly records: readonly ConsumedRecord[]
  readonly next: bigint
}

/** One fetch, so that whoever takes the records sets the pace: a fetch has 8 MiB, or one record that is larger. */
async function fetchChunk(
  client: KafkaClient,
  options: Omit<Parameters<KafkaClient['read']>[0], 'onRecords'>,
): Promise<Chunk> {
  let records: readonly ConsumedRecord[] = []
  const next = await client.read({
    ...options,
    onRecords: (fetched) => {
      records = fetched
      return true
    },
  })
  return { records, next }
}

function storedRecord(record: ConsumedRecord, mailbox: string, partition: number): StoredRecord {
  const { key, headers } = record
  const position = writePlace({ partition, offset: record.offset })
  const sha256 = headers.get('maildrain-sha256') ?? ''
  try {
    const value = decode(record.value)
    const { uidl, raw } = value
    const damage = contradiction(value, { mailbox, sha256 })
    return { key, mailbox, uidl, sha256: value.sha256, raw, position, damage }
  } catch (error) {
    const uidl = headers.get('maildrain-uidl') ?? null
    const damage = describeError(error)
    return { key, mailbox, uidl, sha256, raw: Buffer.alloc(0), position, damage }
  }
}

/** Both formats may be in one topic; JSON never begins with the marker of Avro. */
function decode(value: Buffer | null): MailRecord {
  if (value === null) throw new TypeError('it is a tombstone')
  return value[0] === 0xc3 ? decodeAvro(value) : decodeJson(value)
}

/** Consumers decide by the headers without decoding, so these must say the same. */
function contradiction(
  value: MailRecord,
  header: { readonly mailbox: string; readonly sha256: string },
): string | null {
  if (value.sha256 !== header.sha256) return 'its header maildrain-sha256 names another hash'
  return value.mailbox === header.mailbox ? null : 'its header maildrain-mailbox names another one'
}
