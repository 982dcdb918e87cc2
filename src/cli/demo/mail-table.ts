/** The demo's view into the database of the drain: how much is in it, and whether it is what the mailbox held. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { messageKey } from '../../identity.ts'
import { SqliteDatabase } from '../../ledger/sqlite-database.ts'
import type { Mailbox } from '../../testing/index.ts'

export interface Comparison {
  readonly equal: number
  readonly lost: number
  readonly duplicated: number
}

/** Between two turns of the event loop, while hundreds of thousands are compared. */
const STEP = 500

export class MailTable {
  readonly #path: string
  #database: SqliteDatabase | undefined

  constructor(path: string) {
    this.#path = path
  }

  /** Messages in the table; rows are never removed, so the highest rowid counts them. 0 while there is no table. */
  count(): number {
    try {
      return Number(this.#open()?.prepare('SELECT max(rowid) FROM messages').row()?.[0] ?? 0)
    } catch {
      // The drain is only just making the file.
      this.close()
      return 0
    }
  }

  /** Each message of the mailbox by its key, its bytes hashed again: what the table says of them is not believed. */
  async compare(mailbox: Mailbox, mailboxId: string): Promise<Comparison> {
    const database = this.#open()
    const find = database?.prepare('SELECT raw FROM messages WHERE key = ?')
    let equal = 0
    for (let index = 0; index < mailbox.size; index += 1) {
      const message = mailbox.message(index)
      const sha256 = sha256Of(message.read())
      const raw = find?.row([messageKey(mailboxId, message.uidl, sha256)])?.[0]
      if (Buffer.isBuffer(raw) && sha256Of(raw) === sha256) equal += 1
      if (index % STEP === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    const rows = Number(database?.prepare('SELECT count(*) FROM messages').row()?.[0] ?? 0)
    return { equal, lost: mailbox.size - equal, duplicated: rows - equal }
  }

  close(): void {
    this.#database?.close()
    this.#database = undefined
  }

  #open(): SqliteDatabase | undefined {
    if (this.#database === undefined && existsSync(this.#path))
      this.#database = SqliteDatabase.openReader(this.#path, { busyTimeoutMs: 1000 })
    return this.#database
  }
}

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
