/** The ledger of a damaged file, made anew of what is sound in it. The mail beside it is not touched. */
import { LedgerError } from '../errors.ts'
import type { Tally } from './ledger.ts'
import { COLUMNS, ROW_CELLS, entryOf, rowOf, unverifiedRows } from './ledger-row.ts'
import { LedgerTable } from './ledger-table.ts'
import { LEDGER_TABLES, ledgerSql } from './migrate.ts'
import { type Owner, putOwner, readOwner } from './ownership.ts'
import type { SqliteDatabase, SqlRow, SqlValue } from './sqlite-database.ts'

/** What is known of a mailbox beside its entries. */
interface Kept {
  readonly owner: Owner
  readonly tally: Tally | undefined
  readonly host: string | null
}

/**
 * Inside a transaction. What cannot be read is left out: it is missed at the next step.
 * @param source another handle of the file: once a page could not be read, nothing more can be written in its transaction
 * @throws LedgerError MAILDRAIN_LEDGER_DAMAGED when the file cannot be read at all
 */
export function salvage(database: SqliteDatabase, source: SqliteDatabase): void {
  const mailboxes = ifReadable([], () => mailboxesOf(source))
  const kept = mailboxes.flatMap((mailbox) => keptOf(source, mailbox))
  database.exec(`CREATE TEMP TABLE salvaged (mailbox, ${COLUMNS}, checksum)`)
  salvageEntries(database, source)
  strike(database)
  database.exec(ledgerSql)
  database.exec('INSERT OR IGNORE INTO ledger SELECT * FROM salvaged; DROP TABLE salvaged')
  for (const { owner, tally, host } of kept) {
    putOwner(database, owner)
    const table = new LedgerTable(database, { mailbox: owner.mailboxId })
    if (tally !== undefined) table.putTally(tally)
    if (host !== null) table.putHost(host)
  }
}

/** @throws LedgerError MAILDRAIN_LEDGER_DAMAGED for a row of any mailbox that is not what was written */
export function assertSound(database: SqliteDatabase): void {
  for (const row of rowsOf(database)) soundRow(row)
  for (const mailbox of mailboxesOf(database)) {
    const owner = readOwner(database, mailbox)
    const table = new LedgerTable(database, { mailbox: owner?.mailboxId ?? mailbox })
    for (const read of [() => table.tally, () => table.host]) read()
  }
}

function salvageEntries(database: SqliteDatabase, source: SqliteDatabase): void {
  const insert = database.prepare(`INSERT INTO salvaged VALUES (?${', ?'.repeat(ROW_CELLS)})`)
  ifReadable(undefined, () => {
    for (const row of rowsOf(source)) ifReadable(undefined, () => insert.run(soundRow(row)))
  })
}

/** Entries of all mailboxes: mailbox and checksum, as JSON, end each row. */
const rowsOf = (database: SqliteDatabase): Iterable<SqlRow> =>
  unverifiedRows(database, { table: 'ledger', extra: 'CAST(mailbox AS TEXT), checksum' })

function soundRow(row: SqlRow): SqlValue[] {
  const [mailbox, checksum] = row.slice(-2)
  return rowOf(
    String(mailbox),
    entryOf(String(mailbox), [...row.slice(0, -2), checksum ?? null], true),
  )
}

function mailboxesOf(database: SqliteDatabase): string[] {
  const statement = 'SELECT CAST(mailbox AS BLOB) FROM ledger_owner'
  return database
    .prepare(statement)
    .rows()
    .map(([cell]) => String(cell))
}

function keptOf(database: SqliteDatabase, mailbox: string): Kept[] {
  const owner = ifReadable(undefined, () => readOwner(database, mailbox))
  if (owner === undefined) return []
  const table = new LedgerTable(database, { mailbox: owner.mailboxId })
  const tally = ifReadable(undefined, () => (table.hasTally ? table.tally : undefined))
  return [{ owner, tally, host: ifReadable(null, () => table.host) }]
}

/** What is damaged is as if it were not there. */
function ifReadable<T>(otherwise: T, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof LedgerError && error.code === 'MAILDRAIN_LEDGER_DAMAGED') return otherwise
    throw error
  }
}

/**
 * The old tables are struck from the schema: DROP TABLE walks their pages to free them, and fails. Their pages stay unused until somebody runs VACUUM.
 */
function strike(database: SqliteDatabase): void {
  database.exec('PRAGMA writable_schema = ON')
  database
    .prepare('DELETE FROM sqlite_master WHERE tbl_name IN (SELECT value FROM json_each(?))')
    .run([JSON.stringify(LEDGER_TABLES)])
  database.exec('PRAGMA writable_schema = RESET')
}
