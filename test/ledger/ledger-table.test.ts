import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { type LedgerEntry, isDelivered } from '../../src/ledger/ledger.ts'
import {
  LedgerTable,
  hostTableSql,
  ledgerTableSql,
  tallyTableSql,
} from '../../src/ledger/ledger-table.ts'
import { openScratchLedger } from '../../src/ledger/scratch-ledger.ts'
import { SqliteDatabase } from '../../src/ledger/sqlite-database.ts'
import { MAILBOX, entryFor, rawMessage } from '../support/messages.ts'

const opened: { close: () => void }[] = []
afterEach(() => {
  for (const each of opened.splice(0)) each.close()
})

function openTable() {
  const database = SqliteDatabase.openMemory()
  opened.push(database)
  database.exec(`${ledgerTableSql}; ${hostTableSql}; ${tallyTableSql}`)
  return { database, table: new LedgerTable(database, { mailbox: MAILBOX }) }
}

const entry = (uidl: string | null, body: string, change: Partial<LedgerEntry> = {}) =>
  entryFor(rawMessage(uidl, body), change)

it('every field comes back as it was, a unique-id of any bytes included', () => {
  const { table } = openTable()
  const full = entry('\u0000\u00ff é', 'a', {
    ...{ state: 'gone', was: 'kept', reason: 'undeletable', fingerprint: 'f', attempts: 3 },
    ...{ copies: 2, place: '3:17', at: 5, goneAt: 7 },
  })
  const bare = entry(null, 'b', {
    ...{ octets: null, sha256: null, headerSha256: null, state: 'kept', reason: 'oversize' },
  })
  table.put(full)
  table.put(bare)
  expect(table.get(full.key)).toEqual(full)
  expect(table.get(bare.key)).toEqual(bare)
  expect(table.byUidl('\u0000\u00ff é')).toEqual([full])
  expect(table.byUidl('\u0000')).toEqual([])
})

it('says of every state whether it was delivered, as the entry itself does', () => {
  const { table } = openTable()
  const states = ['delivered', 'deadLettered', 'kept', 'gone'] as const
  const befores = [null, 'delivered', 'deadLettered', 'kept'] as const
  const all = states.flatMap((state) =>
    (state === 'gone' ? befores : [null]).flatMap((was) =>
      ([null, 'filtered', 'undeletable'] as const).flatMap((reason) =>
        [null, '3:17'].map((place) => ({ state, was, reason, place })),
      ),
    ),
  )
  for (const [n, change] of all.entries()) {
    const each = entry(`${n}`, `${n}`, change)
    table.put(each)
    expect(table.isDelivered(each.key), JSON.stringify(change)).toBe(isDelivered(each))
  }
  expect(table.isDelivered('no such key')).toBeUndefined()
})

it('G6: several messages under one unique-id are several entries', () => {
  const { table } = openTable()
  const entries = [entry('same', 'a'), entry('same', 'b'), entry('same', 'c')]
  for (const each of entries) table.put(each)
  expect([...table.byUidl('same')].map(({ key }) => key).sort()).toEqual(
    entries.map(({ key }) => key).sort(),
  )
  table.remove(entries[1]!.key)
  table.remove('no such key')
  expect(table.byUidl('same')).toHaveLength(2)
  expect(table.size).toBe(2)
})

it('present walks whatever is not gone, over more than one page, while entries change', () => {
  const { table } = openTable()
  for (let index = 0; index < 2500; index += 1)
    table.put(
      entry(`u${index}`, `${index}`, index % 5 === 0 ? { state: 'gone', goneAt: index } : {}),
    )
  const seen = new Set<string>()
  for (const { key, uidl } of table.present()) {
    seen.add(uidl ?? '')
    table.put(entry(uidl, 'x', { key, state: 'gone', goneAt: 1 }))
  }
  expect(seen.size).toBe(2000)
})

it('goneBefore gives what was missed first before that time, and nothing else', () => {
  const { table } = openTable()
  for (const [uidl, goneAt] of [
    ['a', 10],
    ['b', 20],
    ['c', 30],
  ] as const)
    table.put(entry(uidl, uidl, { state: 'gone', goneAt }))
  table.put(entry('d', 'd'))
  expect([...table.goneBefore(30)]).toEqual([entry('a', 'a').key, entry('b', 'b').key])
})

it('two mailboxes in one table do not see each other', () => {
  const { database, table } = openTable()
  const other = new LedgerTable(database, { mailbox: 'other@mail.example' })
  table.put(entry('u', 'a'))
  expect(other.byUidl('u')).toEqual([])
  expect([...other.present()]).toEqual([])
  other.remove(entry('u', 'a').key)
  expect(table.size).toBe(1)
})

it('an entry that a flipped bit has made senseless is damage, not a state nobody knows', () => {
  const { database, table } = openTable()
  table.put(entry('u', 'a'))
  database.exec("UPDATE ledger SET state = 'delivere'")
  expect(() => table.byUidl('u')).toThrow(
    expect.objectContaining({ code: 'MAILDRAIN_LEDGER_DAMAGED', exitCode: 8 }),
  )
})

it('a clock that gives fractions makes no damage', () => {
  const { table } = openTable()
  table.put(entry('u', 'a', { at: 1.25, state: 'gone', was: 'delivered', goneAt: 2.75 }))
  table.verify()
  expect(table.byUidl('u')).toMatchObject([{ at: 2, goneAt: 3 }])
})

it('a scratch ledger leaves nothing behind', () => {
  const directory = mkdtempSync(join(tmpdir(), 'maildrain-scratch-'))
  const ledger = openScratchLedger({ directory, mailbox: MAILBOX })
  ledger.put([entry('u', 'a'), entry('v', 'b')])
  ledger.remove([entry('v', 'b').key])
  expect(ledger.byUidl('u')).toHaveLength(1)
  expect(ledger.size).toBe(1)
  ledger.close()
  expect(readdirSync(directory)).toEqual([])
})
