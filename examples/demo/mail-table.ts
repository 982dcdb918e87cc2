/** The demo's view into the database of the drain. */
import { existsSync } from 'node:fs'
import { messageKey } from '../../src/identity.ts'
import { SqliteDatabase } from '../../src/ledger/sqlite-database.ts'
import type { Mailbox } from '../../src/testing/index.ts'
import { type Comparison, type Destination, breathe, sha256Of } from './destination.ts'

/** Messages between two turns of the event loop. */
const STEP = 500

export class MailTable implements Destination {
  readonly to: string
  readonly shown: string
  readonly lookMs = 50
  readonly #path: string
  #database: SqliteDatabase | undefined

  /** @param shown the path as the user should see it */
  constructor(path: string, shown: string) {
    this.#path = path
    this.to = `sqlite:${path}`
    this.shown = shown
  }

  /** Rows are never removed, so the highest rowid counts them. 0 while there is no table. */
  async count(): Promise<number> {
    try {
      return Number(this.#open()?.prepare('SELECT max(rowid) FROM messages').row()?.[0] ?? 0)
    } catch {
      // The drain is only just making the file.
      await this.close()
      return 0
    }
  }

  progress(): Promise<number> {
    return this.count()
  }

  async compare(mailbox: Mailbox, mailboxId: string): Promise<Comparison> {
    const database = this.#open()
    const find = database?.prepare('SELECT raw FROM messages WHERE key = ?')
    let equal = 0
    for (let index = 0; index < mailbox.size; index += 1) {
      const message = mailbox.message(index)
      const sha256 = sha256Of(message.read())
      const raw = find?.row([messageKey(mailboxId, message.uidl, sha256)])?.[0]
      if (Buffer.isBuffer(raw) && sha256Of(raw) === sha256) equal += 1
      if (index % STEP === 0) await breathe()
    }
    const rows = Number(database?.prepare('SELECT count(*) FROM messages').row()?.[0] ?? 0)
    return { equal, lost: mailbox.size - equal, duplicated: rows - equal }
  }

  look(): Promise<string> {
    return Promise.resolve(
      `look sqlite3 ${this.shown} 'select sent_at, subject from messages limit 10'`,
    )
  }

  close(): Promise<void> {
    this.#database?.close()
    this.#database = undefined
    return Promise.resolve()
  }

  #open(): SqliteDatabase | undefined {
    if (this.#database === undefined && existsSync(this.#path))
      this.#database = SqliteDatabase.openReader(this.#path, { busyTimeoutMs: 1000 })
    return this.#database
  }
}
