/** The table of mail, read row by row by whoever does not own it. */
import { statSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { SinkError } from '../../errors.ts'
import { openLedgerView } from '../../ledger/ledger-file.ts'
import { ifReadable, walkRows } from '../../ledger/row-walk.ts'
import type { SqlCell, SqlRow, SqliteDatabase } from '../../ledger/sqlite-database.ts'
import type { PeekContext, StoredRecord } from '../sink.ts'

/** Text as a blob: libsql would read it up to its first NUL only. One row at a time: a row is a whole message. */
const HEAD = 'CAST(key AS BLOB), CAST(uidl AS BLOB), CAST(sha256 AS BLOB)'

/** Octets read before timers and signals have their turn. */
const TURN_BYTES = 1024 * 1024

/**
 * @param path the file's one name (`locateFile`)
 * @throws LedgerError for a file that is not maildrain's or is damaged, SinkError when it was changed while it was read
 */
export async function* readRows(
  path: string,
  { mailbox, signal }: Pick<PeekContext, 'mailbox' | 'signal'>,
): AsyncGenerator<StoredRecord> {
  const isChanged = watchFile(path)
  const database = openLedgerView(path)
  if (database === null) return
  try {
    yield* rowsOf(database, mailbox, signal)
  } catch (error) {
    // What a checkpoint changed in between looks like damage.
    if (isChanged()) throw changed(path, error)
    throw error
  } finally {
    database.close()
  }
  if (isChanged()) throw changed(path)
}

/** Of a file that is open. */
export async function* rowsOf(
  database: SqliteDatabase,
  mailbox: string,
  signal: AbortSignal,
): AsyncGenerator<StoredRecord & { readonly isTorn: boolean }> {
  const query = { table: 'messages', columns: `${HEAD}, raw, typeof(raw)` }
  const own = { filter: 'mailbox = ?', parameters: [mailbox] }
  let bytes = 0
  for (const { rowid, row } of walkRows(database, { ...query, ...own })) {
    signal.throwIfAborted()
    const record = row === null ? tornRecord(database, rowid, mailbox) : recordOf(row, mailbox)
    yield { ...record, isTorn: row === null }
    bytes += record.raw.length
    if (bytes < TURN_BYTES) continue
    bytes = 0
    await setImmediate()
  }
}

function recordOf([, ...cells]: SqlRow, mailbox: string): StoredRecord {
  const [key, uidl, sha256, raw, type] = cells
  const blob = Buffer.isBuffer(raw) ? raw : null
  return {
    ...{ key: textOf(key) ?? '', mailbox, uidl: textOf(uidl), sha256: textOf(sha256) ?? '' },
    ...{ raw: blob ?? Buffer.alloc(0), position: 'messages' },
    damage: blob === null ? `its raw bytes are of type ${String(type)}` : null,
  }
}

/**
 * Of a row that lies on a page that cannot be read: what its first page says, or else the key's index. Without the first page
 * nobody knows whose it is, and whoever reads the file is told.
 */
function tornRecord(database: SqliteDatabase, rowid: number, mailbox: string): StoredRecord {
  const head = (from: string) =>
    ifReadable(undefined, () => database.prepare(`SELECT ${from} = ?`).row([rowid]))
  const [key, uidl, sha256] =
    head(`${HEAD} FROM messages WHERE rowid`) ??
    head('CAST(key AS BLOB) FROM messages INDEXED BY sqlite_autoindex_messages_1 WHERE +rowid') ??
    []
  return {
    ...{ key: textOf(key) ?? '', mailbox, uidl: textOf(uidl), sha256: textOf(sha256) ?? '' },
    ...{
      raw: Buffer.alloc(0),
      position: 'messages',
      damage: 'its pages in the file cannot be read',
    },
  }
}

const textOf = (cell: SqlCell | undefined): string | null =>
  Buffer.isBuffer(cell) ? cell.toString('utf8') : null

/**
 * With a log beside the file, SQLite keeps reader and writer apart. Without one the file is read as one that nobody changes,
 * and then a drain that starts meanwhile must not go unnoticed.
 * @returns says whether the file was changed under the reader
 */
function watchFile(path: string): () => boolean {
  if ((statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) return () => false
  const before = stampOf(path)
  return () => stampOf(path) !== before
}

function stampOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false, bigint: true })
  return stats === undefined ? 'none' : `${stats.ino}:${stats.size}:${stats.mtimeNs}`
}

const changed = (path: string, cause?: unknown): SinkError =>
  new SinkError(
    'MAILDRAIN_SINK_UNREACHABLE',
    `${path} was written to while it was read; run again`,
    { cause },
  )
