import { copyFileSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { APPLICATION_ID, FORMAT } from '../../src/ledger/file-header.ts'
import { assertOurs, openLedgerFile } from '../../src/ledger/ledger-file.ts'
import { Ownership } from '../../src/ledger/ownership.ts'
import { SqliteDatabase } from '../../src/ledger/sqlite-database.ts'

const newPath = (): string => join(mkdtempSync(join(tmpdir(), 'maildrain-file-')), 'ledger.db')
const options = { busyTimeoutMs: 100 }
const refused = (code: string) => expect.objectContaining({ code }) as Error

it('a file that is not there, or empty, becomes ours; opened again it still is', () => {
  const [path, empty] = [newPath(), newPath()]
  writeFileSync(empty, '')
  for (const file of [path, empty]) {
    openLedgerFile(file, options).close()
    assertOurs(file)
    openLedgerFile(file, options).close()
  }
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

it('a file of another program, or no database, is refused and not changed by a byte', () => {
  const [theirs, text] = [newPath(), newPath()]
  const database = SqliteDatabase.openDurable(theirs, options)
  database.exec('CREATE TABLE theirs (a)')
  database.close()
  writeFileSync(text, 'x'.repeat(5000))
  for (const path of [theirs, text]) {
    const before = readFileSync(path)
    expect(() => openLedgerFile(path, options)).toThrow(refused('MAILDRAIN_LEDGER_FOREIGN'))
    expect(readFileSync(path)).toEqual(before)
  }
})

it('a file of a newer format is refused', () => {
  const path = newPath()
  const database = openLedgerFile(path, options)
  database.exec(`PRAGMA user_version = ${FORMAT + 1}`)
  database.exec(
    `UPDATE ledger_meta SET value = '{"application":"maildrain","format":${FORMAT + 1}}'`,
  )
  database.close()
  expect(() => openLedgerFile(path, options)).toThrow(/newer maildrain/)
  expect(() => openLedgerFile(path, { ...options, repair: true })).toThrow(/newer maildrain/)
})

it.each([
  ['application id', `application_id = ${APPLICATION_ID ^ 1}`],
  ['format', `user_version = ${FORMAT ^ 4}`],
])('a flipped bit in the %s is damage, not another program, and is repaired', (_, pragma) => {
  const path = newPath()
  const database = openLedgerFile(path, options)
  Ownership.claim(database, { mailbox: 'a@b', at: 1 })
  database.exec(`PRAGMA ${pragma}`)
  database.close()
  assertOurs(path)
  expect(() => openLedgerFile(path, options)).toThrow(refused('MAILDRAIN_LEDGER_DAMAGED'))
  openLedgerFile(path, { ...options, repair: true }).close()
  const again = openLedgerFile(path, options)
  expect(Ownership.claim(again, { mailbox: 'a@b', at: 2 }).epoch).toBe(2)
  again.close()
})

it('a log whose file is not there, or empty, is not thrown away', () => {
  const path = newPath()
  const database = openLedgerFile(path, options)
  Ownership.claim(database, { mailbox: 'a@b', at: 1 })
  const left = newPath()
  copyFileSync(`${path}-wal`, `${left}-wal`)
  const log = readFileSync(`${left}-wal`)
  expect(log.length).toBeGreaterThan(0)
  for (const make of [() => undefined, () => writeFileSync(left, '')]) {
    make()
    for (const repair of [false, true])
      expect(() => openLedgerFile(left, { ...options, repair })).toThrow(
        refused('MAILDRAIN_LEDGER_LOST'),
      )
    expect(readFileSync(`${left}-wal`)).toEqual(log)
  }
  copyFileSync(path, left)
  const found = openLedgerFile(left, options)
  expect(Ownership.claim(found, { mailbox: 'a@b', at: 2 }).epoch).toBe(2)
  found.close()
  database.close()
})

it('a file whose @meta row is lost is damage', () => {
  const path = newPath()
  const database = openLedgerFile(path, options)
  database.exec('DELETE FROM ledger_meta')
  database.close()
  expect(() => openLedgerFile(path, options)).toThrow(refused('MAILDRAIN_LEDGER_DAMAGED'))
})

it('G11: whoever claims the mailbox fences the owner before; other mailboxes are not concerned', () => {
  const database = openLedgerFile(newPath(), options)
  const first = Ownership.claim(database, { mailbox: 'a@b', at: 1 })
  const other = Ownership.claim(database, { mailbox: 'c@d', at: 1 })
  const second = Ownership.claim(database, { mailbox: 'a@b', at: 2 })
  expect(second.epoch).toBe(first.epoch + 1)
  let worked = 0
  expect(() => first.transaction(() => (worked += 1))).toThrow(refused('MAILDRAIN_SINK_FENCED'))
  expect(worked).toBe(0)
  second.transaction(() => (worked += 1))
  other.transaction(() => (worked += 1))
  expect(worked).toBe(2)
  database.close()
})
