import { mkdtempSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ReceiptFile, formatReceipt } from '../../src/observe/receipt.ts'
import type { Receipt } from '../../src/pipeline/receipt.ts'

const receipt: Receipt = {
  ...{ mailbox: 'a@b', destination: 'sqlite:mail.db', seen: 2000, delivered: 1998 },
  ...{ alreadyDelivered: 0, filtered: 0, deadLettered: 0, kept: 2, vanished: 0, copies: 0 },
  ...{
    deleted: 1998,
    verifiedGone: 1998,
    undeletable: 0,
    unselected: 0,
    waiting: 0,
    remaining: 2,
    bytes: 110_000_000,
    sessions: 3,
  },
  ...{ listingBytes: 80_000, openSeconds: 0.4, quitSeconds: 0.2 },
  ...{ seconds: 11, durability: 'committed' },
}

it('a receipt is a table; rows of zero that say nothing are left out', () => {
  const lines = formatReceipt(receipt).split('\n')
  expect(lines.map((line) => line.split(' ')[0])).toEqual([
    ...['mailbox', 'destination', 'seen', 'delivered', 'kept', 'deleted', 'verifiedGone'],
    ...['remaining', 'listingBytes', 'openSeconds', 'quitSeconds'],
    ...['bytes', 'sessions', 'seconds', 'durability'],
  ])
  expect(lines[3]).toMatch(/^delivered +1,998 {2}written by this run, durable$/)
  expect(lines[11]).toMatch(/^bytes +110\.0 MB {2}110,000,000 octets/)
  expect(lines[13]).toMatch(/^seconds +11\.0 s {2}10\.0 MB\/s$/)
})

it('the file is written whole, for its owner alone, and leaves nothing else', () => {
  const directory = mkdtempSync(join(tmpdir(), 'maildrain-receipt-'))
  const path = join(directory, 'receipt.json')
  const file = new ReceiptFile(path)
  expect(readdirSync(directory)).toEqual([])
  file.write(receipt)
  file.write({ ...receipt, error: { code: 'MAILDRAIN_STOPPED', message: 'stopped' } })
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({
    ...{ seen: 2000, error: { code: 'MAILDRAIN_STOPPED' } },
  })
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readdirSync(directory)).toEqual(['receipt.json'])
})

it('a file that cannot be written is refused before anything starts', () => {
  const missing = join(tmpdir(), 'maildrain-no-such-directory', 'receipt.json')
  expect(() => new ReceiptFile(missing)).toThrow(
    expect.objectContaining({ code: 'MAILDRAIN_CONFIG_INVALID' }),
  )
})
