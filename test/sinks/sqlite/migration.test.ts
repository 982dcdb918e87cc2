import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { SqliteDatabase } from '../../../src/ledger/sqlite-database.ts'
import type { RawMessage } from '../../../src/message.ts'
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

const begun = { seen: 30, pruned: { delivered: 0, deadLettered: 0, kept: 0 }, vanished: 0 }

describe('a file of format 1', () => {
  it('is migrated when it is opened, and counts from what it holds', async () => {
    const path = newFile()
    const messages = await fillFile(path, 30)
    const before = await answers(path, messages)
    settle(path)
    age(path)
    const old = readFileSync(path)
    expect(await peeked(path, messages)).toEqual({ ...before, tally: begun })
    expect(readFileSync(path)).toEqual(old)
    expect(await answers(path, messages)).toEqual({ ...before, tally: begun })
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
