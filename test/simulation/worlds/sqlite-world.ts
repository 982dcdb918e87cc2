/** The SQLite sink, as it is, over a real file: a life dies between its calls, and an answer may be lost. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { SinkError } from '../../../src/errors.ts'
import { SqliteDatabase } from '../../../src/ledger/sqlite-database.ts'
import { sqlite } from '../../../src/sinks/sqlite/index.ts'
import type { Ledger } from '../../../src/ledger/ledger.ts'
import type { Batch, Sink, SinkContext, WriteOptions } from '../../../src/sinks/sink.ts'
import { type Calls, call } from '../engine/calls.ts'
import type { Life } from '../engine/life.ts'
import type { Stored, World } from './store.ts'

const busy = (): SinkError => new SinkError('MAILDRAIN_SINK_UNREACHABLE', 'no answer came')

export class SqliteWorld implements World {
  readonly name = 'sqlite'
  readonly mayDouble = 0
  readonly #path: string
  readonly #calls: Calls
  #reader: SqliteDatabase | undefined

  constructor(directory: string, calls: Calls) {
    this.#path = join(directory, 'mail.db')
    this.#calls = calls
  }

  sink(life: Life): Sink {
    return new LifeSink(sqlite({ path: this.#path, busyTimeoutMs: 0 }), this.#calls, life)
  }

  stored(): readonly Stored[] {
    try {
      this.#reader ??= SqliteDatabase.openReader(this.#path, { busyTimeoutMs: 0 })
      const rows = this.#reader.prepare('SELECT key, sha256, raw FROM messages').rows()
      return rows.map(([key, sha256, raw]) => ({
        ...{ key: String(key), sha256: String(sha256) },
        actual: createHash('sha256')
          .update(raw as Buffer)
          .digest('hex'),
      }))
    } catch {
      // Nobody has made it yet.
      return []
    }
  }

  get written(): number {
    return this.stored().length
  }

  close(): void {
    this.#reader?.close()
  }
}

/** Each call may be lost, or its answer. */
class LifeSink implements Sink {
  readonly #inner: Sink
  readonly #calls: Calls
  readonly #life: Life

  constructor(inner: Sink, calls: Calls, life: Life) {
    this.#inner = inner
    this.#calls = calls
    this.#life = life
  }

  get name() {
    return this.#inner.name
  }
  get destination() {
    return this.#inner.destination
  }
  get durability() {
    return this.#inner.durability
  }
  get guarantee() {
    return this.#inner.guarantee
  }
  get maxInFlight() {
    return this.#inner.maxInFlight
  }
  get maxRecordBytes() {
    return this.#inner.maxRecordBytes ?? Infinity
  }
  get ledger(): Ledger {
    return this.#inner.ledger!
  }
  open(context: SinkContext): Promise<void> {
    return this.#ask(() => this.#inner.open(context))
  }
  write(batch: Batch, options: WriteOptions): Promise<void> {
    return this.#ask(() => this.#inner.write(batch, options))
  }
  confirmOwner(): Promise<void> {
    return this.#ask(() => this.#inner.confirmOwner!())
  }
  close(): Promise<void> {
    return this.#inner.close()
  }

  async #ask(work: () => Promise<void>): Promise<void> {
    // What SQLite does is done when the promise is made, whoever waits for it.
    const begun = (): Promise<void> => {
      const done = work()
      done.catch(() => undefined)
      return done
    }
    await call<Promise<void>>(this.#calls, this.#life, begun, busy)
  }
}
