/**
 * At open: do the ledger and the table of mail speak of the same mail? Where they do not, nothing goes on unless it was asked
 * for: the ledger made anew from the mail that is there, or what is missing accepted.
 */
import type { Clock } from '../../clock.ts'
import { type LedgerEntry, saysDurable } from '../../ledger/ledger.ts'
import type { LedgerTable } from '../../ledger/ledger-table.ts'
import { lostLedger, missingEntries } from '../../ledger/lost.ts'
import type { Ownership } from '../../ledger/ownership.ts'
import { rebuiltEntry } from '../rebuilt-entry.ts'
import type { SqliteDatabase } from '../../ledger/sqlite-database.ts'
import { TallyCount, prunedEntries } from '../../ledger/tally.ts'
import type { Logger } from '../../logger.ts'
import { holdsMailOf } from './messages-table.ts'
import { rowsOf } from './read-back.ts'

export interface ReconcileOptions {
  readonly database: SqliteDatabase
  readonly ownership: Ownership
  readonly table: LedgerTable
  /** Mailbox id. */
  readonly mailbox: string
  readonly rebuild: boolean
  readonly acceptMissing: boolean
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
}

/** Entries in one transaction. */
const CHUNK = 500

/** @throws LedgerError MAILDRAIN_LEDGER_LOST */
export async function reconcile(options: ReconcileOptions): Promise<void> {
  const { ownership, table, rebuild, acceptMissing } = options
  const lost = whatIsLost(options)
  if (lost === null) {
    if (!table.hasTally) ownership.transaction(() => table.putTally(table.tally))
  } else if (rebuild) await rebuildLedger(options)
  else if (acceptMissing) {
    const { tally } = table
    const seen = prunedEntries(tally) + table.size
    ownership.transaction(() => table.putTally({ ...tally, seen }))
  } else throw lostLedger('MAILDRAIN_LEDGER_LOST', lost)
}

/** Entries that somebody has removed, and mail that nobody knows of. */
function whatIsLost({ database, table, mailbox }: ReconcileOptions): string | null {
  if (!table.hasTally)
    return holdsMailOf(database, mailbox)
      ? `${database.path} holds mail of ${mailbox}, and its ledger knows nothing of it`
      : null
  const missing = missingEntries(table.tally, table.size)
  return missing > 0
    ? `${missing} of the entries of ${mailbox} are missing from the ledger in ${database.path}`
    : null
}

/** Without a tally until it is done: whoever opens the file in between is refused. */
async function rebuildLedger(options: ReconcileOptions): Promise<void> {
  const { database, ownership, table, mailbox, clock, log, signal } = options
  const before = table.tally
  const seen = prunedEntries(before) + table.size
  // A row without an entry is one that was lost, or one that was forgotten in order.
  const count = new TallyCount({ ...before, seen }, table)
  let [added, unreadable] = [0, 0]
  let chunk: LedgerEntry[] = []
  const write = (entries: readonly LedgerEntry[]) =>
    ownership.transaction(() => {
      table.removeTally()
      for (const entry of entries) {
        count.put(entry.key, () => true)
        table.put(entry)
      }
    })
  for await (const stored of rowsOf(database, mailbox, signal)) {
    const entry = rebuiltEntry(stored, clock.now())
    if (entry === 'damaged') unreadable += 1
    if (typeof entry === 'string' || isKnown(table, entry)) continue
    chunk.push(entry)
    added += 1
    if (chunk.length < CHUNK) continue
    write(chunk)
    chunk = []
  }
  write(chunk)
  ownership.transaction(() => table.putTally(count.tally))
  log.warn({ mailbox, added, unreadable }, 'the ledger was made anew from the mail that is there')
}

function isKnown(table: LedgerTable, { key }: LedgerEntry): boolean {
  const known = table.get(key)
  return known !== undefined && saysDurable(known)
}
