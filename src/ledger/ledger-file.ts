/**
 * A SQLite file with a ledger in it: whose it is, which format it has, and how it is opened so that what the ledger
 * says is durable. A file that is something else is refused and not changed by a byte.
 */
import { closeSync, openSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { LedgerError, SinkError } from '../errors.ts'
import {
  FORMAT,
  assertHeader,
  assertMeta,
  assertOurHeader,
  foreign,
  formatOf,
  isBlank,
  isForeign,
  writeMeta,
} from './file-header.ts'
import { damaged } from './ledger-row.ts'
import { hostTableSql, tallyTableSql } from './ledger-table.ts'
import { LEDGER_TABLES, ledgerSql, migrate } from './migrate.ts'
import { assertSound, salvage } from './salvage.ts'
import { SqliteDatabase } from './sqlite-database.ts'
import { sqliteFailure } from './sqlite-error.ts'

export interface LedgerFileOptions {
  readonly busyTimeoutMs: number
  /** A damaged ledger is to be made anew of what is sound in it. */
  readonly repair?: boolean
  /** Tables of the data beside the ledger, run when the file is new. */
  readonly dataSql?: string
  /** Looks at the file before anything of it is changed for good: when it throws, the file is as it was. */
  readonly check?: (database: SqliteDatabase) => void
}

/**
 * The file's one name, whatever links lead to it, so that two ways to a file find one lock.
 * @throws SinkError when its directory is missing
 */
export function locateFile(path: string): string {
  const absolute = resolve(path)
  try {
    if (exists(absolute)) return realpathSync(absolute)
    return join(realpathSync(dirname(absolute)), basename(absolute))
  } catch (error) {
    throw sqliteFailure(error, `find the directory of ${absolute}`)
  }
}

/**
 * Refuses a file that is not maildrain's or that a newer maildrain wrote. Only looks: no lock, no roll-back, no
 * checkpoint, although all of these would be due when another program's file was left in the middle of something.
 */
export function assertOurs(path: string): void {
  if (!exists(path)) return
  const stats = statSync(path)
  if (!stats.isFile())
    throw new SinkError('MAILDRAIN_SINK_REFUSED', `${path} is not a file; name one`)
  if (stats.size > 0) attach(path, 'immutable=1', assertOurHeader).close()
}

/**
 * A ledger file to be looked at, by whoever does not own it: nothing of it is changed, nothing is made beside it, and no
 * lock is waited for. Tables are found by their names. Null when there is no such file, or it is empty.
 * @throws LedgerError as `assertOurs`
 */
export function openLedgerView(path: string): SqliteDatabase | null {
  assertOurs(path)
  if (fileSize(path) === 0) return null
  // With a log beside the file, its last commits are in the log; without one, SQLite would make an empty one to read.
  const database = attach(path, fileSize(`${path}-wal`) > 0 ? '' : 'immutable=1')
  try {
    // Files of before there were such tables have observed and counted nothing.
    if (!isChecked(database)) {
      if (!hasTable(database, 'ledger_host')) database.exec(hostTableSql)
      database.exec(tallyTableSql)
    }
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Of a view: has the file checksums, or is it one of format 1? */
export const isChecked = (view: SqliteDatabase): boolean => formatOf(view, 'probe.') > 1

const hasTable = (view: SqliteDatabase, name: string): boolean =>
  view.prepare('SELECT 1 FROM probe.sqlite_master WHERE name = ?').row([name]) !== undefined

/** The file as `probe` beside an empty database in memory, for reading only. */
function attach(path: string, parameters: string, assert = assertHeader): SqliteDatabase {
  const memory = SqliteDatabase.openMemory()
  try {
    // Through SQLite, not read(2): closing a descriptor of ours would drop the locks that this process may have on it.
    const uri = `${pathToFileURL(path).href}?mode=ro&${parameters}`
    memory.prepare('ATTACH ? AS probe').run([uri])
    assert(memory, path, 'probe.')
    return memory
  } catch (error) {
    memory.close()
    if (error instanceof LedgerError && error.code === 'MAILDRAIN_LEDGER_FOREIGN')
      throw isForeign(error) ? error : foreign(path, 'is not a SQLite database', error)
    throw error
  }
}

const fileSize = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

/** Opens the file, and makes it, mode 0600, when it is not there. The caller holds the lock of its mailbox. */
export function openLedgerFile(path: string, options: LedgerFileOptions): SqliteDatabase {
  assertOurs(path)
  if (fileSize(path) === 0) assertNoLog(path)
  if (!exists(path)) createPrivate(path)
  return SqliteDatabase.openDurable(path, {
    busyTimeoutMs: options.busyTimeoutMs,
    create: (database) => {
      try {
        database.transaction(() => prepare(database, path, options))
        if (options.repair === true) assertSound(database)
      } catch (error) {
        if (options.repair !== true || !isDamage(error)) throw error
        repair(database, path, options.busyTimeoutMs)
      }
      makeDurable(database)
    },
  })
}

/** Makes of a new file one of ours, and of an older one one of this format. */
function prepare(database: SqliteDatabase, path: string, options: LedgerFileOptions): void {
  if (isBlank(database)) initialize(database, options.dataSql ?? '')
  assertHeader(database, path)
  assertMeta(database, path)
  if (formatOf(database) < FORMAT) {
    migrate(database)
    writeMeta(database)
  }
  assertWhole(database, path)
  options.check?.(database)
}

function repair(database: SqliteDatabase, path: string, busyTimeoutMs: number): void {
  const source = SqliteDatabase.openReader(path, { busyTimeoutMs })
  try {
    database.transaction(() => {
      assertOurHeader(database, path)
      salvage(database, source)
      writeMeta(database)
      assertWhole(database, path)
    })
  } finally {
    source.close()
  }
}

const isDamage = (error: unknown): boolean =>
  error instanceof LedgerError && error.code === 'MAILDRAIN_LEDGER_DAMAGED'

function initialize(database: SqliteDatabase, dataSql: string): void {
  database.exec(`${ledgerSql} ${dataSql}`)
  writeMeta(database)
}

/**
 * Pages that cannot be read, rows that an index does not lead to: SQLite answers all the same, with less than there is. Only
 * the ledger's tables are looked at, 0.3 s at 144,524 entries; in the table of mail it would be every byte.
 */
function assertWhole(database: SqliteDatabase, path: string): void {
  for (const table of LEDGER_TABLES) {
    const [cell] =
      database
        .prepare('SELECT CAST(integrity_check AS BLOB) FROM pragma_integrity_check(?)')
        .row([table]) ?? []
    const found = String(cell)
    if (found !== 'ok') throw damaged(`the ledger in ${path} is damaged (${found})`)
  }
}

/**
 * What a process wrote and did not live to sync is in the log all the same, and would be believed. A checkpoint syncs
 * it, and writes it anew into the main file where a failed fsync had left pages that only look clean. Readers may make
 * it incomplete; then the commit that takes the ownership syncs the log.
 */
function makeDurable(database: SqliteDatabase): void {
  database.prepare('PRAGMA wal_checkpoint(PASSIVE)').row()
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

/**
 * A log whose file is not there, or empty: SQLite would begin a new file and throw the log away, and the last commits may be
 * nowhere else.
 * @throws LedgerError MAILDRAIN_LEDGER_LOST
 */
function assertNoLog(path: string): void {
  const log = `${path}-wal`
  if (fileSize(log) === 0) return
  throw new LedgerError(
    'MAILDRAIN_LEDGER_LOST',
    `${log} holds commits of a file that is not there any more; put ${path} back beside it, move the log to where the file is now, or remove it if its last commits are not wanted`,
  )
}

/** The file holds people's mail. */
function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return
    throw sqliteFailure(error, `create ${path}`)
  }
}
