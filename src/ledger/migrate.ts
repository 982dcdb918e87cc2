/** From a ledger file of format 1, which had no checksums and no tally, to format 2. */
import { COLUMNS, ROW_CELLS, entryOf, rowOf, unverifiedRows } from './ledger-row.ts'
import { LedgerTable, hostTableSql, ledgerTableSql, tallyTableSql } from './ledger-table.ts'
import { type Owner, ownerTableSql, putOwner } from './ownership.ts'
import type { SqliteDatabase } from './sqlite-database.ts'

const META_SQL = `CREATE TABLE ledger_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)`

export const LEDGER_TABLES = [
  'ledger',
  'ledger_owner',
  'ledger_host',
  'ledger_tally',
  'ledger_meta',
] as const

/** Makes all of them. */
export const ledgerSql = `${META_SQL}; ${ownerTableSql}; ${hostTableSql}; ${tallyTableSql}; ${ledgerTableSql}`

/**
 * Inside a transaction, so that a crash leaves the file as it was. 3 s at 144,524 entries.
 * @throws LedgerError MAILDRAIN_LEDGER_DAMAGED for an entry that format 1 cannot have written
 */
export function migrate(database: SqliteDatabase): void {
  const mailboxes = earlierMailboxes(database)
  database.exec(`
    DROP TABLE ledger_owner; DROP TABLE IF EXISTS ledger_host;
    DROP INDEX ledger_uidl; DROP INDEX ledger_gone; ALTER TABLE ledger RENAME TO ledger_1;
    ${ownerTableSql}; ${hostTableSql}; ${tallyTableSql}; ${ledgerTableSql}`)
  copyEntries(database)
  database.exec('DROP TABLE ledger_1')
  for (const { owner, host } of mailboxes) {
    putOwner(database, owner)
    const table = new LedgerTable(database, { mailbox: owner.mailboxId })
    // From here on what is missing is missed.
    table.putTally(table.tally)
    if (host !== null) table.putHost(host)
  }
}

/** What a file of format 1 says of a mailbox beside its entries. */
export interface EarlierMailbox {
  readonly owner: Owner
  readonly host: string | null
}

export function earlierMailboxes(database: SqliteDatabase): EarlierMailbox[] {
  const owners = database
    .prepare(
      `SELECT CAST(mailbox AS BLOB), CAST(mailbox_id AS BLOB), CAST(host AS BLOB), CAST(epoch AS INTEGER),
       CAST(batch AS INTEGER), CAST(pid AS INTEGER), CAST(at AS INTEGER) FROM ledger_owner`,
    )
    .rows()
  const notes = notesOf(database)
  return owners.map((row) => {
    const [mailbox = '', mailboxId = '', host = ''] = row.map(String)
    const [epoch = 0, batch = 0, pid = 0, at = 0] = row.slice(3).map(Number)
    const owner = { mailbox, mailboxId, host, epoch, batch, pid, at }
    return { owner, host: notes.get(mailbox) ?? null }
  })
}

/** What was observed of the mail servers, by mailbox. */
function notesOf(database: SqliteDatabase): ReadonlyMap<string, string> {
  const table = database.prepare('SELECT 1 FROM sqlite_master WHERE name = ?').row(['ledger_host'])
  if (table === undefined) return new Map()
  const rows = database.prepare(
    'SELECT CAST(mailbox AS BLOB), CAST(notes AS BLOB) FROM ledger_host',
  )
  return new Map(rows.rows().map(([mailbox, notes]) => [String(mailbox), String(notes)]))
}

function copyEntries(database: SqliteDatabase): void {
  const insert = database.prepare(
    `INSERT INTO ledger (mailbox, ${COLUMNS}, checksum) VALUES (?${', ?'.repeat(ROW_CELLS)})`,
  )
  const query = { table: 'ledger_1', extra: 'CAST(mailbox AS TEXT)' }
  for (const row of unverifiedRows(database, query)) {
    const mailbox = String(row.at(-1))
    insert.run(rowOf(mailbox, entryOf(mailbox, row, false)))
  }
}
