/**
 * At open: do the ledger and the table of mail speak of the same mail? Where they do not, nothing goes on unless it was asked
 * for: the ledger made anew from the mail that is there, or what is missing accepted.
 */
import type { Clock } from '../../clock.ts'
import { mailboxKey } from '../../identity.ts'
import { type LedgerEntry, saysDurable } from '../../ledger/ledger.ts'
import type { LedgerTable } from '../../ledger/ledger-table.ts'
import { lostLedger, missingEntries } from '../../ledger/lost.ts'
import { type Ownership, readOwner } from '../../ledger/ownership.ts'
import { rebuiltEntry } from '../rebuilt-entry.ts'
import type { SqliteDatabase } from '../../ledger/sqlite-database.ts'
import { TallyCount, prunedEntries } from '../../ledger/tally.ts'
import type { Logger } from '../../logger.ts'
import { verifyRecord } from '../verify-record.ts'
import { CheckedMail } from './checked-mail.ts'
import { hasMessagesTable, holdsMailOf, messagesTableSql } from './messages-table.ts'
import { rowsOf } from './read-back.ts'
import { isKeyIndexWhole, remakeMail } from './remake-mail.ts'

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

type Look = Pick<ReconcileOptions, 'database' | 'table' | 'mailbox'>

/**
 * Reads only, so that a file that is refused is as it was.
 * @throws LedgerError MAILDRAIN_LEDGER_LOST
 */
export function assertNothingLost(look: Look): void {
  const lost = whatIsLost(look)
  if (lost !== null) throw lostLedger('MAILDRAIN_LEDGER_LOST', lost)
}

/** What was asked for on the way on. Without either, `assertNothingLost` has found nothing. */
export async function reconcile(options: ReconcileOptions): Promise<void> {
  const { database, ownership, table, rebuild, acceptMissing } = options
  if ((rebuild || acceptMissing) && !hasMessagesTable(database))
    ownership.transaction(() => database.exec(messagesTableSql))
  if (rebuild) await rebuildLedger(options)
  else if (acceptMissing) {
    const { tally } = table
    const seen = prunedEntries(tally) + table.size
    ownership.transaction(() => table.putTally({ ...tally, seen }))
  } else if (!table.hasTally) ownership.transaction(() => table.putTally(table.tally))
}

/** Entries that somebody has removed, mail that nobody knows of, or the table of mail itself. */
function whatIsLost({ database, table, mailbox }: Look): string | null {
  const { path } = database
  if (!hasMessagesTable(database)) return `${path} has lost its table of mail`
  if (!table.hasTally)
    return table.size > 0 || holdsMailOf(database, mailbox)
      ? `${path} holds mail of ${mailbox}, and its ledger knows nothing of it`
      : null
  // Whoever took the mailbox over with an epoch from the beginning would be no fence against those before.
  if (readOwner(database, mailboxKey(mailbox)) === undefined)
    return `${path} does not say any more who the last owner of ${mailbox} was`
  const missing = missingEntries(table.tally, table.size)
  return missing > 0
    ? `${missing} of the entries of ${mailbox} are missing from the ledger in ${path}`
    : null
}

/**
 * Every row is read. What was lost is without a tally until it is done: whoever opens the file in between is refused. Where
 * nothing is lost, a row without an entry is one that was forgotten in order, and stays forgotten.
 */
async function rebuildLedger(options: ReconcileOptions): Promise<void> {
  const { database, ownership, table, mailbox, log } = options
  const isLost = whatIsLost(options) !== null
  const before = table.tally
  const seen = prunedEntries(before) + table.size
  // A row without an entry is one that was lost, or one that was forgotten.
  const count = new TallyCount({ ...before, seen }, table)
  if (isLost) ownership.transaction(() => table.removeTally())
  const checked = new CheckedMail(database)
  const { added, unreadable, torn } = await readMail(options, checked, isLost ? count : null)
  if (torn > 0 || !isKeyIndexWhole(database)) {
    log.warn({ mailbox, torn }, 'the table of mail is made anew of the rows that can be read')
    ownership.transaction(() => remakeMail(database))
  }
  const unborne = disown(options, checked)
  checked.drop()
  if (isLost) ownership.transaction(() => table.putTally(count.tally))
  log.warn(
    { mailbox, added, unreadable, unborne },
    'the ledger was made anew from the mail that is there',
  )
}

/** @param count null where no entry is to be added */
async function readMail(
  { database, ownership, table, mailbox, clock, signal }: ReconcileOptions,
  checked: CheckedMail,
  count: TallyCount | null,
): Promise<{ added: number; unreadable: number; torn: number }> {
  const found = { added: 0, unreadable: 0, torn: 0 }
  let chunk: LedgerEntry[] = []
  const write = () => {
    ownership.transaction(() => {
      for (const entry of chunk) {
        count?.put(entry.key, () => true)
        table.put(entry)
      }
    })
    chunk = []
  }
  for await (const stored of rowsOf(database, mailbox, signal)) {
    const entry = rebuiltEntry(stored, clock.now())
    if (stored.isTorn) found.torn += 1
    if (entry === 'damaged') {
      found.unreadable += 1
      checked.damaged(verifyRecord(stored).key)
    }
    if (typeof entry === 'string') continue
    checked.sound(entry.key)
    const known = table.get(entry.key)
    if (known !== undefined && saysDurable(known)) {
      if (known.place === null) chunk.push({ ...known, place: entry.place })
    } else if (count !== null) {
      chunk.push(entry)
      found.added += 1
    }
    if (chunk.length === CHUNK) write()
  }
  write()
  return found
}

/**
 * An entry whose message was not found sound keeps what it says, but for its place: without one it is not held, and what
 * is on the server still is delivered again before it may be deleted.
 */
function disown({ ownership, table, mailbox }: ReconcileOptions, checked: CheckedMail): number {
  let unborne = 0
  for (const keys of checked.unborne(mailbox)) {
    ownership.transaction(() => {
      for (const key of keys) {
        const entry = table.get(key)
        if (entry !== undefined) table.put({ ...entry, place: null })
      }
    })
    unborne += keys.length
  }
  return unborne
}
