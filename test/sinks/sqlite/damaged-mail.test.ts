/** Mail that is not what was written: the ledger beside it must not vouch for it. */
import { writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { audit } from '../../../src/audit/audit.ts'
import { SqliteDatabase } from '../../../src/ledger/sqlite-database.ts'
import type { RawMessage } from '../../../src/message.ts'
import { sqlite } from '../../../src/sinks/sqlite/index.ts'
import type { Sink } from '../../../src/sinks/sink.ts'
import { verifyRecord } from '../../../src/sinks/verify-record.ts'
import { drainInto, serve, texts } from '../../support/drains.ts'
import { bytesOf, newFile, settle, heldIn, openFile, runIn } from '../../support/ledger-files.ts'
import { MAILBOX, rawMessage } from '../../support/messages.ts'
import { batchMessage, sinkContext } from '../../support/sinks.ts'

const signal = new AbortController().signal
const REBUILD = { rebuildLedger: true }

/** Three messages that were written, one of which is not what it was. */
async function flipped(): Promise<{ path: string; all: RawMessage[] }> {
  const path = newFile()
  const all = [1, 2, 3].map((n) => rawMessage(`uid-${n}`, `${n}`))
  const sink = await openFile(path)
  await write(sink, all)
  await sink.close()
  runIn(path, FLIP)
  return { path, all }
}

const write = (sink: Sink, all: readonly RawMessage[]) =>
  sink.write({ messages: all.map((each) => batchMessage(each)), tombstones: [] }, { signal })

function query(path: string, sql: string): unknown[][] {
  const database = SqliteDatabase.openReader(path, { busyTimeoutMs: 0 })
  const found = database.prepare(sql).rows()
  database.close()
  return found.map((row) => [...row])
}

const rawsOf = (path: string): string[] =>
  query(path, 'SELECT CAST(raw AS BLOB) FROM messages').map(([raw]) =>
    (raw as Buffer).toString('latin1'),
  )

const FLIP = "UPDATE messages SET raw = x'00' || substr(raw, 2) WHERE uidl = 'uid-2'"

describe('a row whose bytes are not what was written', () => {
  it.each([
    ['and the ledger is lost', `DELETE FROM ledger; ${FLIP}`],
    ['and the ledger is whole', FLIP],
  ])(
    'G1: %s: after --rebuild-ledger its message is delivered again before it is deleted',
    async (_, sql) => {
      const path = newFile()
      const server = await serve(5)
      await drainInto(server, sqlite({ path }), { deletion: 'keep' })
      runIn(path, sql)
      const receipt = await drainInto(server, sqlite({ path }), REBUILD)
      expect(receipt).toMatchObject({ delivered: 1, alreadyDelivered: 4, deleted: 5 })
      expect(rawsOf(path).sort()).toEqual(texts(5).sort())
      const mailbox = receipt.mailbox
      expect(await audit({ of: mailbox, at: sqlite({ path }) })).toMatchObject({ addsUp: true })
    },
  )

  it('G4: a further record of a message counts like its first', async () => {
    const path = newFile()
    const all = [1, 2].map((n) => rawMessage(`uid-${n}`, `${n}`))
    const messages = all.map((message) => {
      const { entry, records } = batchMessage(message)
      const [first] = records
      return { entry, records: [first!, { ...first!, key: `${message.key}.1` }] }
    })
    const sink = await openFile(path)
    await sink.write({ messages, tombstones: [] }, { signal })
    await sink.close()
    runIn(path, `UPDATE messages SET raw = x'00' WHERE key = '${all[0]!.key}.1'`)
    const again = await openFile(path, REBUILD)
    expect(heldIn(again, all)).toEqual([all[1]])
    await again.write({ messages, tombstones: [] }, { signal })
    expect(heldIn(again, all)).toEqual(all)
    expect(new Set(rawsOf(path))).toEqual(new Set(all.map(({ raw }) => raw.toString('latin1'))))
  })

  it('G13: what is written again takes the place of what is damaged, and only of that', async () => {
    const { path, all } = await flipped()
    const before = query(path, 'SELECT rowid FROM messages ORDER BY rowid')
    const again = await openFile(path)
    await write(again, all)
    expect(rawsOf(path).sort()).toEqual(all.map(({ raw }) => raw.toString('latin1')).sort())
    const after = query(path, 'SELECT rowid FROM messages ORDER BY rowid')
    expect(after.filter(([rowid]) => before.flat().includes(rowid))).toHaveLength(2)
  })

  it('an entry whose row is whole again is held again', async () => {
    const { path, all } = await flipped()
    const rebuilt = await openFile(path, REBUILD)
    expect(heldIn(rebuilt, all)).toHaveLength(2)
    await rebuilt.close()
    const sound = all[1]!.raw.toString('hex')
    runIn(path, `UPDATE messages SET raw = x'${sound}' WHERE uidl = 'uid-2'`)
    const again = await openFile(path, REBUILD)
    expect(heldIn(again, all)).toEqual(all)
    expect(again.ledger).toMatchObject({ size: 3 })
  })
})

describe('pages among the mail that cannot be read', () => {
  const large = Array.from({ length: 30 }, (_, n) =>
    rawMessage(`uid-${n}`, `body ${n} ${'x'.repeat(20_000)}`),
  )

  /** Files with one page overwritten each: of the middle of a message, and one from which rows begin. */
  async function tornFiles(): Promise<string[]> {
    const path = newFile()
    const sink = await openFile(path)
    await write(sink, large)
    await sink.close()
    settle(path)
    const whole = bytesOf(path)
    const pages = whole.length / 4096
    return [90, 92, 124, pages - 30].map((page) => {
      const bytes = Buffer.from(whole)
      bytes.fill(0xa5, page * 4096, (page + 1) * 4096)
      const torn = newFile()
      writeFileSync(torn, bytes)
      return torn
    })
  }

  it('everything else is read back, and the audit names what is torn', async () => {
    for (const path of await tornFiles()) {
      const found = []
      for await (const record of sqlite({ path }).readBack!(sinkContext())) found.push(record)
      expect(found).toHaveLength(30)
      const torn = found.filter((record) => verifyRecord(record).why !== null)
      expect(torn.length).toBeGreaterThan(0)
      expect(torn.length).toBeLessThan(12)
      expect(new Set(found.map(({ key }) => key))).toEqual(new Set(large.map(({ key }) => key)))
      const report = await audit({ of: MAILBOX, at: sqlite({ path }) })
      expect(report).toMatchObject({ addsUp: false, altered: { count: torn.length } })
      expect(report).toMatchObject({ delivered: 30 - torn.length, missing: { count: 0 } })
    }
  })

  it.each([
    ['whole', 'SELECT 1'],
    ['lost', 'DELETE FROM ledger'],
  ])('with a ledger that is %s: rebuilt, what is torn can be delivered again', async (_, sql) => {
    for (const path of await tornFiles()) {
      runIn(path, sql)
      const sink = await openFile(path, REBUILD)
      const held = heldIn(sink, large)
      expect(held.length).toBeGreaterThan(18)
      expect(held.length).toBeLessThan(30)
      await write(sink, large)
      expect(heldIn(sink, large)).toEqual(large)
      await sink.close()
      expect(rawsOf(path).sort()).toEqual(large.map(({ raw }) => raw.toString('latin1')).sort())
      expect(query(path, "SELECT name FROM sqlite_master WHERE name LIKE 'messages%'")).toEqual([
        ['messages'],
        ['messages_sent_at'],
      ])
      expect(query(path, "PRAGMA integrity_check('messages')")).toEqual([['ok']])
      const again = await openFile(path)
      expect(heldIn(again, large)).toEqual(large)
      await again.close()
    }
  })
})

describe('the table of mail itself', () => {
  it.each([REBUILD, { acceptMissing: true }])(
    'that was dropped is noticed, and made anew: nothing is held (%o)',
    async (way) => {
      const path = newFile()
      const all = [1, 2, 3].map((n) => rawMessage(`uid-${n}`, `${n}`))
      const sink = await openFile(path)
      await write(sink, all)
      await sink.close()
      runIn(path, 'DROP TABLE messages')
      await expect(openFile(path)).rejects.toMatchObject({ code: 'MAILDRAIN_LEDGER_LOST' })
      const again = await openFile(path, way)
      expect(heldIn(again, all)).toEqual([])
      await write(again, all)
      expect(heldIn(again, all)).toEqual(all)
      expect(rawsOf(path)).toHaveLength(3)
    },
  )

  it('whose index of keys leads nowhere is made anew by --rebuild-ledger', async () => {
    const path = newFile()
    const all = Array.from({ length: 20 }, (_, n) => rawMessage(`uid-${n}`, `${n}`))
    const sink = await openFile(path)
    await write(sink, all)
    await sink.close()
    runIn(path, 'CREATE VIEW mine AS SELECT uidl FROM messages')
    const [root] = query(
      path,
      "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_messages_1'",
    )[0] as [number]
    const bytes = bytesOf(path)
    bytes.fill(0xa5, (root - 1) * 4096, root * 4096)
    const torn = newFile()
    writeFileSync(torn, bytes)
    const again = await openFile(torn, REBUILD)
    expect(heldIn(again, all)).toEqual(all)
    await write(again, all)
    expect(rawsOf(torn)).toHaveLength(20)
    expect(query(torn, 'SELECT count(*) FROM mine')).toEqual([[20]])
  })
})
