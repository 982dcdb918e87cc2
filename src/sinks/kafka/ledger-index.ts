/** The ledger topic's records in its index: later ones take the place of earlier ones. */
import type { LedgerEntry } from '../../ledger/ledger.ts'
import type { ScratchLedger } from '../../ledger/scratch-ledger.ts'
import type { ConsumedRecord } from './client.ts'
import type { LedgerChange, LedgerRecords } from './ledger-topic.ts'

export interface FoldInto {
  readonly index: ScratchLedger
  readonly codec: LedgerRecords
}

/**
 * @param about is told every change, in order
 * @throws LedgerError MAILDRAIN_LEDGER_DAMAGED
 */
export function foldRecords(
  records: readonly ConsumedRecord[],
  { index, codec }: FoldInto,
  about: (change: LedgerChange) => void = () => undefined,
): void {
  const changed = new Map<string, LedgerEntry | null>()
  for (const record of records) {
    const change = codec.read(record)
    if (change === null) continue
    if (change.kind === 'entry') changed.set(change.entry.key, change.entry)
    if (change.kind === 'tombstone') changed.set(change.key, null)
    if (change.kind === 'host') index.putHost(change.notes)
    if (change.kind === 'tally') index.putTally(change.tally)
    about(change)
  }
  index.put([...changed.values()].filter((entry) => entry !== null))
  index.remove([...changed].flatMap(([key, entry]) => (entry === null ? [key] : [])))
}
