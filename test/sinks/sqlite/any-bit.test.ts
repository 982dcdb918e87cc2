import { describe, expect, it } from 'vitest'
import { mailboxKey } from '../../../src/identity.ts'
import { putOwner, readOwner } from '../../../src/ledger/ownership.ts'
import { SqliteDatabase } from '../../../src/ledger/sqlite-database.ts'
import { sqlite } from '../../../src/sinks/sqlite/index.ts'
import { answerOf } from '../../support/file-answers.ts'
import { notFull } from '../../support/full.ts'
import { bytesOf, fillFile, newFile, settle } from '../../support/ledger-files.ts'
import { sinkContext } from '../../support/sinks.ts'

const context = sinkContext()

/** Where the first row of a table lies in the file, from the length of its record on. */
function firstCell(path: string, whole: Buffer, table: string): { at: number; length: number } {
  const database = SqliteDatabase.openReader(path, { busyTimeoutMs: 0 })
  const root = database.prepare('SELECT rootpage FROM sqlite_master WHERE name = ?').row([table])
  database.close()
  const page = (Number(root?.[0]) - 1) * 4096
  // A leaf of a table (sqlite.org/fileformat2.html): type, then the pointers to its cells from octet 8 on.
  expect(whole[page]).toBe(13)
  const at = page + whole.readUInt16BE(page + 8)
  const first = whole[at] ?? 0
  return { at, length: first < 128 ? first : (first - 128) * 128 + (whole[at + 1] ?? 0) }
}

/** At least as long as the header of any of these rows. */
const HEADER_OCTETS = 24

describe('fault 71: any bit of a row of the ledger', () => {
  it.each(['ledger', 'ledger_owner', 'ledger_host', 'ledger_tally', 'ledger_meta'])(
    'in %s: it is damage, has a code, and is repaired',
    async (table) => {
      const path = newFile()
      const messages = await fillFile(path, 6)
      const sink = sqlite({ path })
      await sink.open(context)
      // As text these octets are not UTF-8, of which libsql aborts the process.
      const vanished = 0x02_80_ff
      await sink.write({ messages: [], tombstones: [], vanished }, { signal: context.signal })
      await sink.close()
      const database = SqliteDatabase.openDurable(path, { busyTimeoutMs: 0 })
      const mailbox = mailboxKey(context.mailbox)
      putOwner(database, {
        ...readOwner(database, mailbox)!,
        epoch: vanished,
        at: 0x65_80_ff_fe_80,
      })
      database.close()
      settle(path)
      const whole = bytesOf(path)
      const written = await answerOf(whole, messages)
      const { at, length } = firstCell(path, whole, table)
      const wrong: string[] = []
      // The header says what each octet behind it is: all of it (a quarter of it, when there is no time for more), and of the
      // others every fifth. All of them were tried once.
      for (const octet of Array.from({ length }, (_, at) => at)) {
        if (octet >= HEADER_OCTETS && (notFull !== undefined || octet % 5 > 0)) continue
        for (let bit = 0; bit < 8; bit += 1) {
          if (notFull !== undefined && (octet + bit) % 4 > 0) continue
          const bytes = Buffer.from(whole)
          bytes[at + octet] = (bytes[at + octet] ?? 0) ^ (1 << bit)
          const answer = await answerOf(bytes, messages)
          // Two ways to say the same to SQLite, or a rowid, of which nobody asks.
          if (answer === written) continue
          const name = `octet ${octet}, bit ${bit}`
          if (!/^MAILDRAIN_LEDGER_(DAMAGED|LOST)$/.test(answer)) wrong.push(`${name}: ${answer}`)
          const repaired = await answerOf(bytes, messages, { rebuildLedger: true })
          if (!repaired.startsWith('{')) wrong.push(`${name}, rebuilt: ${repaired}`)
        }
      }
      expect(wrong).toEqual([])
    },
    720_000,
  )
})
