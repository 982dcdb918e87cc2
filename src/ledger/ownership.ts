/**
 * The fence of a mailbox inside a database (G11): an epoch that each new owner raises and each write transaction
 * checks, so that a drainer that was thought dead commits nothing. The lock file keeps two apart; this holds where the
 * lock did not (another path to the file, a copy of the lock's directory, a file system that lied).
 */
import { hostname } from 'node:os'
import { SinkError } from '../errors.ts'
import { mailboxKey } from '../identity.ts'
import type { SqliteDatabase } from './sqlite-database.ts'

export const ownerTableSql = `
  CREATE TABLE ledger_owner (
    mailbox TEXT PRIMARY KEY, mailbox_id TEXT NOT NULL,
    epoch INTEGER NOT NULL, batch INTEGER NOT NULL,
    host TEXT NOT NULL, pid INTEGER NOT NULL, at INTEGER NOT NULL
  )`

export class Ownership {
  readonly epoch: number
  readonly #database: SqliteDatabase
  readonly #mailbox: string
  #batch = 0

  private constructor(database: SqliteDatabase, mailbox: string, epoch: number) {
    this.#database = database
    this.#mailbox = mailbox
    this.epoch = epoch
  }

  /**
   * Takes the mailbox over: whoever owned it before commits nothing from here on.
   * @param options.mailbox mailbox id (src/identity.ts)
   * @param options.at wall clock, ms since 1970 UTC, for people who look
   */
  static claim(
    database: SqliteDatabase,
    options: { readonly mailbox: string; readonly at: number },
  ): Ownership {
    const mailbox = mailboxKey(options.mailbox)
    const epoch = database.transaction(() => {
      database
        .prepare(
          `INSERT INTO ledger_owner VALUES (?, ?, 1, 0, ?, ?, ?) ON CONFLICT (mailbox) DO UPDATE SET
           epoch = epoch + 1, batch = 0, host = excluded.host, pid = excluded.pid, at = excluded.at`,
        )
        .run([mailbox, options.mailbox, hostname(), process.pid, options.at])
      return Number(
        database.prepare('SELECT epoch FROM ledger_owner WHERE mailbox = ?').row([mailbox])?.[0],
      )
    })
    return new Ownership(database, mailbox, epoch)
  }

  /**
   * One transaction of the owner. Its batch number travels in it, so that a COMMIT with an unknown outcome is settled
   * by reading.
   * @throws SinkError MAILDRAIN_SINK_FENCED, and nothing is committed, when another has taken over
   */
  transaction(work: () => void): void {
    const batch = this.#batch + 1
    const committed = (): boolean => this.#lastBatch() === batch
    this.#database.transaction(() => {
      const owned = this.#database
        .prepare('UPDATE ledger_owner SET batch = ? WHERE mailbox = ? AND epoch = ?')
        .run([batch, this.#mailbox, this.epoch])
      if (owned !== 1) throw this.#fenced()
      work()
    }, committed)
    this.#batch = batch
  }

  /**
   * @throws SinkError MAILDRAIN_SINK_FENCED when another has taken over, MAILDRAIN_SINK_REFUSED when the file is not where
   * it was: what it holds is not to be had any more
   */
  confirm(): void {
    this.#database.assertInPlace()
    if (this.#lastBatch() === null) throw this.#fenced()
  }

  #lastBatch(): number | null {
    const row = this.#database
      .prepare('SELECT batch FROM ledger_owner WHERE mailbox = ? AND epoch = ?')
      .row([this.#mailbox, this.epoch])
    return row ? Number(row[0]) : null
  }

  #fenced(): SinkError {
    const row = this.#database
      .prepare('SELECT host, pid FROM ledger_owner WHERE mailbox = ?')
      .row([this.#mailbox])
    const owner = row ? `process ${String(row[1])} on ${String(row[0])}` : 'somebody'
    return new SinkError(
      'MAILDRAIN_SINK_FENCED',
      `${owner} has taken this mailbox over in ${this.#database.path}; nothing more is written or deleted here, let it finish`,
    )
  }
}
