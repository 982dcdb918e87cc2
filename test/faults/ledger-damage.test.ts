/**
 * Faults 70 and 71 as a drain meets them: a SQLite file that is cut off, or in which a bit is flipped, while mail that it
 * holds is on the server, and new mail with it. The ledger by itself, at more places: test/sinks/sqlite/damage.test.ts.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { MaildrainError } from '../../src/errors.ts'
import { SqliteDatabase } from '../../src/ledger/sqlite-database.ts'
import { sqlite } from '../../src/sinks/sqlite/index.ts'
import { Random } from '../../src/testing/random.ts'
import { newDirectory } from '../support/cli.ts'
import { drainInto } from '../support/drains.ts'
import { notFull } from '../support/full.ts'
import { KnownMail, NO_LOSS } from '../support/known-mail.ts'
import { knownMailbox } from '../support/known-mailbox.ts'
import { settle } from '../support/ledger-files.ts'
import { filesOf } from '../support/strace.ts'

const OLD = 24
const NEW = 3
const [CUTS, FLIPS] = notFull === undefined ? [60, 150] : [8, 30]

const drained = ({ path, server }: KnownMail, deletion: 'keep' | 'delete' = 'delete') =>
  drainInto(server, sqlite({ path, openPatienceMs: 0 }), {
    ...{ deletion, source: { mailboxId: 'user@mail.example' } },
  })

/** A file that holds mail which is on the server still. */
async function wholeFile(): Promise<Buffer> {
  const mail = await KnownMail.serve(join(newDirectory(), 'mail.db'), { messages: OLD })
  await drained(mail, 'keep')
  settle(mail.path)
  await mail.close()
  return readFileSync(mail.path)
}

/** The file, and nothing of what others have left beside it. */
function put(path: string, bytes: Buffer): void {
  for (const file of [...filesOf(path), `${path}-shm`]) rmSync(file, { force: true })
  writeFileSync(path, bytes)
}

/** A table of mail that is damaged, or its index, is no damage of the ledger, which says nothing of it. */
function isMailSound(mail: KnownMail): boolean | 'unreadable' {
  try {
    if (mail.committed().length < OLD) return false
    const database = SqliteDatabase.openReader(mail.path, { busyTimeoutMs: 0 })
    try {
      return database.prepare('PRAGMA integrity_check(messages)').row()?.[0] === 'ok'
    } finally {
      database.close()
    }
  } catch {
    return 'unreadable'
  }
}

/** Drains into the damaged file, and into the whole one if it was refused. */
async function outcome(damaged: Buffer, whole: Buffer): Promise<'refused' | 'whole' | 'mail'> {
  const path = join(newDirectory(), 'mail.db')
  const mail = await KnownMail.serve(path, { mailbox: knownMailbox(OLD + NEW) })
  try {
    put(path, damaged)
    const sound = isMailSound(mail)
    if (!sound) return 'mail'
    put(path, damaged)
    const error = await drained(mail).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    if (error !== undefined) {
      expect(error).toBeInstanceOf(MaildrainError)
      const { code, message } = error as MaildrainError
      expect(code).toMatch(/^MAILDRAIN_(LEDGER|SINK)_/)
      expect(message).not.toContain('\n')
      expect(mail.server.deletions).toEqual([])
      put(path, whole)
      await drained(mail)
    }
    if (sound === 'unreadable' && error === undefined) return 'mail'
    expect(mail.fates()).toEqual(NO_LOSS)
    expect([mail.server.remaining(), mail.stored()]).toEqual([0, OLD + NEW])
    return error === undefined ? 'whole' : 'refused'
  } finally {
    await mail.close()
  }
}

it('fault 70: cut off anywhere: nothing is deleted, and with the whole file everything is there once', async () => {
  const whole = await wholeFile()
  const random = new Random(70)
  const found: string[] = []
  for (let time = 0; time < CUTS; time += 1) {
    const length = 1 + random.below(whole.length - 1)
    found.push(await outcome(whole.subarray(0, length), whole))
  }
  expect(new Set(found)).toEqual(new Set(['refused']))
}, 720_000)

it('fault 71: a bit flipped anywhere: refused, or drained as if it were whole', async () => {
  const whole = await wholeFile()
  const random = new Random(71)
  const found: string[] = []
  for (let time = 0; time < FLIPS; time += 1) {
    const bytes = Buffer.from(whole)
    const at = random.below(bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
    found.push(await outcome(bytes, whole))
  }
  expect(found).toContain('whole')
  if (notFull === undefined) expect(found).toContain('refused')
}, 720_000)

it('fault 71: a bit flipped in what an index of the ledger was made by: refused before anything is deleted', async () => {
  const whole = await wholeFile()
  const bytes = Buffer.from(whole)
  const at = bytes.indexOf("WHERE state = 'gone'") + "WHERE state = 'go".length
  // SQLite finds nothing wrong while no message is gone: its index is empty, as it should be.
  bytes[at] = (bytes[at] ?? 0) ^ 8
  expect(bytes.includes("WHERE state = 'gofe'")).toBe(true)
  expect(await outcome(bytes, whole)).toBe('refused')
})
