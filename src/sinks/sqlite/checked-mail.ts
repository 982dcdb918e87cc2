/**
 * Which messages a reading of the whole table has found sound, in a temporary table: as many as there are rows, so memory
 * stays bounded.
 */
import { mailboxKey } from '../../identity.ts'
import type { SqliteDatabase } from '../../ledger/sqlite-database.ts'

const PAGE = 500

export class CheckedMail {
  readonly #database: SqliteDatabase

  constructor(database: SqliteDatabase) {
    this.#database = database
    database.exec('CREATE TEMP TABLE checked (key TEXT PRIMARY KEY, sound INTEGER) WITHOUT ROWID')
  }

  /** @param key K of a message whose first record is what it says */
  sound(key: string): void {
    this.#database.prepare('INSERT OR IGNORE INTO checked VALUES (?, 1)').run([key])
  }

  /** @param key K of a message one of whose records is not: the message is one unit (G4) */
  damaged(key: string): void {
    this.#database.prepare('INSERT OR REPLACE INTO checked VALUES (?, 0)').run([key])
  }

  /** Keys of entries that name a place where no sound message was found, some at once; they may be changed meanwhile. */
  *unborne(mailbox: string): Iterable<readonly string[]> {
    const page = this.#database.prepare(
      `SELECT key FROM ledger WHERE mailbox = ? AND key > ? AND place IS NOT NULL
         AND NOT EXISTS (SELECT 1 FROM checked WHERE checked.key = ledger.key AND sound)
       ORDER BY key LIMIT ${PAGE}`,
    )
    for (let after: string | undefined = ''; after !== undefined;) {
      const keys: string[] = page.rows([mailboxKey(mailbox), after]).map(([key]) => String(key))
      if (keys.length > 0) yield keys
      after = keys.at(-1)
    }
  }

  drop(): void {
    this.#database.exec('DROP TABLE checked')
  }
}
