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
import { TallyCount, withoutLost } from '../../ledger/tally.ts'
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
    ownership.transaction(() => table.putTally(withoutLost(table.tally, table)))
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
  if (table.isRecovering) return `making the ledger of ${mailbox} anew has not come to its end`
  const missing = missingEntries(table.tally, table.size)
  return missing > 0
    ? `${missing} of the entries of ${mailbox} are missing from the ledger in ${path}`
    : null
}

/**
 * Every row is read. Whoever opens the file before it is done is refused. Where
 * nothing is lost, a row without an entry is one that was forgotten in order, and stays forgotten.
 */
async function rebuildLedger(options: ReconcileOptions): Promise<void> {
  const { database, ownership, table, mailbox, log } = options
  const adds = whatIsLost(options) !== null
  // A row without an entry is one whose entry was lost, or forgotten in order.
  const count = new TallyCount(adds ? withoutLost(table.tally, table) : table.tally, table)
  const put = (entries: readonly LedgerEntry[]) =>
    ownership.transaction(() => {
      for (const entry of entries) {
        count.put({ entry, isBack: () => true })
        table.put(entry)
      }
      table.putTally(count.tally, { recovering: true })
    })
  put([])
  const checked = new CheckedMail(database)
  const { added, unreadable, torn } = await readMail({ ...options, checked, adds, put })
  if (torn > 0 || !isKeyIndexWhole(database)) {
    log.warn({ mailbox, torn }, 'the table of mail is made anew of the rows that can be read')
    ownership.transaction(() => remakeMail(database))
  }
  const unborne = disown({ ...options, checked, put })
  checked.drop()
  ownership.transaction(() => table.putTally(count.tally))
  log.warn(
    { mailbox, added, unreadable, unborne },
    'the ledger was made anew from the mail that is there',
  )
}

interface Remaking extends ReconcileOptions {
  readonly checked: CheckedMail
  /** In one transaction. */
  readonly put: (entries: readonly LedgerEntry[]) => void
}

/** @param adds entries for rows that have none */
async function readMail(
  remaking: Remaking & { readonly adds: boolean },
): Promise<{ added: number; unreadable: number; torn: number }> {
  const { database, table, mailbox, clock, signal, checked, adds, put } = remaking
  const found = { added: 0, unreadable: 0, torn: 0 }
  let chunk: LedgerEntry[] = []
  const write = () => {
    put(chunk)
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
    } else if (adds) {
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
function disown({ table, mailbox, checked, put }: Remaking): number {
  let unborne = 0
  for (const keys of checked.unborne(mailbox)) {
    put(keys.flatMap((key) => table.get(key) ?? []).map((entry) => ({ ...entry, place: null })))
    unborne += keys.length
  }
  return unborne
}
