import { describe, expect, it } from 'vitest'
import { SqliteDatabase } from '../../../src/ledger/sqlite-database.ts'
import { Random } from '../../../src/testing/random.ts'
import { answerOf } from '../../support/file-answers.ts'
import { notFull } from '../../support/full.ts'
import { bytesOf, fillFile, newFile, settle } from '../../support/ledger-files.ts'

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
  }, 720_000)

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
  }, 720_000)
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
