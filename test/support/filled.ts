/** SQLite destinations with mail in them, and ways to damage these. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LedgerEntry } from '../../src/ledger/ledger.ts'
import { SqliteDatabase } from '../../src/ledger/sqlite-database.ts'
import type { RawMessage } from '../../src/message.ts'
import { sqlite } from '../../src/sinks/sqlite/index.ts'
import type { Batch } from '../../src/sinks/sink.ts'
import { batchMessage, sinkContext } from './sinks.ts'

export const scratchDirectory = (): string => mkdtempSync(join(tmpdir(), 'maildrain-filled-'))

export interface Filling {
  readonly messages?: readonly RawMessage[]
  /** What the entry of a message says, by unique-id; delivered unless given. */
  readonly states?: Readonly<Record<string, Partial<LedgerEntry>>>
  /** Entries without records. */
  readonly entries?: readonly LedgerEntry[]
  readonly batch?: Partial<Batch>
}

/** A new file, or more in one that is there. */
export async function fill(
  { messages = [], states = {}, entries = [], batch = {} }: Filling,
  path = join(scratchDirectory(), 'mail.db'),
): Promise<string> {
  const mailboxes = new Set(messages.map(({ mailbox }) => mailbox))
  for (const mailbox of mailboxes.size === 0 ? [undefined] : mailboxes) {
    const context = sinkContext(mailbox === undefined ? {} : { mailbox })
    const sink = sqlite({ path })
    await sink.open(context)
    const own = messages.filter((each) => mailbox === undefined || each.mailbox === mailbox)
    await sink.write(
      {
        messages: [
          ...own.map((each) => batchMessage(each, states[each.uidl ?? ''])),
          ...entries.map((entry) => ({ entry, records: [] })),
        ],
        tombstones: [],
        ...batch,
      },
      { signal: context.signal },
    )
    await sink.close()
  }
  return path
}

/** As somebody with the sqlite3 shell would. */
export function change(path: string, sql: string): void {
  const database = SqliteDatabase.openDurable(path, { busyTimeoutMs: 1000 })
  database.exec(sql)
  database.close()
}
