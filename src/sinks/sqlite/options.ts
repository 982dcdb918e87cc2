/** Options of the SQLite sink, declared once. */
import { z } from 'zod'

export const sqliteSinkOptions = z.strictObject({
  path: z.string().min(1).describe('Database file; made with mode 0600 when it is not there.'),
  busyTimeoutMs: z
    .int()
    .min(0)
    .max(600_000)
    .default(5000)
    .describe("Milliseconds that a write waits for another program's write to the same file."),
  openPatienceMs: z
    .int()
    .min(0)
    .default(30_000)
    .describe('Milliseconds that a file held by another program is waited for at the start.'),
})

export interface SqliteSinkOptions extends z.input<typeof sqliteSinkOptions> {}
export type ResolvedSqliteSinkOptions = z.output<typeof sqliteSinkOptions>
