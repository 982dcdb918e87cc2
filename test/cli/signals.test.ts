import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { Receipt } from '../../src/pipeline/receipt.ts'
import {
  type Pop3Server,
  type Pop3ServerOptions,
  startPop3Server,
} from '../../src/testing/index.ts'
import { awakeMs } from '../support/awake.ts'
import { type CliRun, messagesIn, newDirectory, runCli, startCli } from '../support/cli.ts'
import { smallMailbox, smallMessage } from '../support/drains.ts'

let server: Pop3Server
afterEach(() => server.close())

/** More than the hundred that a client asks for at once, twice: whatever stands still meanwhile, some are not asked for. */
const COUNT = 400
const slowly = { delayMs: (verb: string) => (verb === 'RETR' ? 20 : 0) }

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10))
}

async function setup(behaviour: Pop3ServerOptions['behaviour'] = {}, count = COUNT) {
  server = await startPop3Server({ mailbox: smallMailbox(count), behaviour })
  const directory = newDirectory()
  const [path, receipt] = [join(directory, 'mail.db'), join(directory, 'receipt.json')]
  const args = ['--from', server.url, '--to', `sqlite:${path}`, '--delete', '--receipt', receipt]
  return {
    path,
    args,
    receipt: () => JSON.parse(readFileSync(receipt, 'utf8')) as Receipt,
  }
}

/** Every message once in the database, and none left. */
async function completes(args: readonly string[], path: string): Promise<void> {
  server.setBehaviour({ delayMs: undefined, stallMessages: undefined })
  const again = await runCli(['drain', ...args, '--json', '--log-level', 'error'])
  expect(again.code, again.stderr).toBe(0)
  expect(messagesIn(path)).toBe(COUNT)
  expect(server.remaining()).toBe(0)
}

const retrs = () => server.log.filter(({ verb }) => verb === 'RETR').length

/** Resolves when the line that announces the end has been written. */
async function announced({ child }: CliRun): Promise<void> {
  let stderr = ''
  child.stderr?.on('data', (text: string) => (stderr += text))
  await until(() => stderr.includes('a second signal ends at once'))
}

describe('a signal', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'fault 55: %s brings what was read to its end: exit %i, one line, the rest stays on the server',
    async (signal, exit) => {
      const { path, args, receipt } = await setup(slowly)
      const { child, result } = startCli(['drain', ...args, '--quiet'])
      await until(() => retrs() > 20)
      child.kill(signal)
      const { code, lines } = await result
      expect({ code, lines: lines.length }).toEqual({ code: exit, lines: 1 })
      expect(lines[0]).toContain('[MAILDRAIN_STOPPED]')
      const { delivered, deleted } = receipt()
      expect({ delivered, deleted }).toEqual({
        ...{ delivered: messagesIn(path), deleted: COUNT - server.remaining() },
      })
      expect(deleted).toBeGreaterThan(20)
      expect(deleted).toBeLessThan(COUNT)
      await completes(args, path)
    },
  )

  it('says how long that may take', async () => {
    const { args } = await setup(slowly)
    const run = startCli(['drain', ...args, '--stop-grace-seconds', '7'])
    await until(() => retrs() > 20)
    run.child.kill('SIGTERM')
    const { code, lines } = await run.result
    expect(code).toBe(143)
    const said = lines.filter((line) => line.includes('"signal":"SIGTERM"'))
    expect(said).toHaveLength(1)
    expect(said[0]).toContain('for 7 s at most')
  })

  it('without a grace closes the session at once', async () => {
    const { path, args, receipt } = await setup({ stallMessages: () => 5 })
    const { child, result } = startCli(['drain', ...args, '--stop-grace-seconds', '0'])
    await until(() => retrs() > 0)
    const begun = awakeMs()
    child.kill('SIGTERM')
    expect((await result).code).toBe(143)
    expect(awakeMs() - begun).toBeLessThan(5000)
    expect(receipt()).toMatchObject({ delivered: 0, deleted: 0 })
    await completes(args, path)
  })

  it('fault 56: that comes twice ends it at once, and nothing is lost or doubled', async () => {
    const { path, args } = await setup({ stallMessages: (index) => (index === 50 ? 5 : undefined) })
    const run = startCli(['drain', ...args, '--stop-grace-seconds', '600'])
    const said = announced(run)
    await until(() => retrs() > 50)
    run.child.kill('SIGTERM')
    await said
    const begun = awakeMs()
    run.child.kill('SIGTERM')
    expect((await run.result).code).toBe(143)
    expect(awakeMs() - begun).toBeLessThan(3000)
    expect(server.remaining()).toBe(COUNT)
    await completes(args, path)
  })
})

describe('a drainer that is suspended', () => {
  it('holds the mailbox on its host: a second one is told so, and the first goes on', async () => {
    const { path, args } = await setup(slowly)
    const first = startCli(['drain', ...args])
    await until(() => retrs() > 20)
    first.child.kill('SIGSTOP')
    try {
      const second = await runCli(['drain', ...args, '--quiet'])
      expect(second.code).toBe(7)
      expect(second.stderr).toContain('[MAILDRAIN_DRAINER_BUSY]')
    } finally {
      first.child.kill('SIGCONT')
    }
    expect((await first.result).code).toBe(0)
    expect(messagesIn(path)).toBe(COUNT)
    expect(server.remaining()).toBe(0)
  })
})

describe('maildrain watch', () => {
  it('delivers what comes, says nothing while nothing comes, and ends in a pause at once', async () => {
    const { path, args, receipt } = await setup({}, 3)
    const run = startCli(['watch', ...args, '--poll-seconds', '1', '--max-poll-seconds', '1'])
    await until(() => messagesIn(path) === 3)
    const sessions = server.sessions
    await until(() => server.sessions > sessions + 3)
    server.add(smallMessage(7))
    await until(() => messagesIn(path) === 4 && server.remaining() === 0)
    // A session later what was deleted has been looked for, however busy the machine is.
    const deleted = server.sessions
    await until(() => server.sessions > deleted + 1)
    await new Promise((resolve) => setTimeout(resolve, 300))
    const begun = awakeMs()
    run.child.kill('SIGTERM')
    const { code, lines, stdout } = await run.result
    expect(awakeMs() - begun).toBeLessThan(3000)
    expect(code).toBe(143)
    expect(receipt()).toMatchObject({
      ...{ delivered: 4, deleted: 4, verifiedGone: 4, failedPolls: 0, remaining: 0 },
    })
    expect(stdout).toMatch(/^polls +\d/m)
    const said = lines.map((line) => (JSON.parse(line) as { msg: string }).msg)
    expect(said.filter((msg) => msg === 'poll brought mail')).toHaveLength(2)
    expect(said.filter((msg) => msg === 'progress').length).toBeLessThanOrEqual(2)
    expect(said.filter((msg) => msg.startsWith('logged in'))).toHaveLength(1)
  }, 90_000)

  it('a rejected password ends it: exit 3', async () => {
    const { args } = await setup({ rejectLogin: '[AUTH] no' }, 3)
    const { code, lines } = await runCli(['watch', ...args, '--quiet'])
    expect({ code, lines: lines.length }).toEqual({ code: 3, lines: 1 })
  })
})
