import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { AuditReport } from '../../src/audit/report.ts'
import { sqlite } from '../../src/sinks/sqlite/index.ts'
import { type Pop3Server, startPop3Server } from '../../src/testing/index.ts'
import type { RestoreReceipt } from '../../src/restore/receipt.ts'
import { newDirectory, runCli, startCli } from '../support/cli.ts'
import { smallMailbox, texts } from '../support/drains.ts'
import { change, fill } from '../support/filled.ts'
import { readMboxrd } from '../support/mboxrd-reader.ts'
import { MAILBOX, entryFor, rawMessage } from '../support/messages.ts'
import { sinkContext } from '../support/sinks.ts'

let server: Pop3Server | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

const QUIET = ['--log-level', 'error']

/** Three messages delivered, one filtered. */
const filled = (): Promise<string> =>
  fill({
    messages: [1, 2, 3].map((n) => rawMessage(`uid-${n}`, `body ${n}`)),
    entries: [entryFor(rawMessage('left', 'x'), { state: 'kept', reason: 'filtered' })],
  })

async function rebuilt(path: string): Promise<void> {
  const sink = sqlite({ path })
  await sink.open(sinkContext({ rebuildLedger: true }))
  await sink.close()
}

const auditArgs = (path: string, ...more: string[]): string[] => [
  ...['audit', '--of', MAILBOX, '--at', `sqlite:${path}`, ...QUIET, ...more],
]

describe('drain, audit, restore', () => {
  it('what was deleted from the server is proven to be there, and comes back byte for byte', async () => {
    const mailbox = smallMailbox(25)
    const wanted = texts(25).map((text) => Buffer.from(text, 'latin1').toString('hex'))
    server = await startPop3Server({ mailbox, capabilities: { expire: 'NEVER' } })
    const directory = newDirectory()
    const [database, manifest] = [join(directory, 'mail.db'), join(directory, 'manifest')]
    const drained = await runCli([
      ...[
        'drain',
        '--from',
        server.url,
        '--to',
        `sqlite:${database}`,
        '--delete',
        '--json',
        ...QUIET,
      ],
    ])
    expect(drained.code).toBe(0)
    const { mailbox: of } = JSON.parse(drained.stdout) as { mailbox: string }
    expect(server.remaining()).toBe(0)
    const at = ['--of', of, '--at', `sqlite:${database}`, ...QUIET]
    const audited = await runCli(['audit', ...at, '--json', '--manifest', manifest])
    expect({ code: audited.code, stderr: audited.stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(audited.stdout)).toMatchObject({
      ...{ addsUp: true, initial: 25, delivered: 25, gone: 25, records: 25 },
    } satisfies Partial<AuditReport>)
    expect(statSync(manifest).mode & 0o777).toBe(0o600)
    const from = ['--of', of, '--from', `sqlite:${database}`, ...QUIET]
    const restored = await runCli(['restore', ...from, '--to', `mbox:${directory}/all.mbox`])
    expect({ code: restored.code, stderr: restored.stderr }).toEqual({ code: 0, stderr: '' })
    const messages = readMboxrd(readFileSync(join(directory, 'all.mbox')))
    expect(messages.map((raw) => raw.toString('hex')).sort()).toEqual(wanted.sort())
    expect((await runCli(['audit', ...at, '--against', manifest])).code).toBe(0)
  })
})

describe('maildrain audit', () => {
  it.each([60, 80, 120])('prints a page of %i columns', async (columns) => {
    const { code, stdout, stderr } = await runCli(auditArgs(await filled()), {
      COLUMNS: String(columns),
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    // Names of files are as long as they are.
    for (const line of stdout.split('\n').filter((each) => !each.startsWith('destination')))
      expect(line.length, line).toBeLessThanOrEqual(columns)
    for (const expected of [
      /^mailbox +user@mail\.example$/m,
      /^read back +3 records, 75 B in /m,
      /^ledger +4 entries$/m,
      /^initial +4$/m,
      /^delivered +3 +75\.0 % {2}█/m,
      /^filtered +1 +25\.0 % {2}█/m,
      /^vanished +0 +0\.0 %/m,
      /^sum +4 {2}as many as there were$/m,
      /^Everything adds up: /m,
    ])
      expect(stdout).toMatch(expected)
  })

  it('names what is wrong, ends in one line and exit code 8', async () => {
    const path = await filled()
    change(path, "DELETE FROM messages WHERE uidl = 'uid-2'")
    change(path, "UPDATE messages SET raw = x'00' WHERE uidl = 'uid-3'")
    change(path, "UPDATE messages SET uidl = CAST(x'1b5b324a' AS TEXT) WHERE uidl = 'uid-1'")
    const { code, stdout, lines } = await runCli(auditArgs(path))
    expect(code).toBe(8)
    expect(lines).toEqual([
      `maildrain: sqlite:${path} does not hold what its ledger says: 1 missing, 2 altered; look at the report, and restore it from a backup [MAILDRAIN_DESTINATION_DIFFERS]`,
    ])
    expect(stdout).toMatch(/^Missing: .*\n.*\n?.*- unique-id uid-2, key/m)
    expect(stdout).toContain('- unique-id uid-3, key')
    // What a server made up must not reach the terminal.
    expect(stdout).toContain('unique-id \\x1b[2J')
    expect(stdout).not.toContain('\u001b')
    expect(stdout).toMatch(/^sum +1 {2}3 less than there were$/m)
  })

  it('says what was accepted as missing, and what is missing all the same', async () => {
    const path = await filled()
    change(path, "DELETE FROM ledger WHERE uidl = CAST('left' AS BLOB)")
    await rebuilt(path)
    const accepted = await runCli(auditArgs(path), { COLUMNS: '80' })
    expect(accepted).toMatchObject({ code: 0, stderr: '' })
    expect(accepted.stdout).toMatch(/^accepted +1 +25\.0 % .*lost entries, accepted$/m)
    expect(accepted.stdout).toMatch(/What became of 1 that were not delivered is not\s+known/)
    change(path, "DELETE FROM ledger WHERE uidl = CAST('uid-1' AS BLOB)")
    change(path, "DELETE FROM messages WHERE uidl = 'uid-1'")
    await rebuilt(path)
    const { code, lines } = await runCli(auditArgs(path))
    expect(code).toBe(8)
    expect(lines[0]).toMatch(/says: 1 missing that the ledger has forgotten; look at/)
  })

  it('writes no manifest over another', async () => {
    const [path, manifest] = [await filled(), join(newDirectory(), 'manifest')]
    writeFileSync(manifest, 'mine')
    const { code, lines } = await runCli(auditArgs(path, '--manifest', manifest))
    expect(code).toBe(2)
    expect(lines[0]).toMatch(/there is such a file.*\[MAILDRAIN_CONFIG_INVALID\]$/)
    expect(readFileSync(manifest, 'utf8')).toBe('mine')
  })

  it.each<[string, string[], RegExp]>([
    ['no destination', ['--of', 'a@b'], /--at is missing/],
    ['no mailbox', ['--at', 'sqlite:x.db'], /--of is missing/],
    ['another form', ['--of', 'a@b', '--at', 'file:x'], /--at cannot be understood/],
    [
      'both manifests',
      ['--of', 'a@b', '--at', 'sqlite:x.db', '--manifest', 'a', '--against', 'b'],
      /--manifest and --against exclude each other/,
    ],
  ])('%s: one line, exit code 2', async (_, args, expected) => {
    const { code, lines } = await runCli(['audit', ...args])
    expect([code, lines.length]).toEqual([2, 1])
    expect(lines[0]).toMatch(expected)
  })

  it('help says nothing of passwords, which it needs none', async () => {
    const { code, stdout } = await runCli(['audit', '--help'])
    expect(code).toBe(0)
    expect(stdout).toContain('--against FILE')
    expect(stdout).not.toMatch(/password/)
  })
})

describe('maildrain restore', () => {
  const restoreArgs = (path: string, to: string, ...more: string[]): string[] => [
    ...['restore', '--of', MAILBOX, '--from', `sqlite:${path}`, '--to', to, ...QUIET, ...more],
  ]

  it('prints a receipt, writes it, and does nothing twice', async () => {
    const path = await filled()
    const directory = newDirectory()
    const [to, receipt] = [`maildir:${directory}/mail`, join(directory, 'receipt')]
    const first = await runCli(restoreArgs(path, to, '--receipt', receipt))
    expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: '' })
    expect(first.stdout).toMatch(/^written +3 +verified by SHA-256 and key/m)
    expect(first.stdout).toMatch(/^missing +0 /m)
    expect(JSON.parse(readFileSync(receipt, 'utf8'))).toMatchObject({ written: 3 })
    const again = await runCli(restoreArgs(path, to, '--json'))
    expect(JSON.parse(again.stdout)).toMatchObject({
      ...{ written: 0, alreadyThere: 3, to },
    } satisfies Partial<RestoreReceipt>)
    expect(readdirSync(join(directory, 'mail', 'new'))).toHaveLength(3)
  })

  it('restores what is sound, names the rest, and ends with exit code 8', async () => {
    const path = await filled()
    change(path, "UPDATE messages SET raw = x'00' WHERE uidl = 'uid-3'")
    const to = `eml:${newDirectory()}`
    const { code, stdout, lines } = await runCli(restoreArgs(path, to))
    expect(code).toBe(8)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(
      /not everything .* 1 damaged, 1 missing; .*\[MAILDRAIN_DESTINATION_DIFFERS\]$/,
    )
    expect(stdout).toMatch(/^Damaged records\n- unique-id uid-3/m)
    expect(readdirSync(to.slice('eml:'.length))).toHaveLength(2)
  })

  it('says how much of what the ledger has forgotten is not there', async () => {
    const message = rawMessage('uid-1', 'body 1')
    const state = { state: 'gone', was: 'delivered', goneAt: 1 } as const
    const path = await fill({ messages: [message], states: { 'uid-1': state } })
    await fill({ batch: { tombstones: [message.key] } }, path)
    change(path, 'DELETE FROM messages')
    const { code, stdout, lines } = await runCli(restoreArgs(path, `eml:${newDirectory()}`))
    expect(code).toBe(8)
    expect(stdout).toMatch(/^forgotten +1 +not there, and forgotten by the ledger$/m)
    expect(lines[0]).toMatch(/ was restored: 1 missing that the ledger has forgotten; /)
  })

  it('says also when it is quiet that nobody can tell whether that is all', async () => {
    const path = await filled()
    change(path, 'UPDATE ledger SET attempts = 9')
    change(path, "DELETE FROM messages WHERE uidl = 'uid-3'")
    const to = `eml:${newDirectory()}`
    const { code, lines, stdout } = await runCli(restoreArgs(path, to, '--quiet'))
    expect([code, lines.length, stdout]).toEqual([8, 1, ''])
    expect(lines[0]).toMatch(/nobody can tell whether that is all.*\[MAILDRAIN_LEDGER_LOST\]$/)
    expect(readdirSync(to.slice('eml:'.length))).toHaveLength(2)
  })

  it('killed again and again, it ends with every message once and whole', async () => {
    const messages = Array.from({ length: 1500 }, (_, n) => rawMessage(`uid-${n}`, `body ${n}`))
    const path = await fill({ messages })
    const directory = join(newDirectory(), 'mail')
    const args = restoreArgs(path, `maildir:${directory}`)
    const fresh = join(directory, 'new')
    let kills = 0
    for (const after of [20, 200, 600]) {
      const { child, result } = startCli(args)
      const arrived = setInterval(() => {
        try {
          if (readdirSync(fresh).length >= after) child.kill('SIGKILL')
        } catch {
          // Not there yet.
        }
      }, 2)
      if ((await result).code === null) kills += 1
      clearInterval(arrived)
      for (const name of readdirSync(fresh))
        expect(statSync(join(fresh, name)).size).toBeGreaterThan(20)
    }
    expect(kills).toBeGreaterThan(0)
    expect((await runCli(args)).code).toBe(0)
    const found = readdirSync(fresh)
      .map((name) => readFileSync(join(fresh, name), 'hex'))
      .sort()
    expect(found).toEqual(messages.map(({ raw }) => raw.toString('hex')).sort())
    expect(readdirSync(join(directory, 'tmp'))).toEqual([])
  }, 180_000)

  it.each<[string, string, RegExp]>([
    ['another form', 'sqlite:x', /--to cannot be understood.*maildir:PATH, mbox:PATH or eml:PATH/],
    ['no path', 'mbox:', /--to cannot be understood/],
  ])('%s: one line, exit code 2', async (_, to, expected) => {
    const { code, lines } = await runCli(restoreArgs('x.db', to))
    expect([code, lines.length]).toEqual([2, 1])
    expect(lines[0]).toMatch(expected)
  })
})
