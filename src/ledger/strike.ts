import type { SqliteDatabase } from './sqlite-database.ts'

/**
 * Takes tables, or one index, out of the schema, inside a transaction: DROP walks their pages to free them, and fails on one that
 * cannot be read. The pages stay unused until somebody runs VACUUM.
 * @param by `tbl_name` for a table with its indexes, `name` for a single one
 */
export function strike(
  database: SqliteDatabase,
  by: 'tbl_name' | 'name',
  names: readonly string[],
): void {
  database.exec('PRAGMA writable_schema = ON')
  database
    .prepare(`DELETE FROM sqlite_master WHERE ${by} IN (SELECT value FROM json_each(?))`)
    .run([JSON.stringify(names)])
  database.exec('PRAGMA writable_schema = RESET')
}
