import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { SqliteDatabase } from '../../../src/ledger/sqlite-database.ts'
import type { RawMessage } from '../../../src/message.ts'
import { sqlite } from '../../../src/sinks/sqlite/index.ts'
import type { StoredRecord } from '../../../src/sinks/sink.ts'
import { MAILBOX, rawMessage } from '../../support/messages.ts'
import { batchMessage, sinkContext } from '../../support/sinks.ts'

const newPath = () => join(mkdtempSync(join(tmpdir(), 'maildrain-read-back-')), 'mail.db')

async function fill(path: string, messages: readonly RawMessage[]): Promise<void> {
  for (const mailbox of new Set(messages.map((each) => each.mailbox))) {
    const sink = sqlite({ path })
    const context = sinkContext({ mailbox })
    await sink.open(context)
    const own = messages.filter((each) => each.mailbox === mailbox)
    const batch = { messages: own.map((each) => batchMessage(each)), tombstones: [] }
    await sink.write(batch, { signal: context.signal })
    await sink.close()
  }
}

async function readBack(path: string, mailbox = MAILBOX): Promise<StoredRecord[]> {
  const found: StoredRecord[] = []
  for await (const record of sqlite({ path }).readBack!(sinkContext({ mailbox })))
    found.push(record)
  return found
}

function change(path: string, sql: string): void {
  const database = SqliteDatabase.openDurable(path, { busyTimeoutMs: 1000 })
  database.exec(sql)
  database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').row()
  database.close()
}

describe('a SQLite destination read back', () => {
  it('gives the records of one mailbox, byte for byte', async () => {
    const path = newPath()
    const mine = [
      rawMessage('uid-1', 'one'),
      rawMessage('höher\u00ff', 'nul \0 and latin1 \xe9\xff'),
      rawMessage(null, 'no unique-id'),
    ]
    await fill(path, [...mine, rawMessage('uid-1', 'of another', 'bob@mail.example')])
    const files = readdirSync(join(path, '..'))
    const found = await readBack(path)
    expect(found.map(({ key, uidl, sha256, raw }) => ({ key, uidl, sha256, raw }))).toEqual(
      mine.map(({ key, uidl, sha256, raw }) => ({ key, uidl, sha256, raw })),
    )
    expect(new Set(found.map(({ position }) => position))).toEqual(new Set(['messages']))
    expect(found.every(({ damage }) => damage === null)).toBe(true)
    expect(await readBack(path, 'bob@mail.example')).toHaveLength(1)
    expect(readdirSync(join(path, '..'))).toEqual(files)
  })

  it('gives what is stored, not what should be', async () => {
    const path = newPath()
    const message = rawMessage('uid-1', 'one')
    await fill(path, [message, rawMessage('uid-2', 'two')])
    change(path, "UPDATE messages SET raw = x'00' WHERE uidl = 'uid-1'")
    change(path, "UPDATE messages SET raw = 'text' WHERE uidl = 'uid-2'")
    const found = await readBack(path)
    expect(found[0]).toMatchObject({ raw: Buffer.of(0), sha256: message.sha256, damage: null })
    expect(found[1]?.damage).toBe('its raw bytes are of type text')
  })

  it('says so when the file is written to while it is read', async () => {
    const path = newPath()
    await fill(
      path,
      [1, 2, 3].map((n) => rawMessage(`uid-${n}`, `body ${n}`)),
    )
    // As a drain leaves it when its process has ended: nothing but the file.
    change(path, 'UPDATE messages SET subject = 1')
    const reading = async () => {
      let count = 0
      for await (const record of sqlite({ path }).readBack!(sinkContext())) {
        count += 1
        if (count === 1) change(path, `DELETE FROM messages WHERE key <> '${record.key}'`)
      }
    }
    await expect(reading()).rejects.toMatchObject({ code: 'MAILDRAIN_SINK_UNREACHABLE' })
  })

  it('no file: nothing', async () => {
    expect(await readBack(newPath())).toEqual([])
  })
})
