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

/** A key says what the bytes are, so a row that is there already is this very record (G6, G13). */
const INSERT = `INSERT INTO messages VALUES (?${', ?'.repeat(11)}) ON CONFLICT (key) DO NOTHING`

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

/** Inside the owner's transaction. */
export function insertRow(database: SqliteDatabase, row: MessageRow): void {
  database.prepare(INSERT).run(row)
}

export function hasRow(database: SqliteDatabase, key: string): boolean {
  return database.prepare('SELECT 1 FROM messages WHERE key = ?').row([key]) !== undefined
}

/** Walks the whole table where there is none: to be asked when a mailbox is new to the file. */
export function holdsMailOf(database: SqliteDatabase, mailbox: string): boolean {
  const row = database.prepare('SELECT 1 FROM messages WHERE mailbox = ? LIMIT 1').row([mailbox])
  return row !== undefined
}
