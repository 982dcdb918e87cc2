/**
 * The table of mail: a row a record, the exact bytes in `raw`, what people look for in columns of its own, and
 * everything else as JSON.
 */
import type { SqlValue, SqliteDatabase } from '../../ledger/sqlite-database.ts'
import { encodeJsonWithoutRaw } from '../../transforms/encode.ts'
import type { SinkRecord } from '../sink.ts'

export const messagesTableSql = `
  CREATE TABLE messages (
    key TEXT PRIMARY KEY,
    mailbox TEXT NOT NULL,
    uidl TEXT,
    sha256 TEXT NOT NULL,
    octets INTEGER NOT NULL,
    subject TEXT,
    sent_at TEXT,
    message_id TEXT,
    from_address TEXT,
    parse_status TEXT NOT NULL,
    raw BLOB NOT NULL,
    record TEXT NOT NULL
  );
  CREATE INDEX messages_sent_at ON messages (sent_at);
`

const VALUES = `INTO messages VALUES (?${', ?'.repeat(11)})`

/** What a reader verifies, in the order of IDENTITY. */
const SAME = `
  SELECT 1 FROM messages WHERE key = ? AND mailbox IS ? AND uidl IS ? AND sha256 IS ? AND raw IS ?`
const IDENTITY = [0, 1, 2, 3, 10]

export type MessageRow = readonly SqlValue[]

/** @throws SinkError MAILDRAIN_SINK_RECORD_REJECTED when a transform has put in what no record can hold */
export function rowOf({ key, value }: SinkRecord): MessageRow {
  const record = encodeJsonWithoutRaw(value)
  const { mailbox, uidl, sha256, octets, subject, sentAt, messageId, from, parseStatus } = value
  return [
    ...[key, mailbox, uidl, sha256, octets, subject],
    ...[sentAt === null ? null : isoTime(sentAt), messageId, from[0]?.address ?? null],
    ...[parseStatus, value.raw, record],
  ]
}

/** ISO 8601 in UTC; null for a time that ECMAScript cannot name. */
function isoTime(ms: number): string | null {
  const time = new Date(ms)
  return Number.isNaN(time.getTime()) ? null : time.toISOString()
}

/**
 * Inside the owner's transaction. A key says what the bytes are, so a row that is there already is this very record (G6, G13);
 * one that is not is damaged, and the message must not be deleted from the server on its account.
 */
export function insertRow(database: SqliteDatabase, row: MessageRow): void {
  const inserted = database.prepare(`INSERT ${VALUES} ON CONFLICT (key) DO NOTHING`).run(row)
  if (inserted > 0 || isStored(database, row)) return
  database.prepare(`INSERT OR REPLACE ${VALUES}`).run(row)
}

const isStored = (database: SqliteDatabase, row: MessageRow): boolean =>
  database.prepare(SAME).row(IDENTITY.map((column) => row[column] ?? null)) !== undefined

export function hasRow(database: SqliteDatabase, key: string): boolean {
  return database.prepare('SELECT 1 FROM messages WHERE key = ?').row([key]) !== undefined
}

export const hasMessagesTable = (database: SqliteDatabase): boolean =>
  database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'messages'").row() !== undefined

/** Walks the whole table where there is none: to be asked when a mailbox is new to the file. */
export function holdsMailOf(database: SqliteDatabase, mailbox: string): boolean {
  const row = database.prepare('SELECT 1 FROM messages WHERE mailbox = ? LIMIT 1').row([mailbox])
  return row !== undefined
}
