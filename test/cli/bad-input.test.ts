/**
 * Bad input to the built command: one clear line, the exit code of the table, and nothing deleted.
 */
import { chmodSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SqliteDatabase } from '../../src/ledger/sqlite-database.ts'
import type { Receipt } from '../../src/pipeline/receipt.ts'
import { type Pop3Server, startPop3Server } from '../../src/testing/index.ts'
import {
  type CliResult,
  certificateFor,
  newDirectory,
  noOpenssl,
  runCli,
  startCli,
} from '../support/cli.ts'
import { smallMailbox } from '../support/drains.ts'

const MESSAGES = 7
let server: Pop3Server
let directory: string
beforeAll(async () => {
  server = await startPop3Server({ mailbox: smallMailbox(MESSAGES) })
  directory = newDirectory()
})
afterAll(() => server.close())

const database = (): string => join(newDirectory(), 'mail.db')
const drainArgs = (change: { from?: string; to?: string } = {}): string[] => [
  ...['drain', '--from', change.from ?? server.url, '--to', change.to ?? `sqlite:${database()}`],
  ...['--delete', '--quiet'],
]

/** One line that names what is wrong, the exit code, and the mailbox as it was. */
function expectRefused(result: CliResult, exit: number, code: string, ...words: string[]): void {
  expect(result.lines, result.stderr).toHaveLength(1)
  const [line = ''] = result.lines
  expect(line).toMatch(new RegExp(`^maildrain: .+ \\[${code}\\]$`))
  for (const word of words) expect(line).toContain(word)
  expect(result.code).toBe(exit)
  expect(result.stdout).toBe('')
  expect(server.remaining()).toBe(MESSAGES)
}

describe('the mailbox', () => {
  it('fault 30: wrong password: exit 3, tried once', async () => {
    const before = server.sessions
    const result = await runCli(drainArgs(), { MAILDRAIN_PASSWORD: 'wrong-canary' })
    expectRefused(result, 3, 'MAILDRAIN_POP3_AUTH_REJECTED')
    expect(server.sessions - before).toBe(1)
    expect(result.stderr).not.toContain('wrong-canary')
  })

  it.skipIf(noOpenssl !== undefined)(
    `fault 41, 42: TLS: another name in the certificate, or an authority that nobody trusts: exit 3${noOpenssl ? `: ${noOpenssl}` : ''}`,
    async () => {
      const { key, cert, file } = certificateFor('other.example')
      const mailbox = smallMailbox(1)
      const tls = await startPop3Server({ mailbox, tls: { mode: 'implicit', key, cert } })
      try {
        const trusted = await runCli([...drainArgs({ from: tls.url }), '--ca-file', file])
        expectRefused(trusted, 3, 'MAILDRAIN_POP3_TLS_NAME', '127.0.0.1')
        expectRefused(
          await runCli(drainArgs({ from: tls.url })),
          3,
          'MAILDRAIN_POP3_TLS_SELF_SIGNED',
        )
        expect(tls.remaining()).toBe(1)
        expect(tls.logins).toBe(0)
      } finally {
        await tls.close()
      }
    },
  )

  it('cleartext to a host off loopback: exit 3, before anything is opened', async () => {
    const path = database()
    const result = await runCli(
      drainArgs({ from: 'pop3://user@mail.example.org', to: `sqlite:${path}` }),
    )
    expectRefused(result, 3, 'MAILDRAIN_POP3_CLEARTEXT', 'mail.example.org', '--starttls')
    expect(existsSync(path)).toBe(false)
  })

  it('--starttls where the server has none: exit 3, no password sent', async () => {
    const before = server.logins
    const result = await runCli([...drainArgs(), '--starttls'])
    expectRefused(result, 3, 'MAILDRAIN_POP3_STLS_REFUSED')
    expect(server.logins).toBe(before)
  })
})

describe.concurrent('what may pass by itself is waited for', () => {
  it('fault 48: unknown host: exit 4 after retries', async () => {
    const result = await runCli(drainArgs({ from: 'pop3s://user@no-such-host.invalid' }))
    expectRefused(result, 4, 'MAILDRAIN_POP3_UNREACHABLE', 'no-such-host.invalid')
  })

  it('fault 1: nobody listens: exit 4 after retries', async () => {
    const result = await runCli(drainArgs({ from: 'pop3://user@127.0.0.1:1' }))
    expectRefused(result, 4, 'MAILDRAIN_POP3_UNREACHABLE', '127.0.0.1:1')
  })

  it('a port that speaks something else: exit 4', async () => {
    const web = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
    const { port } = web.address() as { port: number }
    const result = await runCli(drainArgs({ from: `pop3://user@127.0.0.1:${port}` }))
    web.close()
    expectRefused(result, 4, 'MAILDRAIN_POP3_PROTOCOL')
  })

  it('Kafka down: exit 5 after it was waited for', async () => {
    const result = await runCli(drainArgs({ to: 'kafka://127.0.0.1:1/mail' }))
    expectRefused(result, 5, 'MAILDRAIN_SINK_UNREACHABLE', '127.0.0.1:1')
  }, 270_000)
})

describe('the destination', () => {
  it('a SQLite file that cannot be written: exit 5', async () => {
    const path = join(newDirectory(), 'no-such-directory', 'mail.db')
    const result = await runCli(drainArgs({ to: `sqlite:${path}` }))
    expectRefused(result, 5, 'MAILDRAIN_SINK_REFUSED', path)
  })

  it('a SQLite file of another program, and a file that is none: exit 8, unchanged', async () => {
    const folder = newDirectory()
    const [theirs, text] = [join(folder, 'theirs.db'), join(folder, 'notes.txt')]
    // Without a write-ahead log, which would go into the file only when the collector has let go of its statements.
    const foreign = SqliteDatabase.openForLock(theirs)
    foreign.exec('CREATE TABLE notes (text); INSERT INTO notes VALUES (1)')
    foreign.close()
    writeFileSync(text, 'somebody needs this\n'.repeat(100))
    for (const path of [theirs, text]) {
      const before = readFileSync(path)
      const result = await runCli(drainArgs({ to: `sqlite:${path}` }))
      expectRefused(result, 8, 'MAILDRAIN_LEDGER_FOREIGN', path)
      expect(readFileSync(path)).toEqual(before)
    }
    expect(readdirSync(folder).sort()).toEqual(['notes.txt', 'theirs.db'])
  })

  it('a second drainer on this host: exit 7, and the first goes on', async () => {
    const slow = await startPop3Server({ mailbox: smallMailbox(40), behaviour: { delayMs: 500 } })
    const args = drainArgs({ from: slow.url, to: `sqlite:${database()}` })
    const first = startCli(args)
    while (slow.logins === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    expectRefused(await runCli(args), 7, 'MAILDRAIN_DRAINER_BUSY')
    slow.setBehaviour({ delayMs: undefined })
    expect((await first.result).code).toBe(0)
    expect(slow.remaining()).toBe(0)
    await slow.close()
  })
})

describe('the command line', () => {
  const usage = (args: string[], code: string, ...words: string[]) =>
    runCli(args).then((result) => expectRefused(result, 2, code, ...words))

  it('a password in an address: exit 2, and it is not shown', async () => {
    for (const change of [
      { from: 'pop3s://user:hunter2@mail.example.org' },
      { to: 'kafka://user:hunter2@broker:9092/mail' },
    ]) {
      const result = await runCli(drainArgs(change))
      expectRefused(result, 2, 'MAILDRAIN_CONFIG_PASSWORD_IN_URL')
      expect(result.stderr).not.toContain('hunter2')
    }
  })

  it('flags that are unknown, missing, or have wrong values: exit 2', async () => {
    const invalid = 'MAILDRAIN_CONFIG_INVALID'
    await usage([...drainArgs(), '--purge'], invalid, '--purge')
    await usage(['drain', '--to', 'sqlite:x.db'], invalid, '--from is missing')
    await usage([...drainArgs(), '--session-messages', 'many'], invalid, '--session-messages')
    await usage([...drainArgs(), '--session-messages', '0'], invalid, '--session-messages')
    await usage([...drainArgs(), '--log-level', 'loud'], invalid, 'debug, info')
    await usage([...drainArgs(), '--receipt'], invalid, '--receipt wants a value')
    await usage([...drainArgs(), 'extra'], invalid)
    await usage(['fetch'], invalid, 'maildrain drain')
    await usage(drainArgs({ to: 'mysql://x/y' }), 'MAILDRAIN_CONFIG_URL', 'sqlite:PATH')
    await usage(drainArgs({ from: 'imap://a@b' }), 'MAILDRAIN_CONFIG_URL', 'pop3s://')
  })

  it('a password file that others can read, that is empty, or is not there: exit 2', async () => {
    const [open, empty] = [join(directory, 'open'), join(directory, 'empty')]
    writeFileSync(open, 'secret\n')
    chmodSync(open, 0o644)
    writeFileSync(empty, '\n', { mode: 0o600 })
    for (const [file, word] of [
      [open, 'chmod 600'],
      [empty, 'empty'],
      [join(directory, 'none'), 'cannot be read'],
    ] as const)
      await usage([...drainArgs(), '--password-file', file], 'MAILDRAIN_CONFIG_PASSWORD', word)
    const none = await runCli(drainArgs(), { MAILDRAIN_PASSWORD: '' })
    expectRefused(none, 2, 'MAILDRAIN_CONFIG_PASSWORD', '--password-file')
  })

  it('a receipt or an authority file that cannot be used: exit 2, before anything starts', async () => {
    const before = server.sessions
    const missing = join(directory, 'missing', 'file')
    await usage([...drainArgs(), '--receipt', missing], 'MAILDRAIN_CONFIG_INVALID', missing)
    await usage([...drainArgs(), '--ca-file', missing], 'MAILDRAIN_CONFIG_INVALID', missing)
    expect(server.sessions).toBe(before)
  })
})

it('a failed drain leaves a receipt with its error', async () => {
  const receipt = join(newDirectory(), 'receipt.json')
  const result = await runCli([...drainArgs(), '--receipt', receipt], { MAILDRAIN_PASSWORD: 'no' })
  expect(result.code).toBe(3)
  const written = JSON.parse(readFileSync(receipt, 'utf8')) as Receipt & { error: { code: string } }
  expect(written).toMatchObject({
    seen: 0,
    deleted: 0,
    error: { code: 'MAILDRAIN_POP3_AUTH_REJECTED' },
  })
})
