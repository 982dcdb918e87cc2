/** A SQLite destination that others use, or that is not the one it was: the built command, and every row hashed again. */
import { copyFileSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { SqliteDatabase } from '../../src/ledger/sqlite-database.ts'
import { startPop3Server } from '../../src/testing/index.ts'
import { newDirectory, runCli, startCli } from '../support/cli.ts'
import { notFull } from '../support/full.ts'
import { KnownMail, NO_LOSS } from '../support/known-mail.ts'
import { knownMailbox } from '../support/known-mailbox.ts'
import { filesOf } from '../support/strace.ts'
import { until } from '../support/until.ts'

/** The file and its log, as a backup has them. */
function copyFiles(from: string, to: string): void {
  for (const [index, file] of filesOf(to).entries()) {
    rmSync(file, { force: true })
    const source = filesOf(from)[index] ?? ''
    if (existsSync(source)) copyFileSync(source, file)
  }
  rmSync(`${to}-shm`, { force: true })
}

const newPath = (): string => join(newDirectory(), 'mail.db')

async function drained(mail: KnownMail): Promise<void> {
  const { code, stderr } = await runCli(mail.args())
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(mail.server.remaining()).toBe(0)
}

describe.skipIf(notFull !== undefined)(`another file${notFull ? `: ${notFull}` : ''}`, () => {
  it('fault 97, 98: others that read and write the file meanwhile are waited for, and do not disturb', async () => {
    const mail = await KnownMail.serve(newPath(), { messages: 30, behaviour: { delayMs: 2 } })
    await drained(mail)
    for (const index of [...mail.hashes.keys()]) {
      const raw = Buffer.from(`Subject: later ${index}\r\n\r\n`)
      mail.add({ uidl: `later-${index}`, octets: raw.length, read: () => raw })
    }
    const [writer, reader] = [1, 2].map(() =>
      SqliteDatabase.openDurable(mail.path, { busyTimeoutMs: 1000 }),
    )
    reader?.exec('BEGIN')
    expect(reader?.prepare('SELECT count(*) FROM messages').row()).toEqual([30])
    writer?.exec('BEGIN IMMEDIATE')
    const { result } = startCli([...mail.args(), '--log-level', 'warn'])
    const retrs = () => mail.server.log.filter(({ verb }) => verb === 'RETR').length
    await Promise.race([
      until(() => retrs() > 45),
      new Promise((resolve) => setTimeout(resolve, 2500)),
    ])
    writer?.exec('ROLLBACK')
    const { code, stderr } = await result
    expect(code, stderr).toBe(0)
    // What the reader sees is as old as its transaction.
    expect(reader?.prepare('SELECT count(*) FROM messages').row()).toEqual([30])
    for (const each of [reader, writer]) each?.close()
    expect(mail.server.remaining()).toBe(0)
    expect(mail.fates()).toEqual(NO_LOSS)
    expect(mail.stored()).toBe(60)
    await mail.close()
  }, 180_000)

  it('fault 72: an older copy of the file: nothing that was on the server when it came back is lost or doubled', async () => {
    const mail = await KnownMail.serve(newPath(), { messages: 20, mailbox: knownMailbox(20) })
    const aside = newPath()
    await drained(mail)
    copyFiles(mail.path, aside)
    mail.add(knownMailbox(21).message(20))
    await drained(mail)
    expect(mail.stored()).toBe(21)
    copyFiles(aside, mail.path)
    mail.add(knownMailbox(22).message(21))
    await drained(mail)
    // The message between copy and return is as lost as the file that held it.
    expect(mail.stored()).toBe(21)
    expect(mail.fates()).toEqual({ ...NO_LOSS, lost: [20] })
    await mail.close()
  }, 180_000)

  it('fault 73: the file is gone, and its ledger with it: what is on the server is delivered again, once', async () => {
    const mail = await KnownMail.serve(newPath())
    const keep = () => runCli(mail.args().filter((arg) => arg !== '--delete'))
    expect((await keep()).code).toBe(0)
    for (const file of filesOf(mail.path)) rmSync(file, { force: true })
    expect((await keep()).code).toBe(0)
    expect(mail.fates()).toEqual(NO_LOSS)
    await drained(mail)
    expect(mail.fates()).toEqual(NO_LOSS)
    expect(mail.stored()).toBe(24)
    await mail.close()
  }, 180_000)

  it('fault 74: the ledger of another account says nothing about this one, equal as their mail and unique-ids are', async () => {
    const mail = await KnownMail.serve(newPath(), { user: 'ann' })
    await drained(mail)
    const other = await startPop3Server({ mailbox: knownMailbox(24), user: 'bob', port: 0 })
    const to = ['--to', `sqlite:${mail.path}`, '--delete', '--json']
    const { code, stdout } = await runCli(['drain', '--from', other.url, ...to])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ delivered: 24, alreadyDelivered: 0, deleted: 24 })
    expect(mail.stored()).toBe(48)
    await other.close()
    await mail.close()
  }, 180_000)
})
