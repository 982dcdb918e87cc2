/** Reading a destination back: whether it can be, how far it is, and what every record was found to be. */
import { ConfigError } from '../errors.ts'
import type { PeekContext, Sink, StoredRecord } from '../sinks/sink.ts'
import { verifyRecord } from '../sinks/verify-record.ts'
import type { FoundTable } from './found-table.ts'

/** A look at a running restore or audit. */
export interface ReadingProgress {
  readonly phase: 'restoring' | 'auditing'
  /** Messages that are delivered by the ledger; as many as were read where there is none. */
  readonly messagesTotal: number
  /** Records read. */
  readonly messagesDone: number
  /** Octets of these messages; null where there is no ledger. */
  readonly bytesTotal: number | null
  readonly bytesDone: number
}

/** @throws ConfigError for a sink that cannot be read back */
export function readerOf(sink: Sink): (context: PeekContext) => AsyncIterable<StoredRecord> {
  const readBack = sink.readBack?.bind(sink)
  if (readBack === undefined)
    throw new ConfigError(
      'MAILDRAIN_CONFIG_INVALID',
      `${sink.destination} cannot be read back; name a kafka or sqlite destination`,
    )
  return readBack
}

/** How much is to be read, as far as somebody knows. */
export interface Expectation {
  readonly messages: number
  readonly bytes: number
}

export interface Reading {
  readonly records: number
  /** Octets of raw mail. */
  readonly bytes: number
}

/** Every record into the table, under its own key, with what is wrong with it. */
export async function readInto(
  found: FoundTable,
  records: AsyncIterable<StoredRecord>,
  expected: Expectation | null,
  onProgress: (progress: ReadingProgress) => void = () => undefined,
): Promise<Reading> {
  let [count, bytes] = [0, 0]
  for await (const record of records) {
    found.add(record.key, record, verifyRecord(record).why)
    count += 1
    bytes += record.raw.length
    onProgress({
      phase: 'auditing',
      messagesTotal: Math.max(expected?.messages ?? 0, count),
      messagesDone: count,
      bytesTotal: expected && Math.max(expected.bytes, bytes),
      bytesDone: bytes,
    })
  }
  return { records: count, bytes }
}
