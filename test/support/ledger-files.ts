/** SQLite files with a ledger in them: a sound one, and what stands in one. */
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { SqliteDatabase } from '../../src/ledger/sqlite-database.ts'
import type { RawMessage } from '../../src/message.ts'
import { sqlite } from '../../src/sinks/sqlite/index.ts'
import { entryFor, rawMessage } from './messages.ts'
import { batchMessage, sinkContext } from './sinks.ts'

const signal = new AbortController().signal

export const newFile = (): string =>
  join(mkdtempSync(join(tmpdir(), 'maildrain-ledger-')), 'mail.db')

/** All that a ledger answers about these messages. */
export const answersOf = (ledger: Ledger, messages: readonly RawMessage[]) => ({
  entries: messages.map(({ key }) => ledger.get(key)),
  found: messages.map(({ uidl }) => ledger.byUidl(uidl ?? '').map(({ key }) => key)),
  present: [...ledger.present()].map(({ key }) => key),
  gone: [...ledger.goneBefore(1e15)],
  standing: ledger.standing?.('f', 1e15, 1e15),
  ...{ size: ledger.size, tally: ledger.tally, host: ledger.host },
})

/** Messages of every state, as a drain leaves them when its process has ended: nothing but the file. */
export async function fillFile(path: string, count: number): Promise<readonly RawMessage[]> {
  const messages = Array.from({ length: count }, (_, n) => rawMessage(`uid-${n}`, `body ${n}`))
  const sink = sqlite({ path })
  await sink.open(sinkContext())
  const batch = messages.map((message, n) => {
    if (n % 5 === 0) {
      const entry = entryFor(message, { state: 'kept', reason: 'filtered', fingerprint: 'f' })
      return { entry, records: [] }
    }
    if (n % 7 === 0) return batchMessage(message, { state: 'gone', was: 'delivered', goneAt: n })
    return batchMessage(message)
  })
  await sink.write({ messages: batch, tombstones: [], host: '{"a":1}', vanished: 2 }, { signal })
  await sink.close()
  settle(path)
  return messages
}

/** What is in the log goes into the file. */
export function settle(path: string): void {
  const database = SqliteDatabase.openDurable(path, { busyTimeoutMs: 0 })
  database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').row()
  database.close()
}

export const bytesOf = (path: string): Buffer => readFileSync(path)
