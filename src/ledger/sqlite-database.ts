/**
 * SQLite behind one door: the only importer of `libsql`. It keeps the rules that libsql does not keep by itself:
 * parameters always as one array and booleans as 0 or 1 (a lone Buffer or a boolean aborts the process), a busy
 * timeout, WAL and synchronous=FULL asserted (NORMAL lost 50 of 50 acknowledged commits in a power cut), every blob a
 * Buffer, every failure a code, and no further use of a handle that has seen an I/O error.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, statSync, unlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import type Libsql from 'libsql'
import { MaildrainError, SinkError } from '../errors.ts'
import { isIoFailure, sqliteFailure } from './sqlite-error.ts'

/** Text may hold NUL and is stored whole, but libsql reads it up to the first NUL: select `CAST(column AS BLOB)`. */
export type SqlValue = string | number | boolean | null | Uint8Array
export type SqlCell = string | number | null | Buffer
export type SqlRow = readonly SqlCell[]

/** A prepared statement. It is reset after each call: none leaves a read transaction open. */
export interface SqlStatement {
  /** @returns how many rows changed */
  run(parameters?: readonly SqlValue[]): number
  row(parameters?: readonly SqlValue[]): SqlRow | undefined
  /** For pages, not for look-ups: each call keeps about 900 bytes until the event loop turns (libsql 0.5.29). */
  rows(parameters?: readonly SqlValue[]): SqlRow[]
}

type Mode = 'durable' | 'reader' | 'scratch' | 'lock' | 'memory'

// Loaded when used: whoever drains into Kafka alone or only reads the types needs no native binary.
const require = createRequire(import.meta.url)
function openNative(path: string, timeoutMs: number): Libsql.Database {
  const Native = require('libsql') as typeof Libsql
  return new Native(path, { timeout: timeoutMs })
}

/** A user's transform may put anything into a record, and what libsql does not know can abort the process. */
const bindable = (value: unknown): string | number | null | Buffer => {
  if (value === null || value === undefined) return null
  if (typeof value === 'string' || typeof value === 'number') return value
  if (typeof value === 'boolean') return value ? 1 : 0
  if (Buffer.isBuffer(value)) return value
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  throw new TypeError(`a value of type ${typeof value} cannot be stored`)
}

/** In place: a copy of each row costs a fifth of the look-ups. */
const rowOf = (cells: unknown[]): SqlRow => {
  for (const [index, cell] of cells.entries())
    if (cell instanceof ArrayBuffer) cells[index] = Buffer.from(cell)
  return cells as SqlCell[]
}

const identityOf = (path: string): string => {
  const { dev, ino } = statSync(path, { bigint: true })
  return `${dev}:${ino}`
}

export class SqliteDatabase {
  /** Absolute path; empty for a database in memory. */
  readonly path: string
  readonly #mode: Mode
  readonly #native: Libsql.Database
  readonly #statements = new Map<string, SqlStatement>()
  readonly #identity: string | null
  #closed: MaildrainError | undefined
  #changes = 0

  private constructor(path: string, mode: Mode, busyTimeoutMs: number) {
    this.path = path
    this.#mode = mode
    this.#native = this.#guard('open', () => {
      // SQLite would create the file; a reader of nothing has made a mistake.
      if (mode === 'reader') statSync(path)
      return openNative(path || ':memory:', busyTimeoutMs)
    })
    this.#identity = mode === 'durable' ? this.#guard('look at', () => identityOf(path)) : null
  }

  /**
   * Opens a file whose commits survive a power cut. Creates it when it is missing; what is in it is the caller's
   * business, and so is asking `assertOurs` first.
   * @param options.busyTimeoutMs how long a call waits, blocking, for another process's write
   */
  static openDurable(
    path: string,
    options: { readonly busyTimeoutMs: number; readonly create?: (db: SqliteDatabase) => void },
  ): SqliteDatabase {
    // An absolute path is never taken for a URI (`file:`, `libsql:`) or for `:memory:`.
    const database = new SqliteDatabase(resolve(path), 'durable', options.busyTimeoutMs)
    try {
      database.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON')
      database.exec('PRAGMA synchronous = FULL')
      // Before WAL: the header of the main file then says whose it is, whatever is still in the log.
      options.create?.(database)
      database.#assertPragma('PRAGMA journal_mode = WAL', 'wal')
      database.#assertSwitched()
      database.#assertPragma('PRAGMA synchronous', 2)
      database.#syncNames()
      return database
    } catch (error) {
      database.close()
      throw error
    }
  }

  /**
   * Opens a throw-away file in `directory`, which must exist: no journal, no fsync, memory bounded by a page cache of
   * 16 MiB. The file has no name any more where the system allows it, so that nothing is left by a crash.
   */
  static openScratch(directory: string): SqliteDatabase {
    const path = join(resolve(directory), `scratch-${randomBytes(8).toString('hex')}.db`)
    const database = new SqliteDatabase(path, 'scratch', 0)
    try {
      database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = OFF')
      database.#assertPragma('PRAGMA journal_mode = OFF', 'off')
      database.exec('PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY')
    } catch (error) {
      database.close()
      throw error
    }
    removeQuietly(path)
    return database
  }

  /** Opens a file only to lock it: nothing is prepared, so that `close` lets go of it at once. */
  static openForLock(path: string): SqliteDatabase {
    return new SqliteDatabase(resolve(path), 'lock', 0)
  }

  /** Opens an existing file to read what a sink wrote, e.g. to check it; writing through it is refused. */
  static openReader(path: string, options: { readonly busyTimeoutMs: number }): SqliteDatabase {
    const absolute = resolve(path)
    const database = new SqliteDatabase(absolute, 'reader', options.busyTimeoutMs)
    database.exec('PRAGMA query_only = ON')
    return database
  }

  /** A database in memory, to attach a file to. */
  static openMemory(): SqliteDatabase {
    return new SqliteDatabase('', 'memory', 0)
  }

  /** Grows with every transaction begun or ended: whoever caches what was read compares it. */
  get changes(): number {
    return this.#changes
  }

  get inTransaction(): boolean {
    return this.#closed === undefined && this.#native.inTransaction
  }

  /** Runs statements without parameters or rows. */
  exec(sql: string): void {
    this.#guard(doing(sql), () => this.#native.exec(sql))
  }

  /** Prepares, or takes from the cache: a statement costs memory until the garbage collector finds it. */
  prepare(sql: string): SqlStatement {
    const known = this.#statements.get(sql)
    if (known) return known
    const what = doing(sql)
    let native: Libsql.Statement | null = this.#guard(what, () => this.#compile(sql))
    const call = <T>(
      work: (statement: Libsql.Statement, values: unknown[]) => T,
      parameters: readonly SqlValue[],
    ): T =>
      this.#guard(what, () => {
        const usable = (native ??= this.#compile(sql))
        // One that has failed is not reset by libsql (0.5.29), and fails from then on whatever it is asked.
        native = null
        const result = work(
          usable,
          parameters.map((value) => bindable(value)),
        )
        native = usable
        return result
      })
    const statement: SqlStatement = {
      run: (parameters = []) => call((usable, values) => usable.run(values).changes, parameters),
      row: (parameters = []) =>
        call((usable, values) => {
          const cells = usable.get(values) as unknown[] | undefined
          return cells && rowOf(cells)
        }, parameters),
      rows: (parameters = []) =>
        call((usable, values) => (usable.all(values) as unknown[][]).map(rowOf), parameters),
    }
    this.#statements.set(sql, statement)
    return statement
  }

  #compile(sql: string): Libsql.Statement {
    const prepared = this.#native.prepare(sql)
    // Rows as arrays: as objects they carry a `_metadata` of their own.
    return prepared.reader ? prepared.raw() : prepared
  }

  /**
   * Everything that `work` writes is committed when this returns, and nothing of it when it throws.
   * @param wasCommitted asked when COMMIT has failed in a way that leaves its outcome open; answers by reading
   */
  transaction<T>(work: () => T, wasCommitted?: () => boolean): T {
    this.exec('BEGIN IMMEDIATE')
    this.#changes += 1
    try {
      const result = work()
      this.assertInPlace()
      this.#commit(wasCommitted)
      return result
    } finally {
      this.#changes += 1
      this.#rollback()
    }
  }

  /** Rolls back what is open and lets go of the file; may be called in any state, and again. */
  close(): void {
    if (this.#closed) return
    this.#rollback()
    this.#release(
      new MaildrainError('MAILDRAIN_INTERNAL', `${this.#name()} was used after it had been closed`),
    )
  }

  #commit(wasCommitted: (() => boolean) | undefined): void {
    try {
      this.exec('COMMIT')
    } catch (error) {
      // Closed for good: what the disk holds is for the next open to find out.
      if (isIoFailure(error)) throw error
      this.#rollback()
      if (wasCommitted?.() !== true) throw error
    }
  }

  /** Does nothing when SQLite has rolled back by itself, or the file is closed. */
  #rollback(): void {
    if (!this.inTransaction) return
    try {
      this.#native.exec('ROLLBACK')
    } catch (error) {
      this.#release(sqliteFailure(error, `roll back in ${this.#name()}`))
    }
  }

  /**
   * A file that was moved or removed under us takes commits that nobody will ever read.
   * @throws SinkError MAILDRAIN_SINK_REFUSED
   */
  assertInPlace(): void {
    if (this.#identity === null) return
    let found: string | null = null
    try {
      found = identityOf(this.path)
    } catch {
      // Reported below: not being there is the same as being another file.
    }
    if (found === this.#identity) return
    throw new SinkError(
      'MAILDRAIN_SINK_REFUSED',
      `${this.path} was moved, removed or replaced while it was open; put it back and run again`,
    )
  }

  /** The switch is committed when its statement ends, and libsql does not say when that fails: the next read shows it. */
  #assertSwitched(): void {
    this.prepare('SELECT count(*) FROM sqlite_master').row()
    const found = this.prepare('PRAGMA journal_mode').row()?.[0]
    if (found === 'wal') return
    throw new SinkError(
      'MAILDRAIN_SINK_IO_FAILED',
      `${this.#name()} could not be switched to a write-ahead log (it stays ${String(found)}); look at the disk and run again`,
    )
  }

  /** Of the file and its log, which is there by now. SQLite syncs the directory too, and ignores it when that fails. */
  #syncNames(): void {
    const directory = dirname(this.path)
    this.#guard('sync the directory of', () => {
      const descriptor = openSync(directory, 'r')
      try {
        fsyncSync(descriptor)
      } finally {
        closeSync(descriptor)
      }
    })
  }

  #assertPragma(sql: string, expected: SqlCell): void {
    const found = this.prepare(sql).row()?.[0]
    if (found === expected) return
    throw new SinkError(
      'MAILDRAIN_SINK_REFUSED',
      `${this.#name()} does not take ${sql} (it stays ${String(found)}); put the file on another file system`,
    )
  }

  #guard<T>(what: string, work: () => T): T {
    if (this.#closed) throw this.#closed
    try {
      return work()
    } catch (error) {
      const failure = sqliteFailure(error, `${what} ${this.#name()}`)
      if (isIoFailure(failure)) this.#release(failure)
      throw failure
    }
  }

  #release(reason: MaildrainError): void {
    this.#closed = reason
    // The handle lives on in the statements until they are collected, so these must go first.
    this.#statements.clear()
    try {
      this.#native.close()
    } catch {
      // There is nothing left to let go of.
    }
    if (this.#mode === 'scratch') removeQuietly(this.path)
  }

  #name(): string {
    return this.path || 'a database in memory'
  }
}

const doing = (sql: string): string =>
  `run ${/^\s*\w+/.exec(sql)?.[0].trim().toUpperCase() ?? 'a statement'} in`

function removeQuietly(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Windows keeps an open file's name, and a second removal finds nothing: both are fine.
  }
}
