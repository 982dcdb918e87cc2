import {
  copyFileSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { BatchError } from '../../../src/errors.ts'
import { SqliteDatabase } from '../../../src/ledger/sqlite-database.ts'
import { type MailRecord, unparsedRecord } from '../../../src/message.ts'
import type { Sink } from '../../../src/sinks/sink.ts'
import { sqlite } from '../../../src/sinks/sqlite/index.ts'
import { entryFor, rawMessage } from '../../support/messages.ts'
import { batchMessage, sinkContext } from '../../support/sinks.ts'

const signal = new AbortController().signal
const opened: Sink[] = []
afterEach(async () => {
  for (const sink of opened.splice(0)) await sink.close()
})

const newPath = (): string => join(mkdtempSync(join(tmpdir(), 'maildrain-sqlite-')), 'mail.db')

async function openSink(path: string, change: Parameters<typeof sinkContext>[0] = {}) {
  const sink = sqlite({ path, openPatienceMs: 0, busyTimeoutMs: 50 })
  opened.push(sink)
  await sink.open(sinkContext(change))
  return sink
}

function rows(path: string, sql: string): unknown[][] {
  const database = SqliteDatabase.openReader(path, { busyTimeoutMs: 100 })
  try {
    return database
      .prepare(sql)
      .rows()
      .map((row) => [...row])
  } finally {
    database.close()
  }
}

describe('what was observed of a mail server', () => {
  it('is committed with a batch and there when the file is opened again', async () => {
    const path = newPath()
    const sink = await openSink(path)
    expect(sink.ledger?.host).toBeNull()
    await sink.close()
    const again = await openSink(path)
    await again.write({ messages: [], tombstones: [], host: '{"a":1}' }, { signal })
    await again.write({ messages: [], tombstones: [], host: '{"a":2}' }, { signal })
    await again.close()
    expect((await openSink(path)).ledger?.host).toBe('{"a":2}')
  })
})

describe('what is written', () => {
  it('a row with the exact bytes and the fields that people look for, everything else as JSON', async () => {
    const path = newPath()
    const sink = await openSink(path)
    const message = rawMessage('uid-1', 'body')
    const value: MailRecord = {
      ...unparsedRecord(message, ''),
      ...{ subject: 'hello', sentAt: Date.UTC(2024, 1, 29, 12), messageId: '<a@b>' },
      ...{ from: [{ name: 'A', address: 'a@example.org' }], parseStatus: 'ok', parseReasons: [] },
    }
    await sink.write(
      {
        messages: [{ entry: entryFor(message), records: [{ key: message.key, value }] }],
        tombstones: [],
      },
      { signal },
    )
    const [row] = rows(path, 'SELECT * FROM messages')
    expect(row?.slice(0, 10)).toEqual([
      ...[message.key, message.mailbox, 'uid-1', message.sha256, message.octets],
      ...['hello', '2024-02-29T12:00:00.000Z', '<a@b>', 'a@example.org', 'ok'],
    ])
    expect(row?.[10]).toEqual(message.raw)
    const record = JSON.parse(String(row?.[11])) as Record<string, unknown>
    expect(record).toMatchObject({ key: message.key, subject: 'hello', parseStatus: 'ok' })
    expect(record).not.toHaveProperty('raw')
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('G5: rows and ledger entries commit together or not at all', async () => {
    const path = newPath()
    const sink = await openSink(path)
    const [good, bad] = [rawMessage('uid-1', 'one'), rawMessage('uid-2', 'two')]
    const broken = batchMessage(bad, { at: 'no number' as unknown as number })
    Object.defineProperty(broken.entry, 'key', { value: {}, enumerable: true })
    const write = sink.write({ messages: [batchMessage(good), broken], tombstones: [] }, { signal })
    await expect(write).rejects.toThrow()
    expect(rows(path, 'SELECT key FROM messages')).toEqual([])
    expect(rows(path, 'SELECT key FROM ledger')).toEqual([])
  })

  it('G13: a redelivery of the same bytes changes nothing', async () => {
    const path = newPath()
    const sink = await openSink(path)
    const batch = { messages: [batchMessage(rawMessage('uid-1', 'one'))], tombstones: [] }
    await sink.write(batch, { signal })
    await sink.write(batch, { signal })
    expect(rows(path, 'SELECT count(*) FROM messages')).toEqual([[1]])
    expect(sink.ledger?.size).toBe(1)
  })

  it('G15: a record that cannot be one is rejected by name, its neighbours are durable', async () => {
    const path = newPath()
    const sink = await openSink(path)
    const [good, bad] = [rawMessage('uid-1', 'one'), rawMessage('uid-2', 'two')]
    const value = { ...unparsedRecord(bad, ''), subject: 7 } as unknown as MailRecord
    const broken = { entry: entryFor(bad), records: [{ key: bad.key, value }] }
    const failure = await sink
      .write({ messages: [broken, batchMessage(good)], tombstones: [] }, { signal })
      .catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(BatchError)
    expect([...(failure as BatchError).failures.keys()]).toEqual([0])
    expect(rows(path, 'SELECT uidl FROM messages')).toEqual([['uid-1']])
    expect(sink.ledger?.get(bad.key)).toBeUndefined()
  })

  it('tombstones forget ledger entries, not mail', async () => {
    const path = newPath()
    const sink = await openSink(path)
    const message = rawMessage('uid-1', 'one')
    await sink.write({ messages: [batchMessage(message)], tombstones: [] }, { signal })
    await sink.write({ messages: [], tombstones: [message.key] }, { signal })
    expect(sink.ledger?.get(message.key)).toBeUndefined()
    expect(rows(path, 'SELECT count(*) FROM messages')).toEqual([[1]])
  })
})

describe('what is known', () => {
  it('G5: the ledger is read back by the next run; an entry whose row is gone is not held', async () => {
    const path = newPath()
    const [kept, removed] = [rawMessage('uid-1', 'one'), rawMessage('uid-2', 'two')]
    const first = await openSink(path)
    await first.write(
      { messages: [batchMessage(kept), batchMessage(removed)], tombstones: [] },
      { signal },
    )
    await first.close()
    const other = SqliteDatabase.openDurable(path, { busyTimeoutMs: 100 })
    other.prepare('DELETE FROM messages WHERE key = ?').run([removed.key])
    other.close()
    const { ledger } = await openSink(path)
    const held = (key: string) => {
      const entry = ledger?.get(key)
      return entry && ledger?.holds(entry)
    }
    expect(held(kept.key)).toBe(true)
    expect(held(removed.key)).toBe(false)
    expect(ledger?.get(kept.key)).toMatchObject({ state: 'delivered', place: 'messages' })
  })
})

describe('one drainer (G11)', () => {
  it('a second one on this host is told so at once', async () => {
    const path = newPath()
    await openSink(path)
    await expect(openSink(path)).rejects.toMatchObject({ code: 'MAILDRAIN_DRAINER_BUSY' })
  })

  it('a file under a second name is refused: there would be two logs and two locks', async () => {
    const path = newPath()
    await openSink(path)
    const other = `${path}.other`
    linkSync(path, other)
    await expect(openSink(other)).rejects.toMatchObject({ code: 'MAILDRAIN_SINK_REFUSED' })
    expect(
      readdirSync(join(path, '..')).filter((name) => name.startsWith('mail.db.other')),
    ).toEqual(['mail.db.other'])
  })

  it('two mailboxes share a file', async () => {
    const path = newPath()
    const one = await openSink(path)
    const two = await openSink(path, { mailbox: 'other@mail.example' })
    const batch = (mailbox: string) => ({
      messages: [batchMessage(rawMessage('uid-1', 'one', mailbox))],
      tombstones: [],
    })
    await one.write(batch('user@mail.example'), { signal })
    await two.write(batch('other@mail.example'), { signal })
    expect(rows(path, 'SELECT count(*) FROM messages')).toEqual([[2]])
    expect(one.ledger?.size).toBe(1)
  })

  it('one that was taken over commits nothing', async () => {
    const path = newPath()
    const sink = await openSink(path)
    const newcomer = SqliteDatabase.openDurable(path, { busyTimeoutMs: 100 })
    newcomer.exec("UPDATE ledger_owner SET epoch = epoch + 1, host = 'elsewhere', pid = 4")
    const write = sink.write(
      { messages: [batchMessage(rawMessage('uid-1', 'one'))], tombstones: [] },
      { signal },
    )
    await expect(write).rejects.toMatchObject({ code: 'MAILDRAIN_SINK_FENCED', exitCode: 7 })
    newcomer.close()
    expect(rows(path, 'SELECT count(*) FROM messages')).toEqual([[0]])
  })
})

describe('what is refused', () => {
  it('a SQLite file of another program, and a file that is none: neither is changed by a byte', async () => {
    const path = newPath()
    const foreign = SqliteDatabase.openDurable(path, { busyTimeoutMs: 100 })
    foreign.exec('CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)')
    foreign.close()
    const text = `${path}.txt`
    writeFileSync(text, 'not a database at all, but somebody needs it\n'.repeat(40))
    for (const file of [path, text]) {
      const before = readFileSync(file)
      const folder = readdirSync(join(file, '..'))
      await expect(openSink(file)).rejects.toMatchObject({
        code: 'MAILDRAIN_LEDGER_FOREIGN',
        exitCode: 8,
      })
      expect(readFileSync(file)).toEqual(before)
      expect(readdirSync(join(file, '..'))).toEqual(folder)
    }
  })

  it('a file that cannot be written', async () => {
    const missing = join(newPath(), '..', 'no-such-directory', 'mail.db')
    for (const path of [missing, tmpdir(), '/proc/version'])
      await expect(openSink(path)).rejects.toMatchObject({
        code: 'MAILDRAIN_SINK_REFUSED',
        exitCode: 5,
      })
  })

  it('a file that was replaced while it was open', async () => {
    const path = newPath()
    const sink = await openSink(path)
    copyFileSync(path, `${path}.copy`)
    renameSync(`${path}.copy`, path)
    const write = sink.write(
      { messages: [batchMessage(rawMessage('uid-1', 'one'))], tombstones: [] },
      { signal },
    )
    await expect(write).rejects.toMatchObject({ code: 'MAILDRAIN_SINK_REFUSED' })
  })
})
