import { createHash } from 'node:crypto'
import { copyFileSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { SqliteDatabase } from '../../../src/ledger/sqlite-database.ts'
import { sqlite } from '../../../src/sinks/sqlite/index.ts'
import type { Sink } from '../../../src/sinks/sink.ts'
import { rawMessage } from '../../support/messages.ts'
import { batchMessage, sinkContext } from '../../support/sinks.ts'

const directory = () => mkdtempSync(join(tmpdir(), 'maildrain-peek-'))
const signal = new AbortController().signal

/** Every file of a directory and what is in it. */
const contents = (path: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(path).map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(path, name)))
        .digest('hex'),
    ]),
  )

async function filled(path: string): Promise<Sink> {
  const sink = sqlite({ path })
  await sink.open(sinkContext())
  const messages = [1, 2, 3].map((n) => batchMessage(rawMessage(`uid-${n}`, `body ${n}`)))
  await sink.write({ messages, tombstones: [], host: '{"at":1}' }, { signal })
  return sink
}

const known = async (path: string, uidl: string) => {
  const view = await sqlite({ path }).peek?.(sinkContext())
  const found = view?.ledger.byUidl(uidl).map((entry) => view.ledger.holds(entry))
  const [size, host] = [view?.ledger.size, view?.ledger.host]
  view?.close()
  return { found, size, host }
}

describe('a look at a SQLite destination', () => {
  it('finds what the ledger holds, and leaves every byte as it is', async () => {
    const path = directory()
    const file = join(path, 'mail.db')
    const sink = await filled(join(directory(), 'mail.db'))
    await sink.close()
    // As a drain leaves it when its process has ended: nothing but the file.
    const drained = sink.destination.slice('sqlite:'.length)
    const database = SqliteDatabase.openDurable(drained, { busyTimeoutMs: 0 })
    database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').row()
    copyFileSync(drained, file)
    const before = contents(path)
    expect(await known(file, 'uid-2')).toEqual({ found: [true], size: 3, host: '{"at":1}' })
    expect(await known(file, 'uid-9')).toMatchObject({ found: [] })
    expect(contents(path)).toEqual(before)
  })

  it('sees what a running drainer has committed, and does not disturb it', async () => {
    const path = directory()
    const file = join(path, 'mail.db')
    const sink = await filled(file)
    const before = contents(path)
    expect(before).toHaveProperty(['mail.db-wal'])
    expect(await known(file, 'uid-3')).toMatchObject({ found: [true], size: 3 })
    const after = contents(path)
    for (const name of ['mail.db', 'mail.db-wal']) expect(after[name]).toBe(before[name])
    expect(Object.keys(after)).toEqual(Object.keys(before))
    const message = batchMessage(rawMessage('uid-4', 'body 4'))
    await sink.write({ messages: [message], tombstones: [] }, { signal })
    await sink.close()
    expect(await known(file, 'uid-4')).toMatchObject({ found: [true], size: 4 })
  })

  it('G5: a row that somebody removed is not held', async () => {
    const file = join(directory(), 'mail.db')
    await (await filled(file)).close()
    const database = SqliteDatabase.openDurable(file, { busyTimeoutMs: 0 })
    database.exec('DELETE FROM messages')
    database.close()
    expect(await known(file, 'uid-2')).toMatchObject({ found: [false], size: 3 })
  })

  it('no file, or an empty one: no ledger, and none is made', async () => {
    const path = directory()
    expect(await sqlite({ path: join(path, 'none.db') }).peek?.(sinkContext())).toBeNull()
    writeFileSync(join(path, 'empty.db'), '')
    expect(await sqlite({ path: join(path, 'empty.db') }).peek?.(sinkContext())).toBeNull()
    expect(contents(path)).toEqual({ 'empty.db': createHash('sha256').digest('hex') })
  })

  it("another program's file is refused", async () => {
    const file = join(directory(), 'other.db')
    writeFileSync(file, 'This is no database, whatever its name says.')
    await expect(sqlite({ path: file }).peek?.(sinkContext())).rejects.toMatchObject({
      code: 'MAILDRAIN_LEDGER_FOREIGN',
    })
  })
})
