/**
 * Which records of a fetched chunk are committed. kafkajs takes the list of aborted transactions in the order in which
 * the broker gives it, that of their ends, and shows records of one that another began and ended within: its consumers
 * would let an aborted ledger entry pass for mail that was delivered.
 */

/** A record as kafkajs decodes it. */
export interface FetchedRecord {
  readonly offset: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, Buffer | Buffer[] | undefined>>
  /** A marker: the end of a transaction. */
  readonly isControlRecord: boolean
  readonly batchContext: {
    readonly producerId: string
    readonly inTransaction: boolean
    readonly firstOffset: string
    /** Of the last record that the batch had when it was written; compaction leaves it as it was. */
    readonly lastOffsetDelta: number
  }
}

export interface AbortedTransaction {
  readonly producerId: string
  readonly firstOffset: string
}

/** Control record key: version, then type, 16 bits each; type 0 is the abort marker (KIP-98). */
const isAbortMarker = ({ isControlRecord, key }: FetchedRecord): boolean =>
  isControlRecord && key?.readInt16BE(2) === 0

/**
 * @param records of one partition in order, markers among them
 * @param aborted as the broker names them for the same chunk
 */
export function committedRecords(
  records: readonly FetchedRecord[],
  aborted: readonly AbortedTransaction[],
): FetchedRecord[] {
  const begun = aborted.map((each) => ({ ...each, from: BigInt(each.firstOffset) }))
  begun.sort((a, b) => (a.from < b.from ? -1 : 1))
  const open = new Set<string>()
  let next = 0
  return records.filter((record) => {
    const offset = BigInt(record.offset)
    for (; (begun[next]?.from ?? offset + 1n) <= offset; next += 1)
      open.add(begun[next]?.producerId ?? '')
    const { producerId, inTransaction } = record.batchContext
    if (isAbortMarker(record)) open.delete(producerId)
    return !record.isControlRecord && !(inTransaction && open.has(producerId))
  })
}
