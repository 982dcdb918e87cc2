/**
 * A ledger entry as a row, with a checksum over all of it: what is read is what was written, or it is damage.
 */
import { LedgerError } from '../errors.ts'
import { checksumOf } from './checksum.ts'
import type { LedgerEntry } from './ledger.ts'
import { ifReadable, walkRows } from './row-walk.ts'
import type { SqlCell, SqliteDatabase, SqlRow, SqlValue } from './sqlite-database.ts'

/** Of an entry, in the order of its row; `mailbox` stands before them, `checksum` behind. */
export const COLUMNS =
  'key, uidl, listed_octets, octets, sha256, header_sha256, state, was, reason, fingerprint, attempts, copies, place, at, gone_at'

const OF_TYPE = {
  text: ['mailbox', 'key', 'state'],
  'text or null': ['sha256', 'header_sha256', 'was', 'reason', 'fingerprint', 'place'],
  'blob or null': ['uidl'],
  integer: ['listed_octets', 'attempts', 'copies', 'at'],
  'integer or null': ['octets', 'gone_at'],
}

/** A flipped bit may leave every value, and make a blob of a text: then no question that is asked of the table finds the row. */
const AS_WRITTEN = Object.entries(OF_TYPE)
  .flatMap(([type, columns]) => {
    const types = type.split(' or ').map((each) => `'${each}'`)
    return columns.map((column) => `typeof(${column}) IN (${types.join()})`)
  })
  .join(' AND ')

/**
 * COLUMNS as JSON, for rows that nobody has verified, read a page at a time as one blob: of text that is not UTF-8 libsql
 * aborts the process, uncatchably (0.5.29), and a flipped bit makes such text. Without a key where a type is another one.
 */
const UNVERIFIED = `json_array(iif(${AS_WRITTEN}, CAST(key AS TEXT), NULL),
  iif(uidl IS NULL, NULL, hex(uidl)), CAST(listed_octets AS INTEGER),
  CAST(octets AS INTEGER), CAST(sha256 AS TEXT), CAST(header_sha256 AS TEXT), CAST(state AS TEXT),
  CAST(was AS TEXT), CAST(reason AS TEXT), CAST(fingerprint AS TEXT), CAST(attempts AS INTEGER),
  CAST(copies AS INTEGER), CAST(place AS TEXT), CAST(at AS INTEGER), CAST(gone_at AS INTEGER))`

/** Rows read at once. */
const PAGE = 1000

/** Behind COLUMNS of a row that nobody has verified. */
export const UNVERIFIED_SUM = `iif(typeof(checksum) = 'integer', checksum, NULL)`

type Scalar = string | number | null

/**
 * All rows of a table of entries, whatever is wrong with them. The order is that of the table: by the index of the mailbox each
 * page would be sorted anew.
 * @param query.extra expressions that end each row, e.g. the checksum
 */
export function* unverifiedRows(
  database: SqliteDatabase,
  query: { readonly table: string; readonly extra: string; readonly mailbox?: string },
): Iterable<SqlRow> {
  const { table, extra, mailbox } = query
  const page = database.prepare(
    `SELECT CAST(json_group_array(${unverifiedRow(extra)}) AS BLOB), max(rowid), count(*)
     FROM (SELECT rowid, * FROM ${table} WHERE rowid > ? ${mailbox === undefined ? '' : 'AND +mailbox = ?'}
       ORDER BY rowid LIMIT ${PAGE})`,
  )
  for (let after = Number.MIN_SAFE_INTEGER, more = true; more;) {
    const [json, last, count] = page.row(mailbox === undefined ? [after] : [after, mailbox]) ?? []
    for (const row of parsed(json) as UnverifiedRow[]) yield rowOfUnverified(row)
    more = Number(count) === PAGE
    after = Number(last)
  }
}

type UnverifiedRow = readonly [readonly Scalar[], ...Scalar[]]

const unverifiedRow = (extra: string): string => `json_array(${UNVERIFIED}, ${extra})`

function rowOfUnverified([[key, uidl, ...others], ...ends]: UnverifiedRow): SqlRow {
  const bytes = typeof uidl === 'string' ? Buffer.from(uidl, 'hex') : null
  return [key ?? null, bytes, ...others, ...ends]
}

/** The same one by one, past what cannot be read; null for a row that cannot. Three times as long. */
export function* readableRows(
  database: SqliteDatabase,
  { table, extra }: { readonly table: string; readonly extra: string },
): Iterable<SqlRow | null> {
  const columns = `CAST(${unverifiedRow(extra)} AS BLOB)`
  for (const { row } of walkRows(database, { table, columns })) {
    const read = () => rowOfUnverified(parsed(row?.[1]) as UnverifiedRow)
    yield row === null ? null : ifReadable(null, read)
  }
}

function parsed(json: SqlCell | undefined): unknown {
  try {
    return JSON.parse(String(json))
  } catch (error) {
    throw damaged('the ledger holds what cannot be read', error)
  }
}

/** Cells of COLUMNS and the checksum. */
export const ROW_CELLS = 16

const STATES = new Set<SqlCell | undefined>(['delivered', 'deadLettered', 'kept', 'gone'])
const EARLIER = new Set<SqlCell | undefined>([null, 'delivered', 'deadLettered', 'kept'])
const REASONS = new Set<SqlCell | undefined>([
  ...[null, 'filtered', 'rejected', 'oversize', 'suspect', 'unreadable', 'undeletable'],
])

const isNumber = (cell: SqlCell | undefined): boolean => typeof cell === 'number'
const isText = (cell: SqlCell | undefined): boolean => typeof cell === 'string'

/** What each of COLUMNS may hold: rows of format 1 have no checksum, and must not turn into a state nobody knows either. */
const SOUND: readonly ((cell: SqlCell | undefined) => boolean)[] = [
  isText,
  (cell) => cell === null || Buffer.isBuffer(cell),
  isNumber,
  (cell) => cell === null || isNumber(cell),
  (cell) => cell === null || isText(cell),
  (cell) => cell === null || isText(cell),
  (cell) => STATES.has(cell),
  (cell) => EARLIER.has(cell),
  (cell) => REASONS.has(cell),
  (cell) => cell === null || isText(cell),
  isNumber,
  isNumber,
  (cell) => cell === null || isText(cell),
  isNumber,
  (cell) => cell === null || isNumber(cell),
]

export const uidlBytes = (uidl: string): Buffer => Buffer.from(uidl, 'latin1')

/** A clock may give fractions; a row holds what every reader of it gets alike. Never before the time that was meant. */
export const wholeMs = (ms: number): number => Math.ceil(ms)

const fieldsOf = (entry: LedgerEntry): readonly (string | number | null)[] => [
  entry.key,
  entry.uidl,
  entry.listedOctets,
  entry.octets,
  entry.sha256,
  entry.headerSha256,
  entry.state,
  entry.was,
  entry.reason,
  entry.fingerprint,
  entry.attempts,
  entry.copies,
  entry.place,
  wholeMs(entry.at),
  entry.goneAt === null ? null : wholeMs(entry.goneAt),
]

/**
 * Mailbox, COLUMNS, checksum.
 * @param mailbox M (src/identity.ts)
 */
export function rowOf(mailbox: string, entry: LedgerEntry): SqlValue[] {
  const fields = fieldsOf(entry)
  const [key, uidl, ...others] = fields
  const bytes = typeof uidl === 'string' ? uidlBytes(uidl) : null
  return [mailbox, key ?? null, bytes, ...others, checksumOf([mailbox, ...fields])]
}

/**
 * @param row COLUMNS, and the checksum where `checked`
 * @throws LedgerError MAILDRAIN_LEDGER_DAMAGED
 */
export function entryOf(mailbox: string, row: SqlRow, checked: boolean): LedgerEntry {
  for (let column = 0; column < SOUND.length; column += 1)
    if (SOUND[column]?.(row[column]) !== true) throw unreadable(row)
  const [, uidl] = row
  const entry = {
    key: row[0],
    uidl: Buffer.isBuffer(uidl) ? uidl.toString('latin1') : null,
    listedOctets: row[2],
    octets: row[3],
    sha256: row[4],
    headerSha256: row[5],
    state: row[6],
    was: row[7],
    reason: row[8],
    fingerprint: row[9],
    attempts: row[10],
    copies: row[11],
    place: row[12],
    at: row[13],
    goneAt: row[14],
  } as LedgerEntry
  if (checked && row[SOUND.length] !== checksumOf([mailbox, ...fieldsOf(entry)]))
    throw unreadable(row)
  return entry
}

const unreadable = ([key]: SqlRow): LedgerError =>
  damaged(`the ledger entry ${JSON.stringify(String(key))} is not what was written`)

/** A damaged ledger and the two ways on. */
export const damaged = (what: string, cause?: unknown): LedgerError =>
  new LedgerError(
    'MAILDRAIN_LEDGER_DAMAGED',
    `${what}; restore the file from a backup, or let the ledger be made anew from the mail in it by --rebuild-ledger`,
    { cause },
  )
