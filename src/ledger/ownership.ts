/**
 * The fence of a mailbox inside a database (G11): an epoch that each new owner raises and each write transaction
 * checks, so that a drainer that was thought dead commits nothing. The lock file keeps two apart; this holds where the
 * lock did not (a lock file that was removed, a file system that lied), but only between those who share the file's log:
 * under a second name of the file there is a second one (one-name.ts).
 */
import { hostname } from 'node:os'
import { type LedgerError, SinkError } from '../errors.ts'
import { mailboxKey } from '../identity.ts'
import { checksumOf } from './checksum.ts'
import { damaged, wholeMs } from './ledger-row.ts'
import type { SqliteDatabase, SqlRow } from './sqlite-database.ts'

export const ownerTableSql = `
  CREATE TABLE ledger_owner (
    mailbox TEXT PRIMARY KEY, mailbox_id TEXT NOT NULL,
    epoch INTEGER NOT NULL, batch INTEGER NOT NULL,
    host TEXT NOT NULL, pid INTEGER NOT NULL, at INTEGER NOT NULL, checksum INTEGER NOT NULL
  )`

/** A row without its checksum. */
export interface Owner {
  /** M (src/identity.ts). */
  readonly mailbox: string
  readonly mailboxId: string
  readonly epoch: number
  readonly batch: number
  readonly host: string
  readonly pid: number
  readonly at: number
}

const cellsOf = (owner: Owner): (string | number)[] => [
  ...[owner.mailbox, owner.mailboxId, owner.epoch, owner.batch, owner.host, owner.pid, owner.at],
]

const sumOf = (owner: Owner): number => checksumOf(cellsOf(owner))

export class Ownership {
  readonly epoch: number
  readonly #database: SqliteDatabase
  #owner: Owner

  private constructor(database: SqliteDatabase, owner: Owner) {
    this.#database = database
    this.#owner = owner
    this.epoch = owner.epoch
  }

  /**
   * Takes the mailbox over: whoever owned it before commits nothing from here on.
   * @param options.mailbox mailbox id (src/identity.ts)
   * @param options.at wall clock, ms since 1970 UTC, for people who look
   * @param options.above an epoch that nobody has reached, where that of the last owner is not known
   * @throws LedgerError MAILDRAIN_LEDGER_DAMAGED
   */
  static claim(
    database: SqliteDatabase,
    options: { readonly mailbox: string; readonly at: number; readonly above?: number },
  ): Ownership {
    const mailbox = mailboxKey(options.mailbox)
    const owner = database.transaction(() => {
      const before = readOwner(database, mailbox)
      const claimed = {
        ...{
          mailbox,
          mailboxId: options.mailbox,
          epoch: (before?.epoch ?? options.above ?? 0) + 1,
          batch: 0,
        },
        ...{ host: hostname(), pid: process.pid, at: wholeMs(options.at) },
      }
      putOwner(database, claimed)
      return claimed
    })
    return new Ownership(database, owner)
  }

  /**
   * One transaction of the owner. Its batch number travels in it, so that a COMMIT with an unknown outcome is settled
   * by reading.
   * @throws SinkError MAILDRAIN_SINK_FENCED, and nothing is committed, when another has taken over
   */
  transaction(work: () => void): void {
    const { mailbox, epoch } = this.#owner
    const next = { ...this.#owner, batch: this.#owner.batch + 1 }
    const committed = (): boolean => {
      const [epochNow, batchNow] = this.#row() ?? []
      return epochNow === epoch && batchNow === next.batch
    }
    this.#database.transaction(() => {
      const owned = this.#database
        .prepare('UPDATE ledger_owner SET batch = ?, checksum = ? WHERE mailbox = ? AND epoch = ?')
        .run([next.batch, sumOf(next), mailbox, epoch])
      if (owned !== 1) throw this.#fenced()
      work()
    }, committed)
    this.#owner = next
  }

  /**
   * @throws SinkError MAILDRAIN_SINK_FENCED when another has taken over, MAILDRAIN_SINK_REFUSED when the file is not where
   * it was: what it holds is not to be had any more
   */
  confirm(): void {
    this.#database.assertInPlace()
    const [epoch, , , , checksum] = this.#row() ?? []
    if (epoch !== this.epoch) throw this.#fenced()
    if (checksum !== sumOf(this.#owner)) throw ownerDamaged(this.#database)
  }

  #row(): SqlRow | undefined {
    return this.#database
      .prepare(
        `SELECT CAST(epoch AS INTEGER), CAST(batch AS INTEGER), CAST(host AS BLOB), CAST(pid AS INTEGER),
         CAST(checksum AS INTEGER) FROM ledger_owner WHERE mailbox = ?`,
      )
      .row([this.#owner.mailbox])
  }

  #fenced(): SinkError {
    const row = this.#row()
    const owner = row ? `process ${String(row[3])} on ${String(row[2])}` : 'somebody'
    return new SinkError(
      'MAILDRAIN_SINK_FENCED',
      `${owner} has taken this mailbox over in ${this.#database.path}; nothing more is written or deleted here, let it finish`,
    )
  }
}

/** @throws LedgerError MAILDRAIN_LEDGER_DAMAGED */
export function readOwner(database: SqliteDatabase, mailbox: string): Owner | undefined {
  const row = database
    .prepare(
      `SELECT CAST(mailbox_id AS BLOB), CAST(host AS BLOB), CAST(epoch AS INTEGER), CAST(batch AS INTEGER),
       CAST(pid AS INTEGER), CAST(at AS INTEGER), CAST(checksum AS INTEGER)
       FROM ledger_owner WHERE mailbox = ?`,
    )
    .row([mailbox])
  if (row === undefined) return undefined
  const [mailboxId, host] = row.map(String)
  const [, , epoch, batch, pid, at, checksum] = row
  const owner = { mailbox, mailboxId, epoch, batch, host, pid, at } as Owner
  if (checksum !== sumOf(owner)) throw ownerDamaged(database)
  return owner
}

/** Inside a transaction. */
export function putOwner(database: SqliteDatabase, owner: Owner): void {
  database
    .prepare('INSERT OR REPLACE INTO ledger_owner VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
    .run([...cellsOf(owner), sumOf(owner)])
}

const ownerDamaged = ({ path }: SqliteDatabase): LedgerError =>
  damaged(`what ${path} says of the owner of the mailbox is not what was written`)
