/**
 * The table of mail made anew of the rows that can be read. A row on a page that cannot be read can neither be replaced nor
 * removed, so without this its message could never be written again.
 */
import { ifReadable, walkRows } from '../../ledger/row-walk.ts'
import { SqliteDatabase } from '../../ledger/sqlite-database.ts'
import { strike } from '../../ledger/strike.ts'
import { messagesTableSql } from './messages-table.ts'

/** Makes SQLite follow a row to its last octet: `record` is the last column. */
const TO_ITS_END = 'hex(substr(CAST(record AS BLOB), -1))'

/** Does the index of the keys lead to as many rows as there are? */
export function isKeyIndexWhole(database: SqliteDatabase): boolean {
  const count = (from: string) => Number(database.prepare(`SELECT count(*) ${from}`).row()?.[0])
  // Without a condition SQLite counts in whichever index is the smallest, whatever it is told.
  return ifReadable(
    false,
    () =>
      count("FROM messages INDEXED BY sqlite_autoindex_messages_1 WHERE key >= ''") ===
      count('FROM messages NOT INDEXED'),
  )
}

/** Inside a transaction. Needs as much room again as the mail takes; the old pages stay as they are, unused until VACUUM. */
export function remakeMail(database: SqliteDatabase): void {
  // Another handle looks first: once a page could not be read, nothing more can be written in its transaction.
  const source = SqliteDatabase.openReader(database.path, { busyTimeoutMs: 0 })
  try {
    // What views of others say of the table is meant for the new one.
    database.exec('PRAGMA legacy_alter_table = ON; ALTER TABLE messages RENAME TO messages_torn')
    database.exec('PRAGMA legacy_alter_table = OFF')
    strike(database, 'name', ['messages_sent_at'])
    database.exec(messagesTableSql)
    const copy = database.prepare(
      'INSERT OR IGNORE INTO messages SELECT * FROM messages_torn WHERE rowid = ?',
    )
    for (const { rowid, row } of walkRows(source, { table: 'messages', columns: TO_ITS_END }))
      if (row !== null) copy.run([rowid])
    strike(database, 'tbl_name', ['messages_torn'])
  } finally {
    source.close()
  }
}
