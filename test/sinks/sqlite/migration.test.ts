import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { KeyCounter } from '../../../src/ledger/key-set.ts'
import type { Tally } from '../../../src/ledger/ledger.ts'
import { SqliteDatabase } from '../../../src/ledger/sqlite-database.ts'
import { NOTHING_SEEN } from '../../../src/ledger/tally.ts'
import type { RawMessage } from '../../../src/message.ts'
import type { SinkContext } from '../../../src/sinks/sink.ts'
import { sqlite } from '../../../src/sinks/sqlite/index.ts'
import { answersOf, fillFile, newFile, settle } from '../../support/ledger-files.ts'
import { rawMessage } from '../../support/messages.ts'
import { batchMessage, sinkContext } from '../../support/sinks.ts'

const signal = new AbortController().signal

/** Makes of a file what a maildrain of format 1 would have left: no checksums, no tally. */
function age(path: string, { host = true } = {}): void {
  const database = SqliteDatabase.openDurable(path, { busyTimeoutMs: 0 })
  database.exec('PRAGMA foreign_keys = OFF; DROP TABLE ledger_tally')
  for (const table of ['ledger', 'ledger_owner', 'ledger_host'])
    database.exec(`ALTER TABLE ${table} DROP COLUMN checksum`)
  if (!host) database.exec('DROP TABLE ledger_host')
  const value = '{"application":"maildrain","format":1,"database":"x"}'
  database.prepare('UPDATE ledger_meta SET value = ?').run([value])
  database.exec('PRAGMA user_version = 1')
  database.close()
  settle(path)
}

function change(path: string, sql: string): void {
  const database = SqliteDatabase.openDurable(path, { busyTimeoutMs: 0 })
  database.exec(sql)
  database.close()
  settle(path)
}

function query(path: string, sql: string): readonly (readonly unknown[])[] {
  const database = SqliteDatabase.openReader(path, { busyTimeoutMs: 0 })
  const found = database.prepare(sql).rows()
  database.close()
  return found
}

const epochsOf = (path: string): number[] =>
  query(path, 'SELECT epoch FROM ledger_owner ORDER BY mailbox').map(([epoch]) => Number(epoch))

const statesOf = (path: string): Record<string, number> =>
  Object.fromEntries(
    query(
      path,
      'SELECT state, count(*) FROM ledger JOIN ledger_owner USING (mailbox) GROUP BY state',
    ).map(([state, count]) => [String(state), Number(count)]),
  )

async function answers(path: string, messages: readonly RawMessage[]) {
  const sink = sqlite({ path })
  await sink.open(sinkContext())
  const found = answersOf(sink.ledger!, messages)
  await sink.close()
  return found
}

async function peeked(path: string, messages: readonly RawMessage[]) {
  const view = await sqlite({ path }).peek!(sinkContext())
  const found = answersOf(view!.ledger, messages)
  view!.close()
  return found
}

/** Of a file that has only begun to count: what has an entry now. */
const begun = (messages: readonly RawMessage[]): Tally => {
  const delivered = new KeyCounter()
  for (const [n, { key }] of messages.entries()) if (n % 5 !== 0) delivered.add(key)
  return { ...NOTHING_SEEN, seen: 30, delivered: delivered.toJSON() }
}

describe('a file of format 1', () => {
  it('is migrated when it is opened, and counts from what it holds', async () => {
    const path = newFile()
    const messages = await fillFile(path, 30)
    const before = await answers(path, messages)
    settle(path)
    age(path)
    const old = readFileSync(path)
    expect(await peeked(path, messages)).toEqual({ ...before, tally: begun(messages) })
    expect(readFileSync(path)).toEqual(old)
    expect(await answers(path, messages)).toEqual({ ...before, tally: begun(messages) })
    const sink = sqlite({ path })
    await sink.open(sinkContext())
    const message = batchMessage(rawMessage('new', 'new'))
    await sink.write({ messages: [message], tombstones: [] }, { signal })
    await sink.close()
    expect(await answers(path, messages)).toMatchObject({ size: 31, tally: { seen: 31 } })
  })

  it('also one from before anything was observed of servers', async () => {
    const path = newFile()
    const messages = await fillFile(path, 5)
    age(path, { host: false })
    expect(await peeked(path, messages)).toMatchObject({ size: 5, host: null })
    expect(await answers(path, messages)).toMatchObject({ size: 5, host: null })
  })

  it('is as it was when the migration fails in the middle', async () => {
    const path = newFile()
    const messages = await fillFile(path, 30)
    age(path)
    const database = SqliteDatabase.openDurable(path, { busyTimeoutMs: 0 })
    database.exec("UPDATE ledger SET state = 'delivere' WHERE rowid = 20")
    database.close()
    settle(path)
    const old = readFileSync(path)
    await expect(answers(path, messages)).rejects.toMatchObject({
      code: 'MAILDRAIN_LEDGER_DAMAGED',
      exitCode: 8,
    })
    settle(path)
    expect(readFileSync(path)).toEqual(old)
  })
})

describe('a file of format 1 that is damaged', () => {
  const OTHER = 'other@mail.example'

  async function withTwoMailboxes(path: string): Promise<readonly RawMessage[]> {
    const messages = await fillFile(path, 30)
    const sink = sqlite({ path })
    await sink.open(sinkContext({ mailbox: OTHER }))
    const theirs = [1, 2].map((n) => rawMessage(`${n}`, `${n}`, OTHER))
    const batch = theirs.map((message) => batchMessage(message))
    await sink.write({ messages: batch, tombstones: [], host: '{"b":2}' }, { signal })
    await sink.close()
    settle(path)
    return messages
  }

  async function opened(path: string, change: Partial<SinkContext>) {
    const sink = sqlite({ path })
    try {
      await sink.open(sinkContext(change))
      const { size, host, tally } = answersOf(sink.ledger!, [])
      return { size, host, seen: tally?.seen, states: statesOf(path) }
    } finally {
      await sink.close()
    }
  }

  it('keeps what is sound of all mailboxes, and their owners', async () => {
    const path = newFile()
    await withTwoMailboxes(path)
    age(path)
    change(path, "UPDATE ledger SET state = 'delivere' WHERE uidl = CAST('uid-1' AS BLOB)")
    const epochs = epochsOf(path)
    await expect(opened(path, {})).rejects.toMatchObject({ code: 'MAILDRAIN_LEDGER_DAMAGED' })
    const mended = await opened(path, { rebuildLedger: true })
    expect(mended).toMatchObject({ size: 30, host: '{"a":1}', seen: 30 })
    expect(mended.states).toEqual({ delivered: 22, kept: 6, gone: 4 })
    expect(await opened(path, { mailbox: OTHER })).toMatchObject({ size: 2, host: '{"b":2}' })
    expect(epochsOf(path)).toEqual(epochs.map((epoch) => epoch + 1))
  })

  it('misses what was damaged of another mailbox, when that is opened', async () => {
    const path = newFile()
    await withTwoMailboxes(path)
    age(path)
    change(path, "UPDATE ledger SET state = 'delivere' WHERE uidl = CAST('1' AS BLOB)")
    await opened(path, { rebuildLedger: true })
    const other = { mailbox: OTHER }
    await expect(opened(path, other)).rejects.toMatchObject({ code: 'MAILDRAIN_LEDGER_LOST' })
    expect(await opened(path, { ...other, rebuildLedger: true })).toMatchObject({ size: 2 })
  })

  it('is still of format 1 when it was refused as lost', async () => {
    const path = newFile()
    await fillFile(path, 10)
    age(path)
    change(path, 'DELETE FROM ledger; DELETE FROM ledger_owner')
    const before = readFileSync(path)
    await expect(opened(path, {})).rejects.toMatchObject({ code: 'MAILDRAIN_LEDGER_LOST' })
    settle(path)
    expect(readFileSync(path)).toEqual(before)
  })
})

describe('what a file says of its format', () => {
  it('a newer one is refused, and not changed by a byte', async () => {
    const path = newFile()
    await fillFile(path, 5)
    const database = SqliteDatabase.openDurable(path, { busyTimeoutMs: 0 })
    database.exec(`UPDATE ledger_meta SET value = '{"application":"maildrain","format":3}'`)
    database.exec('PRAGMA user_version = 3')
    database.close()
    settle(path)
    const bytes = readFileSync(path)
    const sink = sqlite({ path })
    await expect(sink.open(sinkContext())).rejects.toMatchObject({
      code: 'MAILDRAIN_LEDGER_FOREIGN',
    })
    await sink.close()
    expect(readFileSync(path)).toEqual(bytes)
  })

  it('is said in two places, and they must agree: else checksums would be left out', async () => {
    const path = newFile()
    const messages = await fillFile(path, 5)
    const bytes = readFileSync(path)
    bytes.writeUInt32BE(1, 60)
    writeFileSync(path, bytes)
    await expect(answers(path, messages)).rejects.toMatchObject({
      code: 'MAILDRAIN_LEDGER_DAMAGED',
    })
  })
})
