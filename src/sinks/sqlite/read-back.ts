/** The table of mail, read row by row by whoever does not own it. */
import { statSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { SinkError } from '../../errors.ts'
import { openLedgerView } from '../../ledger/ledger-file.ts'
import type { SqlCell, SqlRow, SqliteDatabase } from '../../ledger/sqlite-database.ts'
import type { PeekContext, StoredRecord } from '../sink.ts'

/** Text as a blob: libsql would read it up to its first NUL only. One row at a time: a row is a whole message. */
const NEXT = `
  SELECT rowid, CAST(key AS BLOB), CAST(uidl AS BLOB), CAST(sha256 AS BLOB), raw, typeof(raw)
  FROM messages WHERE rowid > ? AND mailbox = ? ORDER BY rowid LIMIT 1`

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
): AsyncGenerator<StoredRecord> {
  const next = database.prepare(NEXT)
  let bytes = 0
  for (let after: SqlCell = Number.MIN_SAFE_INTEGER; ;) {
    signal.throwIfAborted()
    const row = next.row([after, mailbox])
    if (row === undefined) return
    const record = recordOf(row, mailbox)
    yield record
    after = row[0] ?? null
    bytes += record.raw.length
    if (bytes < TURN_BYTES) continue
    bytes = 0
    await setImmediate()
  }
}

function recordOf(row: SqlRow, mailbox: string): StoredRecord {
  const [, key, uidl, sha256, raw, type] = row
  const blob = Buffer.isBuffer(raw) ? raw : null
  return {
    ...{ key: textOf(key) ?? '', mailbox, uidl: textOf(uidl), sha256: textOf(sha256) ?? '' },
    ...{ raw: blob ?? Buffer.alloc(0), position: 'messages' },
    damage: blob === null ? `its raw bytes are of type ${String(type)}` : null,
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
