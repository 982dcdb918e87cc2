import { writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import { SqliteDatabase } from '../../../src/ledger/sqlite-database.ts'
import type { RawMessage } from '../../../src/message.ts'
import type { Sink } from '../../../src/sinks/sink.ts'
import { bytesOf, fillFile, newFile, heldIn, openFile, runIn } from '../../support/ledger-files.ts'
import { rawMessage } from '../../support/messages.ts'
import { batchMessage } from '../../support/sinks.ts'

const signal = new AbortController().signal
const REBUILD = { rebuildLedger: true }
const ACCEPT = { acceptMissing: true }
const OTHER = 'other@mail.example'
const refused = (code: string) => ({ code: `MAILDRAIN_LEDGER_${code}`, exitCode: 8 })

/** Of `fillFile`: those that have a row. */
const written = (all: readonly RawMessage[]) => all.filter((_, n) => n % 5 !== 0)

const write = (sink: Sink, all: readonly RawMessage[]) =>
  sink.write({ messages: all.map((each) => batchMessage(each)), tombstones: [] }, { signal })

const rows = (path: string): number => {
  const database = SqliteDatabase.openReader(path, { busyTimeoutMs: 0 })
  const [count] = database.prepare('SELECT count(*) FROM messages').row() ?? []
  database.close()
  return Number(count)
}

describe('fault 73: a ledger that was emptied, while the file holds mail', () => {
  it.each([
    ['with its tally', 'DELETE FROM ledger; DELETE FROM ledger_tally'],
    ['alone', 'DELETE FROM ledger'],
    ['in part', 'DELETE FROM ledger WHERE rowid % 2'],
    [
      'with all that was ever known',
      'DELETE FROM ledger; DELETE FROM ledger_owner; DELETE FROM ledger_tally',
    ],
  ])('%s: is refused, and made anew from the mail', async (_, sql) => {
    const path = newFile()
    const all = await fillFile(path, 40)
    runIn(path, sql)
    await expect(openFile(path)).rejects.toMatchObject(refused('LOST'))
    await expect(openFile(path)).rejects.toThrow(/--rebuild-ledger.*--accept-missing/)
    const sink = await openFile(path, REBUILD)
    expect(heldIn(sink, written(all))).toHaveLength(written(all).length)
    expect(sink.ledger?.tally?.seen).toBe(sink.ledger?.size)
    const { key, octets, headerSha256 } = all[1]!
    expect(sink.ledger?.get(key)).toMatchObject({ state: 'delivered', octets, headerSha256 })
    await write(sink, all.slice(1, 3))
    await sink.close()
    expect(rows(path)).toBe(written(all).length)
    expect(heldIn(await openFile(path), written(all))).toHaveLength(written(all).length)
  })

  it('accepted, it begins anew, and what comes again is not doubled', async () => {
    const path = newFile()
    const all = await fillFile(path, 40)
    runIn(path, 'DELETE FROM ledger')
    const sink = await openFile(path, ACCEPT)
    expect(sink.ledger?.size).toBe(0)
    await write(sink, written(all))
    await sink.close()
    expect(rows(path)).toBe(written(all).length)
    expect((await openFile(path)).ledger?.size).toBe(written(all).length)
  })

  it('a rebuild that breaks off is asked for again', async () => {
    const path = newFile()
    const all = await fillFile(path, 40)
    runIn(path, 'DELETE FROM ledger')
    const abort = new AbortController()
    let asked = 0
    const now = () => {
      asked += 1
      if (asked === 10) abort.abort()
      return 1
    }
    const clock = { ...systemClock, now }
    await expect(openFile(path, { ...REBUILD, clock, signal: abort.signal })).rejects.toThrow()
    await expect(openFile(path)).rejects.toMatchObject(refused('LOST'))
    const sink = await openFile(path, REBUILD)
    expect(heldIn(sink, written(all))).toHaveLength(written(all).length)
    await sink.close()
    await expect(openFile(path)).resolves.toBeDefined()
  })

  it('believes only what the bytes bear out', async () => {
    const path = newFile()
    const all = await fillFile(path, 5)
    runIn(path, "DELETE FROM ledger; UPDATE messages SET raw = x'00' WHERE uidl = 'uid-2'")
    const sink = await openFile(path, REBUILD)
    expect(sink.ledger?.get(all[2]!.key)).toBeUndefined()
    expect(sink.ledger?.size).toBe(3)
  })

  it('another mailbox of the file is not concerned', async () => {
    const path = newFile()
    await fillFile(path, 10)
    const theirs = rawMessage('1', '1', OTHER)
    const sink = await openFile(path, { mailbox: OTHER })
    await write(sink, [theirs])
    await sink.close()
    runIn(path, "DELETE FROM ledger WHERE uidl <> x'31'")
    expect(heldIn(await openFile(path, { mailbox: OTHER }), [theirs])).toHaveLength(1)
    await expect(openFile(path)).rejects.toMatchObject(refused('LOST'))
  })
})

describe('a file that is refused', () => {
  it.each([
    ['LOST', 'DELETE FROM ledger WHERE rowid > 3', {}],
    ['DAMAGED', 'UPDATE ledger SET copies = 7 WHERE rowid = 3', ACCEPT],
    ['DAMAGED', 'UPDATE ledger_tally SET seen = 7', ACCEPT],
    ['DAMAGED', "UPDATE ledger_host SET notes = '{}'", ACCEPT],
  ])('%s: is as it was, nobody has been pushed aside (%s)', async (code, sql, way) => {
    const path = newFile()
    await fillFile(path, 40)
    runIn(path, sql)
    const before = bytesOf(path)
    await expect(openFile(path, way)).rejects.toMatchObject(refused(code))
    runIn(path, 'SELECT 1')
    expect(bytesOf(path)).toEqual(before)
  })

  it('G11: without its owner it would begin with an epoch that was there before', async () => {
    const path = newFile()
    const all = await fillFile(path, 10)
    for (const way of [REBUILD, ACCEPT]) {
      runIn(path, 'DELETE FROM ledger_owner')
      await expect(openFile(path)).rejects.toMatchObject(refused('LOST'))
      const sink = await openFile(path, way)
      expect(heldIn(sink, written(all))).toHaveLength(written(all).length)
      await sink.close()
      expect(epochOf(path)).toBeGreaterThan(1_000_000_000)
      await (await openFile(path)).close()
    }
  })
})

const epochOf = (path: string): number => {
  const database = SqliteDatabase.openReader(path, { busyTimeoutMs: 0 })
  const [epoch] = database.prepare('SELECT epoch FROM ledger_owner').row() ?? []
  database.close()
  return Number(epoch)
}

describe('what was forgotten in order', () => {
  it('is neither lost nor rebuilt; after a loss it is counted as what it was', async () => {
    const path = newFile()
    const all = [1, 2, 3].map((n) => rawMessage(`${n}`, `${n}`))
    let sink = await openFile(path)
    await write(sink, all)
    const gone = { ...sink.ledger!.get(all[0]!.key)!, state: 'gone', was: 'delivered', goneAt: 1 }
    const message = { entry: gone as ReturnType<typeof batchMessage>['entry'], records: [] }
    await sink.write({ messages: [message], tombstones: [] }, { signal })
    await sink.write({ messages: [], tombstones: [all[0]!.key] }, { signal })
    await sink.close()
    sink = await openFile(path, REBUILD)
    expect(sink.ledger).toMatchObject({ size: 2, tally: { seen: 3, pruned: { delivered: 1 } } })
    await sink.close()
    runIn(path, 'DELETE FROM ledger')
    sink = await openFile(path, REBUILD)
    expect(sink.ledger).toMatchObject({ size: 3, tally: { seen: 3, pruned: { delivered: 0 } } })
  })
})

describe('fault 71: a damaged ledger', () => {
  it('is repaired from what is sound in it and from the mail', async () => {
    const path = newFile()
    const all = await fillFile(path, 40)
    // A delivered one, and one that is kept: of that nothing is in the mail.
    runIn(
      path,
      `UPDATE ledger SET attempts = 9 WHERE uidl IN (x'${hex('uid-1')}', x'${hex('uid-5')}')`,
    )
    await expect(openFile(path)).rejects.toMatchObject(refused('DAMAGED'))
    const sink = await openFile(path, REBUILD)
    expect(heldIn(sink, written(all))).toHaveLength(written(all).length)
    expect(sink.ledger?.get(all[5]!.key)).toBeUndefined()
    expect(sink.ledger?.get(all[10]!.key)).toMatchObject({ state: 'kept', reason: 'filtered' })
    expect(sink.ledger).toMatchObject({ size: 39, host: '{"a":1}', tally: { seen: 39 } })
    await sink.close()
    expect((await openFile(path)).ledger?.size).toBe(39)
  })

  it.each(['ledger', 'ledger_owner', 'ledger_host', 'ledger_tally', 'ledger_meta'])(
    'whose table %s is missing is repaired',
    async (table) => {
      const path = newFile()
      const all = await fillFile(path, 40)
      runIn(path, `DROP TABLE ${table}`)
      await expect(openFile(path)).rejects.toMatchObject(refused('DAMAGED'))
      const sink = await openFile(path, REBUILD)
      expect(heldIn(sink, written(all))).toHaveLength(written(all).length)
      await sink.close()
      await expect(openFile(path)).resolves.toBeDefined()
    },
  )

  it('whose pages are overwritten is repaired, and the mail is not touched', async () => {
    const path = newFile()
    const all = await fillFile(path, 400)
    const mail = rows(path)
    const pages = rootPages(path)
    for (const page of pages) {
      const bytes = bytesOf(path)
      bytes.fill(0xa5, (page - 1) * 4096, page * 4096)
      const broken = newFile()
      writeFileSync(broken, bytes)
      await expect(openFile(broken)).rejects.toMatchObject(refused('DAMAGED'))
      const sink = await openFile(broken, REBUILD)
      expect(heldIn(sink, written(all))).toHaveLength(written(all).length)
      await sink.close()
      expect(rows(broken)).toBe(mail)
      const again = await openFile(broken)
      expect(heldIn(again, written(all))).toHaveLength(written(all).length)
      await again.close()
    }
    expect(pages.length).toBeGreaterThan(6)
  })
})

const hex = (text: string): string => Buffer.from(text).toString('hex')

/** Pages from which the ledger's tables and indexes begin. */
function rootPages(path: string): number[] {
  const database = SqliteDatabase.openReader(path, { busyTimeoutMs: 0 })
  const found = database
    .prepare("SELECT rootpage FROM sqlite_master WHERE tbl_name LIKE 'ledger%'")
    .rows()
  database.close()
  return found.map(([page]) => Number(page))
}
