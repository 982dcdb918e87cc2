/**
 * A ledger's index on disk, thrown away at close: for a destination that keeps the ledger itself, but cannot be asked
 * by unique-id (Kafka's ledger topic). Memory stays bounded whatever the mailbox holds (G10).
 */
import type { Ledger, LedgerEntry, Tally } from './ledger.ts'
import {
  LedgerTable,
  type LedgerTableOptions,
  hostTableSql,
  ledgerTableSql,
  tallyTableSql,
} from './ledger-table.ts'
import { SqliteDatabase } from './sqlite-database.ts'

export interface ScratchLedgerOptions extends LedgerTableOptions {
  /** Where the file goes; must exist. Leave room for about 400 bytes an entry. */
  readonly directory: string
}

/** `put` and `remove` are atomic only as long as they do not throw: after an error, throw the index away. */
export interface ScratchLedger extends Ledger {
  readonly tally: Tally
  /** Does its entry say delivered? Undefined where there is none. */
  isDelivered(key: string): boolean | undefined
  put(entries: Iterable<LedgerEntry>): void
  remove(keys: Iterable<string>): void
  putHost(notes: string): void
  putTally(tally: Tally): void
  /** Deletes the file. May be called again. */
  close(): void
}

export function openScratchLedger(options: ScratchLedgerOptions): ScratchLedger {
  const database = SqliteDatabase.openScratch(options.directory)
  database.exec(`${hostTableSql}; ${tallyTableSql}; ${ledgerTableSql}`)
  const table = new LedgerTable(database, options)
  const each = <T>(items: Iterable<T>, change: (item: T) => void): void =>
    database.transaction(() => {
      for (const item of items) change(item)
    })
  return {
    put: (entries) => each(entries, (entry) => table.put(entry)),
    remove: (keys) => each(keys, (key) => table.remove(key)),
    putHost: (notes) => database.transaction(() => table.putHost(notes)),
    putTally: (tally) => database.transaction(() => table.putTally(tally)),
    byUidl: (uidl) => table.byUidl(uidl),
    get: (key) => table.get(key),
    isDelivered: (key) => table.isDelivered(key),
    holds: (entry) => table.holds(entry),
    present: () => table.present(),
    goneBefore: (time) => table.goneBefore(time),
    standing: (...asked) => table.standing(...asked),
    get size() {
      return table.size
    },
    get tally() {
      return table.tally
    },
    get host() {
      return table.host
    },
    close: () => database.close(),
  }
}
