/**
 * A SQLite file with a ledger in it: whose it is, which format it has, and how it is opened so that what the ledger
 * says is durable. A file that is something else is refused and not changed by a byte.
 */
import { randomUUID } from 'node:crypto'
import { closeSync, openSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { LedgerError, SinkError } from '../errors.ts'
import { checksumOf } from './checksum.ts'
import { damaged } from './ledger-row.ts'
import { hostTableSql, tallyTableSql } from './ledger-table.ts'
import { LEDGER_TABLES, ledgerSql, migrate } from './migrate.ts'
import { assertSound, salvage } from './salvage.ts'
import { type SqlCell, SqliteDatabase } from './sqlite-database.ts'
import { sqliteFailure } from './sqlite-error.ts'

/** `mldr` in the file's header (sqlite.org/fileformat2.html, offset 68). */
export const APPLICATION_ID = 0x6d6c6472

/** Version of the tables, also in the header (offset 60). Raised when an older maildrain would misread them. */
export const FORMAT = 2

export interface LedgerFileOptions {
  readonly busyTimeoutMs: number
  /** A damaged ledger is to be made anew of what is sound in it. */
  readonly repair?: boolean
  /** Tables of the data beside the ledger, run when the file is new. */
  readonly dataSql?: string
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
  if (stats.size === 0) return
  attach(path, 'immutable=1').close()
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
export const isChecked = (view: SqliteDatabase): boolean =>
  number(view, 'PRAGMA probe.user_version') > 1

const hasTable = (view: SqliteDatabase, name: string): boolean =>
  view.prepare('SELECT 1 FROM probe.sqlite_master WHERE name = ?').row([name]) !== undefined

/** The file as `probe` beside an empty database in memory, for reading only. */
function attach(path: string, parameters: string): SqliteDatabase {
  const memory = SqliteDatabase.openMemory()
  try {
    // Through SQLite, not read(2): closing a descriptor of ours would drop the locks that this process may have on it.
    const uri = `${pathToFileURL(path).href}?mode=ro&${parameters}`
    memory.prepare('ATTACH ? AS probe').run([uri])
    assertHeader(memory, path, 'probe.')
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
  if (!exists(path)) createPrivate(path)
  return SqliteDatabase.openDurable(path, {
    busyTimeoutMs: options.busyTimeoutMs,
    create: (database) => {
      try {
        database.transaction(() => prepare(database, path, options.dataSql ?? ''))
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
function prepare(database: SqliteDatabase, path: string, dataSql: string): void {
  if (isBlank(database)) initialize(database, dataSql)
  assertHeader(database, path, '')
  assertMeta(database, path)
  if (number(database, 'PRAGMA user_version') < FORMAT) {
    migrate(database)
    writeMeta(database)
  }
  assertWhole(database, path)
}

function repair(database: SqliteDatabase, path: string, busyTimeoutMs: number): void {
  const source = SqliteDatabase.openReader(path, { busyTimeoutMs })
  try {
    database.transaction(() => {
      assertHeader(database, path, '')
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

const number = (database: SqliteDatabase, sql: string): number =>
  Number(database.prepare(sql).row()?.[0] ?? 0)

const isBlank = (database: SqliteDatabase): boolean =>
  number(database, 'PRAGMA application_id') === 0 &&
  number(database, 'SELECT count(*) FROM sqlite_master') === 0

function initialize(database: SqliteDatabase, dataSql: string): void {
  database.exec(`${ledgerSql} ${dataSql}`)
  writeMeta(database)
}

/** What the file is: in its header, for those who only look, and in a row. */
function writeMeta(database: SqliteDatabase): void {
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${FORMAT}`)
  const id = randomUUID()
  const value = { application: 'maildrain', format: FORMAT, database: id, checksum: sumOf(id) }
  database
    .prepare('INSERT OR REPLACE INTO ledger_meta (name, value) VALUES (?, ?)')
    .run(['@meta', JSON.stringify(value)])
}

const sumOf = (id: unknown): number => checksumOf(['maildrain', FORMAT, String(id)])

const FOREIGN = Symbol('foreign')

function foreign(path: string, why: string, cause: unknown): LedgerError {
  const error = new LedgerError(
    'MAILDRAIN_LEDGER_FOREIGN',
    `${path} ${why}; it was left as it is, name another file`,
    { cause },
  )
  return Object.assign(error, { [FOREIGN]: true })
}

const isForeign = (error: LedgerError): boolean => FOREIGN in error

function assertHeader(database: SqliteDatabase, path: string, schema: '' | 'probe.'): void {
  const application = number(database, `PRAGMA ${schema}application_id`)
  if (application !== APPLICATION_ID)
    throw foreign(path, 'is a SQLite database of another program', undefined)
  const format = number(database, `PRAGMA ${schema}user_version`)
  if (format > FORMAT)
    throw foreign(
      path,
      `was written by a newer maildrain (format ${format}, this one knows ${FORMAT})`,
      undefined,
    )
}

function assertMeta(database: SqliteDatabase, path: string): void {
  const row = database
    .prepare('SELECT CAST(value AS BLOB) FROM ledger_meta WHERE name = ?')
    .row(['@meta'])
  const format = number(database, 'PRAGMA user_version')
  if (!saysOurs(row?.[0], format)) throw damaged(`${path} has lost its @meta row`)
}

/** Format 1 had no checksums, and whoever says it in one place must say it in the other. */
function saysOurs(value: SqlCell | undefined, format: number): boolean {
  try {
    const meta = JSON.parse(String(value)) as Record<string, unknown>
    if (meta.application !== 'maildrain' || meta.format !== format) return false
    return format === 1 || (format === FORMAT && meta.checksum === sumOf(meta.database))
  } catch {
    return false
  }
}

/**
 * Pages that cannot be read, rows that an index does not lead to: SQLite answers all the same, with less than there is. Only
 * the ledger's tables are looked at, 0.3 s at 144,524 entries; in the table of mail it would be every byte.
 */
function assertWhole(database: SqliteDatabase, path: string): void {
  for (const table of LEDGER_TABLES) {
    const [found] = database.prepare(`PRAGMA integrity_check('${table}')`).row() ?? []
    if (found !== 'ok') throw damaged(`the ledger in ${path} is damaged (${String(found)})`)
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

/** The file holds people's mail. */
function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return
    throw sqliteFailure(error, `create ${path}`)
  }
}
