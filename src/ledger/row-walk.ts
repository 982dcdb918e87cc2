/**
 * Rows of a table one by one, also of a table with pages that cannot be read: what lies behind them is reached by asking
 * for each rowid by itself. Rowids are dense unless somebody has deleted rows.
 */
import { LedgerError, MaildrainError } from '../errors.ts'
import type { SqliteDatabase, SqlRow, SqlValue } from './sqlite-database.ts'

export interface RowQuery {
  readonly table: string
  /** Expressions behind the rowid. */
  readonly columns: string
  /** SQL behind WHERE, and its parameters. */
  readonly filter?: string
  readonly parameters?: readonly SqlValue[]
}

export interface WalkedRow {
  readonly rowid: number
  /** The rowid, then the columns; null where it cannot be read, and then nobody knows whether the filter takes it. */
  readonly row: SqlRow | null
}

/**
 * No statement is open between two rows, so that the owner may write in between. Not inside a transaction that is to write:
 * after a page that could not be read SQLite takes nothing more.
 * @throws LedgerError MAILDRAIN_LEDGER_DAMAGED when not even the last rowid can be found
 */
export function* walkRows(database: SqliteDatabase, query: RowQuery): Iterable<WalkedRow> {
  const { table, columns, filter = 'TRUE', parameters = [] } = query
  const select = `SELECT rowid, ${columns} FROM ${table} WHERE ${filter} AND`
  const next = database.prepare(`${select} rowid > ? ORDER BY rowid LIMIT 1`)
  const one = database.prepare(`${select} rowid = ?`)
  let last: number | undefined
  for (let after = Number.MIN_SAFE_INTEGER; ;) {
    const found = ifReadable(null, () => next.row([...parameters, after]))
    if (found === undefined) return
    if (found !== null) {
      after = Number(found[0])
      yield { rowid: after, row: found }
      continue
    }
    last ??= lastRowid(database, table)
    // Up to the one that the walk stumbled over.
    for (let stumbled = false; !stumbled;) {
      after = Math.max(after, 0) + 1
      if (after > last) return
      const row = ifReadable(null, () => one.row([...parameters, after]))
      if (row !== undefined) yield { rowid: after, row }
      stumbled = row === null
    }
  }
}

function lastRowid(database: SqliteDatabase, table: string): number {
  const found = ifReadable(null, () => database.prepare(`SELECT max(rowid) FROM ${table}`).row())
  // Its page cannot be read either: the key's index names each row as well.
  const row =
    found ??
    database
      .prepare(`SELECT max(+rowid) FROM ${table} INDEXED BY sqlite_autoindex_${table}_1`)
      .row()
  return Number(row?.[0] ?? 0)
}

/** What is damaged is as if it were not there. A cell whose length is damaged may be longer than SQLite takes. */
export function ifReadable<T, O>(otherwise: O, read: () => T): T | O {
  try {
    return read()
  } catch (error) {
    if (error instanceof LedgerError && error.code === 'MAILDRAIN_LEDGER_DAMAGED') return otherwise
    if (error instanceof MaildrainError && error.code === 'MAILDRAIN_SINK_RECORD_TOO_LARGE')
      return otherwise
    throw error
  }
}
