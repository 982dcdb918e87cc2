/**
 * What a destination was found to hold, by key, on disk and thrown away at close: memory stays bounded whatever the
 * mailbox has (G10), and no two keys are ever taken for one.
 */
import { SqliteDatabase } from '../ledger/sqlite-database.ts'
import type { SqlRow } from '../ledger/sqlite-database.ts'
import type { StoredRecord } from '../sinks/sink.ts'

export interface Found {
  readonly key: string
  /** Records under this key, whole or not. */
  readonly records: number
  /** Of these: records whose bytes give their hash and key. */
  readonly verified: number
  /** Of a verified record where there is one. */
  readonly octets: number
  readonly sha256: string
  readonly uidl: string | null
  readonly position: string
  /** Why the others are not to be believed; null where all are. */
  readonly why: string | null
}

const SQL = `
  CREATE TABLE found (
    key TEXT PRIMARY KEY, records INTEGER NOT NULL, verified INTEGER NOT NULL, octets INTEGER NOT NULL,
    sha256 TEXT NOT NULL, uidl BLOB, position TEXT NOT NULL, why TEXT, expected INTEGER NOT NULL
  );
  BEGIN IMMEDIATE`

const COLUMNS = 'key, records, verified, octets, sha256, uidl, position, why'

/** Further records have a dot in their key. */
const MESSAGE = "verified > 0 AND instr(key, '.') = 0"
const UNEXPECTED = `expected = 0 AND ${MESSAGE}`
const FURTHER = "verified > 0 AND instr(key, '.') > 0"

/** Rows read at once. */
const PAGE = 1000

export class FoundTable {
  readonly #database: SqliteDatabase

  /** @param directory for the file; leave room for about 250 octets a message */
  constructor(directory: string) {
    this.#database = SqliteDatabase.openScratch(directory)
    // One transaction for ever: nothing of it is to be kept, and each end of one would write.
    this.#database.exec(SQL)
  }

  /**
   * @param key under which the record counts
   * @param why the record is not to be believed; null when it is
   * @returns true for the first record under this key
   */
  add(key: string, record: StoredRecord, why: string | null): boolean {
    const { sha256, uidl, position, raw } = record
    const [bytes, sound] = [uidl === null ? null : Buffer.from(uidl, 'latin1'), why === null]
    const values = [raw.length, sha256, bytes, position]
    const isNew = this.#database
      .prepare('INSERT OR IGNORE INTO found VALUES (?, 1, ?, ?, ?, ?, ?, ?, 0)')
      .run([key, sound, ...values, why])
    if (isNew === 1) return true
    const whole = sound ? 'octets = ?, sha256 = ?, uidl = ?, position = ?' : 'why = ?'
    const only = sound ? 'verified = 0' : '1'
    this.#database
      .prepare(`UPDATE found SET ${whole} WHERE key = ? AND ${only}`)
      .run([...(sound ? values : [why]), key])
    this.#database
      .prepare('UPDATE found SET records = records + 1, verified = verified + ? WHERE key = ?')
      .run([sound, key])
    return false
  }

  get(key: string): Found | undefined {
    const row = this.#database.prepare(`SELECT ${COLUMNS} FROM found WHERE key = ?`).row([key])
    return row && foundOf(row)
  }

  /** Somebody speaks of this key. @returns what was found under it */
  expect(key: string): Found | undefined {
    const found = this.get(key)
    if (found) this.#database.prepare('UPDATE found SET expected = 1 WHERE key = ?').run([key])
    return found
  }

  /** Messages of which a first record is whole. */
  get messages(): number {
    return this.#count(MESSAGE)
  }

  /** Messages of which nobody has spoken. */
  unexpected(): Iterable<Found> {
    return this.#each(UNEXPECTED)
  }

  /** Whole records beside the first of their message. */
  further(): Iterable<Found> {
    return this.#each(FURTHER)
  }

  get unexpectedMessages(): number {
    return this.#count(UNEXPECTED)
  }

  /** Keys with more than one record, or one that is not to be believed. */
  conspicuous(): Iterable<Found> {
    return this.#each('(records > 1 OR verified < records)')
  }

  close(): void {
    this.#database.close()
  }

  #count(condition: string): number {
    return Number(
      this.#database.prepare(`SELECT count(*) FROM found WHERE ${condition}`).row()?.[0] ?? 0,
    )
  }

  *#each(condition: string): Iterable<Found> {
    const page = this.#database.prepare(
      `SELECT ${COLUMNS} FROM found WHERE key > ? AND ${condition} ORDER BY key LIMIT ${PAGE}`,
    )
    for (let after = ''; ;) {
      const rows = page.rows([after]).map(foundOf)
      yield* rows
      const last = rows.at(-1)
      if (!last || rows.length < PAGE) return
      after = last.key
    }
  }
}

function foundOf(row: SqlRow): Found {
  const [key, records, verified, octets, sha256, uidl, position, why] = row
  return {
    ...{ key: String(key), records: Number(records), verified: Number(verified) },
    ...{ octets: Number(octets), sha256: String(sha256), position: String(position) },
    uidl: Buffer.isBuffer(uidl) ? uidl.toString('latin1') : null,
    why: typeof why === 'string' ? why : null,
  }
}
