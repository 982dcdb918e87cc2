/** SQLite files with a ledger in them: a sound one, and what stands in one. */
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { SqliteDatabase } from '../../src/ledger/sqlite-database.ts'
import type { RawMessage } from '../../src/message.ts'
import type { Sink, SinkContext } from '../../src/sinks/sink.ts'
import { sqlite } from '../../src/sinks/sqlite/index.ts'
import { entryFor, rawMessage } from './messages.ts'
import { batchMessage, sinkContext } from './sinks.ts'

const signal = new AbortController().signal

export const newFile = (): string =>
  join(mkdtempSync(join(tmpdir(), 'maildrain-ledger-')), 'mail.db')

/** An open sink that waits for nobody, closed with the test at the latest. */
export async function openFile(path: string, context: Partial<SinkContext> = {}): Promise<Sink> {
  const sink = sqlite({ path, openPatienceMs: 0, busyTimeoutMs: 50 })
  onTestFinished(() => sink.close())
  try {
    await sink.open(sinkContext(context))
  } catch (error) {
    await sink.close()
    throw error
  }
  return sink
}

/** Of these messages, those of which the destination has what the ledger says. */
export const heldIn = ({ ledger }: Sink, messages: readonly RawMessage[]): RawMessage[] =>
  messages.filter(({ key }) => {
    const entry = ledger!.get(key)
    return entry !== undefined && ledger!.holds(entry)
  })

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

/** SQL by somebody else, on a file that no sink has open. */
export function runIn(path: string, sql: string): void {
  const database = SqliteDatabase.openDurable(path, { busyTimeoutMs: 0 })
  database.exec(sql)
  database.close()
  settle(path)
}

/** What is in the log goes into the file. */
export function settle(path: string): void {
  const database = SqliteDatabase.openDurable(path, { busyTimeoutMs: 0 })
  database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').row()
  database.close()
}

export const bytesOf = (path: string): Buffer => readFileSync(path)
