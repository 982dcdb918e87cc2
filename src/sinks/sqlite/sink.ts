/**
 * SQLite as a destination: mail and ledger in one file, each batch one transaction (G5), fenced by a lock beside the
 * file and by an epoch that every transaction checks (G11).
 */
import { z } from 'zod'
import { ConfigError, MaildrainError, BatchError } from '../../errors.ts'
import { mailboxKey } from '../../identity.ts'
import type { Ledger, LedgerEntry } from '../../ledger/ledger.ts'
import {
  assertOurs,
  isChecked,
  locateFile,
  openLedgerFile,
  openLedgerView,
} from '../../ledger/ledger-file.ts'
import { LedgerTable } from '../../ledger/ledger-table.ts'
import { assertOneName } from '../../ledger/one-name.ts'
import { type Lock, acquireLock } from '../../ledger/lock.ts'
import { Ownership } from '../../ledger/ownership.ts'
import type { SqliteDatabase } from '../../ledger/sqlite-database.ts'
import { TallyCount, supersededBy, unfetchedAmong } from '../../ledger/tally.ts'
import { openPatiently } from '../patience.ts'
import type {
  Batch,
  BatchMessage,
  LedgerView,
  PeekContext,
  Sink,
  SinkContext,
  StoredRecord,
} from '../sink.ts'
import { type MessageRow, hasRow, insertRow, messagesTableSql, rowOf } from './messages-table.ts'
import {
  type ResolvedSqliteSinkOptions,
  type SqliteSinkOptions,
  sqliteSinkOptions,
} from './options.ts'
import { readRows } from './read-back.ts'
import { assertNothingLost, reconcile } from './reconcile.ts'

/** SQLite holds 10^9 bytes in a row, and JSON may write a byte of text as six. */
const MAX_RECORD_BYTES = 128 * 1024 * 1024

interface Opened {
  readonly database: SqliteDatabase
  readonly ownership: Ownership
  readonly table: LedgerTable
}

interface Prepared extends Pick<BatchMessage, 'entry' | 'records'> {
  readonly rows: readonly MessageRow[]
}

export class SqliteSink implements Sink {
  readonly name = 'sqlite'
  readonly durability = 'committed'
  readonly guarantee = 'exactly-once'
  readonly maxInFlight = 1
  readonly maxRecordBytes = MAX_RECORD_BYTES
  readonly #options: ResolvedSqliteSinkOptions
  #lock: Lock | undefined
  #opened: Opened | undefined

  /** @throws ConfigError naming every option that is wrong */
  constructor(options: SqliteSinkOptions) {
    const result = sqliteSinkOptions.safeParse(options)
    if (!result.success)
      throw new ConfigError('MAILDRAIN_CONFIG_INVALID', `sqlite: ${z.prettifyError(result.error)}`)
    this.#options = result.data
  }

  get destination(): string {
    return `sqlite:${this.#options.path}`
  }

  get ledger(): Ledger {
    return this.#open.table
  }

  async open(context: SinkContext): Promise<void> {
    const path = locateFile(this.#options.path)
    // Before the lock, so that nothing at all is left beside a file that is not ours.
    assertOurs(path)
    assertOneName(path)
    this.#lock = acquireLock(`${path}.${mailboxKey(context.mailbox)}.lock`, {
      what: `mailbox ${context.mailbox} into ${path}`,
      log: context.log,
    })
    await openPatiently(context, this.#options.openPatienceMs, async () => {
      this.#opened = await this.#openFile(path, context)
    })
  }

  async peek({ mailbox }: PeekContext): Promise<LedgerView | null> {
    await Promise.resolve()
    const database = openLedgerView(locateFile(this.#options.path))
    if (database === null) return null
    const ledger = tableOf(database, mailbox, isChecked(database))
    const close = () => database.close()
    try {
      ledger.verify()
      return { ledger, close }
    } catch (error) {
      close()
      throw error
    }
  }

  readBack(context: PeekContext): AsyncIterable<StoredRecord> {
    return readRows(locateFile(this.#options.path), context)
  }

  /** One transaction: rows and ledger entries of every message that can be written, or nothing. */
  async write(batch: Batch): Promise<void> {
    await Promise.resolve()
    const { database, ownership, table } = this.#open
    const failures = new Map<number, MaildrainError>()
    const prepared = batch.messages.flatMap((message, index) => prepare(message, index, failures))
    const unfetched = unfetchedAmong(batch.tombstones)
    const superseded = new Set(prepared.flatMap(({ entry }) => supersededBy(entry, unfetched)))
    ownership.transaction(() => {
      const count = new TallyCount(table.tally, table)
      for (const { entry, records, rows } of prepared) {
        count.put({ entry, records, isBack: () => hasRow(database, entry.key) })
        for (const row of rows) insertRow(database, row)
        table.put(entry)
      }
      for (const key of batch.tombstones)
        if (count.forget(key, superseded.has(key))) table.remove(key)
      if (batch.host !== undefined) table.putHost(batch.host)
      count.vanish(batch.vanished ?? 0)
      table.putTally(count.tally)
    })
    if (failures.size > 0) throw new BatchError(failures)
  }

  async confirmOwner(): Promise<void> {
    await Promise.resolve()
    this.#open.ownership.confirm()
  }

  async close(): Promise<void> {
    await Promise.resolve()
    this.#opened?.database.close()
    this.#lock?.release()
    this.#opened = undefined
    this.#lock = undefined
  }

  async #openFile(path: string, context: SinkContext): Promise<Opened> {
    const { mailbox, clock, rebuildLedger: rebuild = false, acceptMissing = false } = context
    const database = openLedgerFile(path, {
      busyTimeoutMs: this.#options.busyTimeoutMs,
      ...{ dataSql: messagesTableSql, repair: rebuild },
      check(opened) {
        const table = tableOf(opened, mailbox)
        table.verify()
        if (!rebuild && !acceptMissing) assertNothingLost({ database: opened, table, mailbox })
      },
    })
    try {
      const at = clock.now()
      const ownership = Ownership.claim(database, {
        ...{ mailbox, at },
        ...(rebuild || acceptMissing ? { above: Math.floor(at / 1000) } : {}),
      })
      const table = tableOf(database, mailbox)
      await reconcile({ ...context, database, ownership, table, rebuild, acceptMissing })
      return { database, ownership, table }
    } catch (error) {
      database.close()
      throw error
    }
  }

  get #open(): Opened {
    if (this.#opened === undefined)
      throw new MaildrainError('MAILDRAIN_INTERNAL', `${this.destination} was used while not open`)
    return this.#opened
  }
}

function tableOf(database: SqliteDatabase, mailbox: string, checked = true): LedgerTable {
  // A row that somebody removed is not at the destination any more, and one that was found damaged has lost its place: such a
  // message is not known (G5).
  const holds = ({ key, place }: LedgerEntry) => place !== null && hasRow(database, key)
  return new LedgerTable(database, { mailbox, holds, checked })
}

/** Rows are made before the transaction begins, so that a record that cannot be one fails alone. */
function prepare(
  { entry, records }: BatchMessage,
  index: number,
  failures: Map<number, MaildrainError>,
): Prepared[] {
  try {
    const rows = records.map(rowOf)
    const place = rows.length > 0 ? 'messages' : entry.place
    return [{ entry: { ...entry, place }, records, rows }]
  } catch (error) {
    if (!(error instanceof MaildrainError)) throw error
    failures.set(index, error)
    return []
  }
}
