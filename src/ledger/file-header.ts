/**
 * What a file says of itself, in two places that must agree: its header, for those who only look, and the row `@meta`, which
 * carries a checksum. A header that contradicts a sound row is damaged; one without such a row is another program's.
 */
import { randomUUID } from 'node:crypto'
import { LedgerError, MaildrainError } from '../errors.ts'
import { checksumOf } from './checksum.ts'
import { damaged } from './ledger-row.ts'
import type { SqlCell, SqliteDatabase } from './sqlite-database.ts'

/** `mldr` in the file's header (sqlite.org/fileformat2.html, offset 68). */
export const APPLICATION_ID = 0x6d6c6472

/** Version of the tables, also in the header (offset 60). Raised when an older maildrain would misread them. */
export const FORMAT = 2

/** The database itself, or one that is attached to it. */
type Schema = '' | 'probe.'

const number = (database: SqliteDatabase, sql: string): number =>
  Number(database.prepare(sql).row()?.[0] ?? 0)

export const formatOf = (database: SqliteDatabase, schema: Schema = ''): number =>
  number(database, `PRAGMA ${schema}user_version`)

/** Is there nothing in it yet, by anybody? */
export const isBlank = (database: SqliteDatabase): boolean =>
  number(database, 'PRAGMA application_id') === 0 &&
  number(database, 'SELECT count(*) FROM sqlite_master') === 0

/** Inside a transaction. */
export function writeMeta(database: SqliteDatabase): void {
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${FORMAT}`)
  const id = randomUUID()
  const value = { application: 'maildrain', format: FORMAT, database: id, checksum: sumOf(id) }
  database
    .prepare('INSERT OR REPLACE INTO ledger_meta (name, value) VALUES (?, ?)')
    .run(['@meta', JSON.stringify(value)])
}

const sumOf = (id: unknown): number => checksumOf(['maildrain', FORMAT, String(id)])

/**
 * @returns is the header what this maildrain wrote or can read? A damaged one is ours all the same.
 * @throws LedgerError MAILDRAIN_LEDGER_FOREIGN
 */
export function assertOurHeader(
  database: SqliteDatabase,
  path: string,
  schema: Schema = '',
): boolean {
  const application = number(database, `PRAGMA ${schema}application_id`)
  const format = formatOf(database, schema)
  if (application === APPLICATION_ID && format <= FORMAT) return true
  if (hasSoundMeta(database, schema)) return false
  if (application !== APPLICATION_ID) throw foreign(path, 'is a SQLite database of another program')
  throw foreign(
    path,
    `was written by a newer maildrain (format ${format}, this one knows ${FORMAT})`,
  )
}

/** @throws LedgerError MAILDRAIN_LEDGER_FOREIGN, MAILDRAIN_LEDGER_DAMAGED */
export function assertHeader(database: SqliteDatabase, path: string, schema: Schema = ''): void {
  if (!assertOurHeader(database, path, schema))
    throw damaged(`the header of ${path} is not what was written`)
}

/** @throws LedgerError MAILDRAIN_LEDGER_DAMAGED */
export function assertMeta(database: SqliteDatabase, path: string): void {
  if (!saysOurs(metaOf(database, ''), formatOf(database)))
    throw damaged(`${path} has lost its @meta row`)
}

function hasSoundMeta(database: SqliteDatabase, schema: Schema): boolean {
  try {
    const value = metaOf(database, schema)
    return saysOurs(value, 1) || saysOurs(value, FORMAT)
  } catch (error) {
    // Another program's file has no such table, or its schema cannot be read.
    if (error instanceof MaildrainError) return false
    throw error
  }
}

const metaOf = (database: SqliteDatabase, schema: Schema): SqlCell | undefined =>
  database
    .prepare(`SELECT CAST(value AS BLOB) FROM ${schema}ledger_meta WHERE name = ?`)
    .row(['@meta'])?.[0]

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

const FOREIGN = Symbol('foreign')

export function foreign(path: string, why: string, cause?: unknown): LedgerError {
  const error = new LedgerError(
    'MAILDRAIN_LEDGER_FOREIGN',
    `${path} ${why}; it was left as it is, name another file`,
    { cause },
  )
  return Object.assign(error, { [FOREIGN]: true })
}

/** Was it made here, with a name and a remedy? */
export const isForeign = (error: LedgerError): boolean => FOREIGN in error
