import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { Rehearsal } from '../../src/cli/rehearsal/rehearse.ts'
import type { DrainPlan } from '../../src/sources/pop3/survey/drain-plan.ts'
import {
  type Pop3Server,
  type Pop3ServerOptions,
  generateMailbox,
  likeness,
  startPop3Server,
} from '../../src/testing/index.ts'
import { newDirectory, runCli, startCli } from '../support/cli.ts'
import { smallMailbox } from '../support/drains.ts'
import { HARMLESS, verbsOf } from '../support/surveys.ts'

let server: Pop3Server
afterEach(() => server.close())

async function serve(options: Pop3ServerOptions): Promise<void> {
  server = await startPop3Server(options)
}

const QUIET = ['--log-level', 'error']

/** Runs `maildrain plan`, and makes sure that nothing was touched. */
async function plan(args: readonly string[], env: Record<string, string> = {}) {
  const before = [server.remaining(), server.visibleIndexes().length]
  const result = await runCli(['plan', '--from', server.url, ...QUIET, ...args], env)
  for (const verb of verbsOf(server)) expect(HARMLESS).toContain(verb)
  expect([server.remaining(), server.visibleIndexes().length]).toEqual(before)
  return result
}

async function planned(args: readonly string[]): Promise<DrainPlan & { rehearsal?: Rehearsal }> {
  const { code, stdout, stderr } = await plan([...args, '--json'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as DrainPlan
}

const hashes = (directory: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(directory).map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(directory, name)))
        .digest('hex'),
    ]),
  )

describe('maildrain plan', () => {
  it.each([80, 120])('prints a page of %i columns, and touches nothing', async (columns) => {
    const announce = (index: number, octets: number) => (index === 7 ? 30_000_000 : octets)
    await serve({
      mailbox: generateMailbox({ messages: 500 }),
      ...likeness('gmail', { behaviour: { loginDelay: undefined, announce } }),
    })
    const { code, stdout } = await plan(['--delete'], { COLUMNS: String(columns) })
    expect(code).toBe(0)
    const lines = stdout.split('\n')
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(columns)
    expect(Math.max(...lines.map(({ length }) => length))).toBeGreaterThan(columns - 10)
    for (const expected of [
      /^mailbox +user@127\.0\.0\.1:\d+$/m,
      /^messages +250$/m,
      /^largest +30\.0 MB, number 8$/m,
      /^from 20 MB +1 +0\.4 % +[▏▎] +30\.0 MB/m,
      /^sessions +\d+, two of them/m,
      /^- EXPIRE 0: QUIT removes/m,
      /^- 1 message is larger than 25\.2 MB/m,
      /^Nothing was touched/m,
    ])
      expect(stdout).toMatch(expected)
    expect(stdout).not.toContain('secret')
  })

  it('as JSON', async () => {
    await serve({ mailbox: smallMailbox(30), capabilities: { expire: 'NEVER' } })
    expect(await planned(['--delete', '--mailbox-id', 'archive'])).toMatchObject({
      ...{ mailbox: 'archive', destination: null, deletion: true, messages: 30 },
      server: { capabilities: ['PIPELINING', 'UIDL', 'TOP', 'EXPIRE NEVER'] },
      prediction: { messages: 30, sessions: 3 },
    })
  })

  it('--to a file that is not there: nothing is known, and none is made', async () => {
    await serve({ mailbox: smallMailbox(3) })
    const path = join(newDirectory(), 'mail.db')
    expect(await planned(['--to', `sqlite:${path}`])).toMatchObject({
      ...{ destination: `sqlite:${path}`, ledger: null },
    })
    expect(existsSync(path)).toBe(false)
    const { stdout } = await plan(['--to', `sqlite:${path}`])
    expect(stdout).toMatch(/^knows +nothing/m)
  })

  it('--to a destination with a ledger: what it knows, what comparing costs, and no byte of it changes', async () => {
    await serve({ mailbox: smallMailbox(20) })
    const directory = newDirectory()
    const into = ['--to', `sqlite:${join(directory, 'mail.db')}`, '--mailbox-id', 'ann']
    const drained = await runCli(['drain', '--from', server.url, ...into, '--quiet'])
    expect(drained.code).toBe(0)
    await server.close()
    await serve({ mailbox: smallMailbox(25) })
    const before = hashes(directory)
    const known = { messages: 20 }
    expect(await planned(into)).toMatchObject({
      ...{ ledger: { entries: 20, known, fresh: { messages: 5 } }, prediction: { messages: 5 } },
    })
    const { stdout } = await plan([...into, '--delete'])
    expect(stdout).toMatch(/^knows +20 messages, [\d.]+ k?B, of 20 entries$/m)
    expect(stdout).toMatch(/^comparing +full: RETR of .*; headers: TOP of about/m)
    expect(stdout).toMatch(/measured .*last session/s)
    expect(hashes(directory)).toEqual(before)
  })

  it('wrong flags, a wrong password, no server: exit codes as everywhere', async () => {
    await serve({ mailbox: smallMailbox(1) })
    expect((await plan(['--rehearse-messages', '5'])).code).toBe(2)
    expect((await plan(['--to', 'http://example.org'])).code).toBe(2)
    const rejected = await plan([], { MAILDRAIN_PASSWORD: 'wrong' })
    expect(rejected).toMatchObject({ code: 3, stdout: '' })
    const foreign = join(newDirectory(), 'other.db')
    const { writeFileSync } = await import('node:fs')
    writeFileSync(foreign, 'no database')
    expect((await plan(['--to', `sqlite:${foreign}`])).code).toBe(8)
  })

  it('a signal ends it: exit 130, one line, nothing left behind', async () => {
    await serve({ mailbox: smallMailbox(5), behaviour: { delayMs: 200 } })
    const temporary = newDirectory()
    const args = ['plan', '--from', server.url, ...QUIET]
    const { child, result } = startCli(args, { TMPDIR: temporary })
    while (!server.log.some(({ verb }) => verb === 'LIST'))
      await new Promise((resolve) => setTimeout(resolve, 10))
    child.kill('SIGINT')
    const { code, stdout, lines } = await result
    expect({ code, stdout, lines: lines.length }).toEqual({ code: 130, stdout: '', lines: 1 })
    expect(lines[0]).toContain('[MAILDRAIN_STOPPED]')
    expect(readdirSync(temporary)).toEqual([])
  })

  it('100,000 messages in a heap of 64 MB', async () => {
    await serve({ mailbox: generateMailbox({ messages: 100_000 }), logLimit: 100 })
    const args = ['--from', server.url, '--json', ...QUIET]
    const env = { NODE_OPTIONS: '--max-old-space-size=64' }
    const { code, stdout, stderr } = await runCli(['plan', ...args], env)
    expect(code, stderr).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ messages: 100_000, uidls: { named: 100_000 } })
  }, 180_000)
})

describe('maildrain plan --rehearse', () => {
  it('drains a made-up mailbox of the same sizes, says so, and leaves nothing behind', async () => {
    const mailbox = generateMailbox({ messages: 60, profile: 'small' })
    await serve({ mailbox, capabilities: { expire: 'NEVER' } })
    const directory = newDirectory()
    const to = `sqlite:${join(directory, 'mail.db')}`
    const temporary = newDirectory()
    const { code, stdout, stderr } = await plan(['--to', to, '--delete', '--rehearse'], {
      TMPDIR: temporary,
    })
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(/^Rehearsal: 60 made-up messages/m)
    expect(stdout).toMatch(/Neither\s+the\s+mailbox\s+nor\s+the\s+destination\s+was\s+touched/)
    expect(stdout).toMatch(/^delivered +60 /m)
    expect(stdout).toMatch(/^deleted +60 /m)
    expect(stdout).toContain(`${mailbox.totalOctets.toLocaleString('en-US')} octets of raw mail`)
    expect(stdout).toMatch(/It took .*; .*\s+were\s+predicted/)
    expect([...readdirSync(directory), ...readdirSync(temporary)]).toEqual([])
  }, 180_000)

  it('of a sample: every k-th message, time scaled, and without --delete nothing is deleted', async () => {
    await serve({ mailbox: smallMailbox(90), capabilities: { pipelining: false } })
    const { rehearsal } = await planned(['--rehearse', '--rehearse-messages', '40'])
    expect(rehearsal).toMatchObject({ messages: 30, step: 3 })
    const { receipt, seconds } = rehearsal ?? expect.fail('no rehearsal')
    expect(receipt).toMatchObject({ delivered: 30, deleted: 0, remaining: 30 })
    expect(seconds).toBeCloseTo(3 * receipt.seconds, 3)
  }, 180_000)

  it('a signal ends it: exit 130, no receipt, nothing left behind', async () => {
    // NOOP gives the round trip: without PIPELINING long enough to be stopped in the middle.
    const behaviour = { delayMs: (verb: string) => (verb === 'NOOP' ? 20 : 0) }
    await serve({ mailbox: smallMailbox(2000), capabilities: { pipelining: false }, behaviour })
    const temporary = newDirectory()
    const args = ['plan', '--from', server.url, '--delete', '--rehearse', ...QUIET]
    const { child, result } = startCli(args, { TMPDIR: temporary })
    const rehearsing = () =>
      readdirSync(temporary).some((name) => existsSync(join(temporary, name, 'rehearsal.db')))
    while (!rehearsing()) await new Promise((resolve) => setTimeout(resolve, 20))
    await new Promise((resolve) => setTimeout(resolve, 1000))
    child.kill('SIGINT')
    const { code, stdout, lines } = await result
    expect({ code, lines: lines.length }).toEqual({ code: 130, lines: 1 })
    expect(lines[0]).toContain('[MAILDRAIN_STOPPED]')
    expect(stdout).toMatch(/Nothing was touched/)
    expect(stdout).not.toContain('Rehearsal')
    expect(readdirSync(temporary)).toEqual([])
  }, 180_000)
})
