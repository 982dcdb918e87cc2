/**
 * Two drainers on one host, into SQLite, one of them frozen (SIGSTOP) and thawed again: real processes, and a server that
 * lets both in at once, which is the worst case.
 */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CliResult, newDirectory, runCli, startCli } from '../support/cli.ts'
import { notFull } from '../support/full.ts'
import { KnownMail, NO_LOSS } from '../support/known-mail.ts'
import { until } from '../support/until.ts'

const MESSAGES = 40
const SESSION = 20
/** The first drainer is slow, so that it is frozen in the middle; the second is not. */
const slowFirst = {
  delayMs: (verb: string, session: number) =>
    session > 1 ? 0 : verb === 'RETR' ? 15 : verb === 'DELE' ? 30 : 0,
}

const serve = () =>
  KnownMail.serve(join(newDirectory(), 'mail.db'), { messages: MESSAGES, behaviour: slowFirst })

function expectExit7({ code, lines, stderr }: CliResult, errorCode: string): void {
  expect({ code, lines: lines.length }, stderr).toEqual({ code: 7, lines: 1 })
  expect(lines[0]).toContain(`[${errorCode}]`)
}

const verbs = (mail: KnownMail, verb: string): number =>
  mail.server.log.filter((entry) => entry.session === 1 && entry.verb === verb).length

async function frozenAt(mail: KnownMail, verb: string, count: number) {
  const run = startCli(mail.args(SESSION))
  await until(() => verbs(mail, verb) >= count)
  run.child.kill('SIGSTOP')
  return run
}

describe('two drainers on one host', () => {
  it('fault 57, 75: the second is told at once, also while the first is frozen, which goes on when it is thawed', async () => {
    const mail = await serve()
    const first = await frozenAt(mail, 'RETR', 10)
    expectExit7(await runCli(mail.args(SESSION)), 'MAILDRAIN_DRAINER_BUSY')
    expect(mail.server.logins).toBe(1)
    first.child.kill('SIGCONT')
    const { code, stderr } = await first.result
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(mail.fates()).toEqual(NO_LOSS)
    expect(mail.server.remaining()).toBe(0)
    await mail.close()
  }, 180_000)

  it.skipIf(notFull !== undefined).each([
    ['reading', 'RETR', 10],
    ['deleting', 'DELE', 5],
  ])(
    'fault 57, 75: frozen while %s, its lock file deleted by force: the epoch keeps it out when it is thawed',
    async (_, verb, count) => {
      const mail = await serve()
      const first = await frozenAt(mail, verb, count)
      const committed = mail.committed()
      const directory = join(mail.path, '..')
      for (const name of readdirSync(directory))
        if (name.endsWith('.lock')) rmSync(join(directory, name))
      const second = await runCli(mail.args(SESSION))
      expect({ code: second.code, stderr: second.stderr }).toEqual({ code: 0, stderr: '' })
      expect(mail.server.remaining()).toBe(0)
      const stored = mail.stored()
      const deletes = verbs(mail, 'DELE')
      first.child.kill('SIGCONT')
      expectExit7(await first.result, 'MAILDRAIN_SINK_FENCED')
      expect(mail.stored()).toBe(stored)
      if (verb === 'RETR') expect(verbs(mail, 'DELE')).toBe(deletes)
      // What it had committed itself before it was frozen it may still mark: numbers of the first session are indexes, and one.
      const marked = mail.server.log.filter((entry) => entry.session === 1 && entry.verb === 'DELE')
      const indexes = marked.map(({ argument }) => Number(argument) - 1)
      expect(indexes.filter((index) => !committed.includes(index))).toEqual([])
      expect(indexes.length > 0).toBe(verb === 'DELE')
      expect(mail.fates()).toEqual(NO_LOSS)
      await mail.close()
    },
    180_000,
  )
})
