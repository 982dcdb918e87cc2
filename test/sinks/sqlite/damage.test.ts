import { rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { MaildrainError } from '../../../src/errors.ts'
import { mailboxKey } from '../../../src/identity.ts'
import { putOwner, readOwner } from '../../../src/ledger/ownership.ts'
import { SqliteDatabase } from '../../../src/ledger/sqlite-database.ts'
import type { RawMessage } from '../../../src/message.ts'
import type { SinkContext } from '../../../src/sinks/sink.ts'
import { sqlite } from '../../../src/sinks/sqlite/index.ts'
import { Random } from '../../../src/testing/random.ts'
import { notFull } from '../../support/full.ts'
import { answersOf, bytesOf, fillFile, newFile, settle } from '../../support/ledger-files.ts'
import { sinkContext } from '../../support/sinks.ts'

const context = sinkContext()

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
/** A handle of libsql that was closed lives until its statements are collected: thousands of them are too many files. */
const FILES_AT_ONCE = 200

/** What the file answers when it is opened and looked at, or the code by which it is refused. */
async function answerOf(
  bytes: Buffer,
  messages: readonly RawMessage[],
  way: Partial<SinkContext> = {},
): Promise<string> {
  // Another name each time: SQLite remembers a file by what the system calls it as long as a handle lives.
  const path = newFile()
  writeFileSync(path, bytes)
  const sink = sqlite({ path, openPatienceMs: 0, busyTimeoutMs: 0 })
  try {
    if (way.rebuildLedger !== true) (await sink.peek?.(context))?.close()
    await sink.open({ ...context, ...way })
    return JSON.stringify(answersOf(sink.ledger!, messages))
  } catch (error) {
    return error instanceof MaildrainError ? error.code : String(error)
  } finally {
    await sink.close()
    rmSync(dirname(path), { recursive: true })
  }
}

/** How many of the files were refused; what is neither refused nor as it was written goes to `wrong`. */
async function tryAll(
  path: string,
  files: (whole: Buffer) => Iterable<readonly [string, Buffer]>,
): Promise<{ refused: number; sound: number; wrong: string[] }> {
  const messages = await fillFile(path, 40)
  const whole = bytesOf(path)
  const written = await answerOf(whole, messages)
  expect(written).toContain('"size":40')
  const found = { refused: 0, sound: 0, wrong: [] as string[] }
  for (const [name, bytes] of files(whole)) {
    if ((found.refused + found.sound) % FILES_AT_ONCE === 0) {
      collect()
      // Finalizers run in turns of their own.
      await setImmediate()
    }
    const answer = await answerOf(bytes, messages)
    if (/^MAILDRAIN_(LEDGER|SINK)_/.test(answer)) found.refused += 1
    else if (answer === written) found.sound += 1
    else found.wrong.push(`${name}: ${answer}`)
  }
  return found
}

describe('fault 70, 71: a ledger that is not whole any more is refused, or says what was written', () => {
  it('cut short', async () => {
    const step = notFull === undefined ? 13 : 211
    const { refused, wrong } = await tryAll(newFile(), function* (whole) {
      // An empty file is a new one: nothing says that there ever was something in it.
      for (let length = 1; length < whole.length; length += step)
        yield [`${length}`, whole.subarray(0, length)]
    })
    expect(wrong).toEqual([])
    expect(refused).toBeGreaterThan(100)
  }, 240_000)

  it('with a bit flipped', async () => {
    const random = new Random(71)
    const rounds = notFull === undefined ? 4000 : 400
    const { refused, sound, wrong } = await tryAll(newFile(), function* (whole) {
      for (let round = 0; round < rounds; round += 1) {
        const bytes = Buffer.from(whole)
        const at = random.next() % bytes.length
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
        yield [`${round}: octet ${at}`, bytes]
      }
    })
    expect(wrong).toEqual([])
    // What is free, and the mail itself, of which the ledger says nothing.
    expect(sound).toBeGreaterThan(50)
    expect(refused).toBeGreaterThan(50)
  }, 240_000)
})

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
      // The header says what each octet behind it is.
      const octets = notFull === undefined ? length : 24
      const wrong: string[] = []
      for (let octet = 0; octet < octets; octet += 1) {
        collect()
        await setImmediate()
        for (let bit = 0; bit < 8; bit += 1) {
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
    240_000,
  )
})

describe('what SQLite takes for sound', () => {
  it.each([
    ['an entry', 'UPDATE ledger SET copies = copies + 1 WHERE rowid = 7'],
    ['an entry of another mailbox', "UPDATE ledger SET mailbox = 'aaaaaaaaaaaaaaaa'"],
    ['the owner', 'UPDATE ledger_owner SET epoch = epoch + 1'],
    ['what was observed', 'UPDATE ledger_host SET notes = \'{"a":2}\''],
    ['the tally', 'UPDATE ledger_tally SET seen = seen + 1'],
  ])('%s that somebody has changed is damage', async (_, sql) => {
    const path = newFile()
    const messages = await fillFile(path, 20)
    const database = SqliteDatabase.openDurable(path, { busyTimeoutMs: 0 })
    database.exec(sql)
    database.close()
    settle(path)
    expect(await answerOf(bytesOf(path), messages)).toMatch(/^MAILDRAIN_LEDGER_(DAMAGED|LOST)$/)
  })
})
