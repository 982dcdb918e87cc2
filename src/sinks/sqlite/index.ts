/** The SQLite sink. */
import type { Sink } from '../sink.ts'
import type { SqliteSinkOptions } from './options.ts'
import { SqliteSink } from './sink.ts'

export type { SqliteSinkOptions } from './options.ts'

/**
 * Mail into the table `messages` of a SQLite file, and the ledger beside it: a batch is one transaction.
 * @throws ConfigError MAILDRAIN_CONFIG_INVALID
 */
export function sqlite(options: SqliteSinkOptions): Sink {
  return new SqliteSink(options)
}
