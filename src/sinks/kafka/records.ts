/**
 * Messages as records of the data topic, and how many go into one send. What the topic's limit cannot take is found
 * here, before a transaction is open: the broker would refuse the whole of it.
 */
import { SinkError } from '../../errors.ts'
import type { LedgerEntry } from '../../ledger/ledger.ts'
import { encodeAvro, encodeJson, withoutBodies } from '../../transforms/encode.ts'
import type { SinkRecord } from '../sink.ts'
import type { ProducerRecord } from './client.ts'

/** kafkajs groups the records of a send by partition in quadratic time: 1,000 take 3 ms, 20,000 take 2.5 s. */
export const MAX_SEND_RECORDS = 1000
/**
 * kafkajs makes a request without a pause, 30 ms for each MB, and the threads that parse go without work meanwhile: 2 MB
 * at a time instead of 16 took a tenth off the whole drain, and 100 MB off its memory.
 */
const MAX_SEND_BYTES = 2 * 1024 * 1024
/** Header of a record batch (61 octets), and lengths, timestamps and flags of a record, generously. */
const BATCH_OVERHEAD = 128
const RECORD_OVERHEAD = 64

export type Format = 'avro' | 'json'

export interface RecordsOptions {
  readonly topic: string
  readonly format: Format
  readonly partitionOf: (key: string) => number
}

export function sizeOf({ key, value, headers }: ProducerRecord): number {
  let bytes = RECORD_OVERHEAD + key.length + (value?.length ?? 0)
  for (const [name, header] of Object.entries(headers ?? {}))
    bytes += name.length + header.length + 10
  return bytes
}

/** Raw octets beyond which no record fits, whatever is left out of it. */
export function maxRawBytes(maxBatchBytes: number, format: Format): number {
  const room = Math.max(0, maxBatchBytes - BATCH_OVERHEAD - RECORD_OVERHEAD)
  return format === 'json' ? Math.floor(room / 4) * 3 : room
}

/**
 * @param maxBatchBytes `max.message.bytes` of the topic
 * @throws SinkError MAILDRAIN_SINK_RECORD_TOO_LARGE, MAILDRAIN_SINK_RECORD_REJECTED
 */
export function dataRecord(
  { key, value }: SinkRecord,
  entry: LedgerEntry,
  maxBatchBytes: number,
  { topic, format, partitionOf }: RecordsOptions,
): ProducerRecord {
  const encode = format === 'avro' ? encodeAvro : encodeJson
  const headers = headersOf(value.mailbox, entry, value.sha256)
  const record = (bytes: Buffer) => ({ key, partition: partitionOf(key), value: bytes, headers })
  const whole = record(encode(value))
  const room = maxBatchBytes - BATCH_OVERHEAD
  if (sizeOf(whole) <= room) return whole
  const bare = record(encode(withoutBodies(value)))
  if (sizeOf(bare) <= room) return bare
  throw new SinkError(
    'MAILDRAIN_SINK_RECORD_TOO_LARGE',
    `record ${key} has ${sizeOf(bare)} octets and topic ${topic} takes ${maxBatchBytes} (max.message.bytes); raise that, the message stays on the server`,
  )
}

/** For consumers that decide without decoding. */
function headersOf(mailbox: string, entry: LedgerEntry, sha256: string): Record<string, Buffer> {
  return {
    'maildrain-key': Buffer.from(entry.key, 'latin1'),
    'maildrain-mailbox': Buffer.from(mailbox, 'utf8'),
    ...(entry.uidl === null ? {} : { 'maildrain-uidl': Buffer.from(entry.uidl, 'latin1') }),
    'maildrain-sha256': Buffer.from(sha256, 'latin1'),
  }
}

/**
 * Cuts records into sends, order kept: what goes to one partition in one send is one batch, and the topic's limit is on
 * batches, not on records.
 */
export function* sendsOf(
  records: readonly ProducerRecord[],
  maxBatchBytes: number,
): Iterable<readonly ProducerRecord[]> {
  let send: ProducerRecord[] = []
  let total = 0
  let batches = new Map<number, number>()
  for (const record of records) {
    const bytes = sizeOf(record)
    const batch = (batches.get(record.partition) ?? BATCH_OVERHEAD) + bytes
    const full =
      send.length >= MAX_SEND_RECORDS || batch > maxBatchBytes || total + bytes > MAX_SEND_BYTES
    if (full && send.length > 0) {
      yield send
      send = []
      total = 0
      batches = new Map()
    }
    send.push(record)
    total += bytes
    batches.set(record.partition, (batches.get(record.partition) ?? BATCH_OVERHEAD) + bytes)
  }
  if (send.length > 0) yield send
}
