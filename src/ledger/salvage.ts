/** The ledger of a damaged file, made anew of what is sound in it. The mail beside it is not touched. */
import type { Tally } from './ledger.ts'
import {
  COLUMNS,
  ROW_CELLS,
  UNVERIFIED_SUM,
  entryOf,
  readableRows,
  rowOf,
  unverifiedRows,
} from './ledger-row.ts'
import { LedgerTable } from './ledger-table.ts'
import { LEDGER_TABLES, earlierMailboxes, ledgerSql } from './migrate.ts'
import { type Owner, putOwner, readOwner } from './ownership.ts'
import { ifReadable } from './row-walk.ts'
import type { SqliteDatabase, SqlRow, SqlValue } from './sqlite-database.ts'
import { strike } from './strike.ts'
import { NOTHING_SEEN, tallyOf } from './tally.ts'

/** What is known of a mailbox beside its entries. */
interface Kept {
  readonly owner: Owner
  readonly tally: Tally | undefined
  readonly recovering: boolean
  readonly host: string | null
}

/**
 * Inside a transaction. What cannot be read is left out: it is missed at the next step.
 * @param source another handle of the file: once a page could not be read, nothing more can be written in its transaction
 * @throws LedgerError MAILDRAIN_LEDGER_DAMAGED when the file cannot be read at all
 */
export function salvage(database: SqliteDatabase, source: SqliteDatabase): void {
  const checked = hasChecksums(source)
  database.exec(`CREATE TEMP TABLE salvaged (mailbox, ${COLUMNS}, checksum)`)
  const rows = salvageEntries(database, source, checked)
  const kept = checked ? mailboxesIn(source) : earlierOnes(source, rows)
  strike(database, 'tbl_name', LEDGER_TABLES)
  database.exec(ledgerSql)
  database.exec('INSERT OR IGNORE INTO ledger SELECT * FROM salvaged; DROP TABLE salvaged')
  for (const { owner, tally, recovering, host } of kept) {
    putOwner(database, owner)
    const table = new LedgerTable(database, { mailbox: owner.mailboxId })
    // An earlier format has counted nothing: what was delivered is what has an entry.
    const delivered = checked ? tally?.delivered : tallyOf(table).delivered
    if (tally !== undefined && delivered !== undefined)
      table.putTally({ ...tally, delivered }, { recovering })
    if (host !== null) table.putHost(host)
  }
}

/** By what the table is, not by what the file says: its header may be what is damaged. */
const hasChecksums = (source: SqliteDatabase): boolean =>
  ifReadable(true, () => {
    const statement = `SELECT count(*), total(name = 'checksum') FROM pragma_table_info('ledger')`
    const [columns, checksums] = source.prepare(statement).row() ?? []
    return Number(columns) === 0 || Number(checksums) > 0
  })

/** @throws LedgerError MAILDRAIN_LEDGER_DAMAGED for a row of any mailbox that is not what was written */
export function assertSound(database: SqliteDatabase): void {
  for (const row of unverifiedRows(database, entries(true))) soundRow(row, true)
  for (const mailbox of mailboxesOf(database)) {
    const owner = readOwner(database, mailbox)
    const table = new LedgerTable(database, { mailbox: owner?.mailboxId ?? mailbox })
    for (const read of [() => table.tally, () => table.host]) read()
  }
}

/** @returns rows of each mailbox, readable or not; null when it is not known of each whose it is */
function salvageEntries(
  database: SqliteDatabase,
  source: SqliteDatabase,
  checked: boolean,
): ReadonlyMap<string, number> | null {
  const insert = database.prepare(`INSERT INTO salvaged VALUES (?${', ?'.repeat(ROW_CELLS)})`)
  const found = new Map<string, number>()
  return ifReadable(null, () => {
    let isWhole = true
    for (const row of readableRows(source, entries(checked))) {
      if (row === null) {
        isWhole = false
        continue
      }
      const mailbox = String(row.at(-2))
      found.set(mailbox, (found.get(mailbox) ?? 0) + 1)
      ifReadable(undefined, () => insert.run(soundRow(row, checked)))
    }
    return isWhole ? found : null
  })
}

/** Of all mailboxes: mailbox and checksum end each row. */
const entries = (checked: boolean) => ({
  table: 'ledger',
  extra: `CAST(mailbox AS TEXT), ${checked ? UNVERIFIED_SUM : 'NULL'}`,
})

function soundRow(row: SqlRow, checked: boolean): SqlValue[] {
  const [mailbox, checksum] = row.slice(-2)
  const cells = [...row.slice(0, -2), checksum ?? null]
  return rowOf(String(mailbox), entryOf(String(mailbox), cells, checked))
}

/**
 * Of format 1, which did not count: what is counted now are its rows, damaged ones too, so that their loss is noticed. Where
 * these are not known nothing is counted, and the mailbox asks for the mail that is there at its next open.
 */
const earlierOnes = (source: SqliteDatabase, rows: ReadonlyMap<string, number> | null): Kept[] =>
  ifReadable([], () => earlierMailboxes(source)).map(({ owner, host }) => ({
    ...{ owner, host },
    tally: rows === null ? undefined : { ...NOTHING_SEEN, seen: rows.get(owner.mailbox) ?? 0 },
    recovering: false,
  }))

const mailboxesIn = (source: SqliteDatabase): Kept[] =>
  ifReadable([], () => mailboxesOf(source)).flatMap((mailbox) => keptOf(source, mailbox))

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
  const recovering = ifReadable(true, () => table.isRecovering)
  return [{ owner, tally, recovering, host: ifReadable(null, () => table.host) }]
}
