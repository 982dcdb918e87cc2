import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { Receipt } from '../../src/pipeline/receipt.ts'
import {
  type Pop3Server,
  type Pop3ServerOptions,
  startPop3Server,
} from '../../src/testing/index.ts'
import { certificateFor, messagesIn, newDirectory, noOpenssl, runCli } from '../support/cli.ts'
import { smallMailbox, smallMessage } from '../support/drains.ts'

let server: Pop3Server
afterEach(() => server.close())

async function serve(count: number, options: Partial<Pop3ServerOptions> = {}): Promise<void> {
  server = await startPop3Server({ mailbox: smallMailbox(count), ...options })
}

describe('maildrain drain', () => {
  it('drains with deletion: exit 0, a receipt to read and one as JSON', async () => {
    await serve(25)
    const directory = newDirectory()
    const [path, receipt] = [join(directory, 'mail.db'), join(directory, 'receipt.json')]
    const args = ['--from', server.url, '--to', `sqlite:${path}`, '--delete', '--receipt', receipt]
    const { code, stdout, stderr } = await runCli(['drain', ...args])
    expect(code, stderr).toBe(0)
    expect(messagesIn(path)).toBe(25)
    expect(server.remaining()).toBe(0)
    const written = JSON.parse(readFileSync(receipt, 'utf8')) as Receipt
    expect(written).toMatchObject({
      ...{ mailbox: `user@127.0.0.1:${server.port}`, destination: `sqlite:${path}` },
      ...{ seen: 25, delivered: 25, deleted: 25, verifiedGone: 25, remaining: 0 },
      durability: 'committed',
    })
    expect(statSync(receipt).mode & 0o777).toBe(0o600)
    expect(stdout).toMatch(/^delivered +25 /m)
    expect(stdout).toMatch(/^verifiedGone +25 /m)
  })

  it('without a terminal the log is JSON lines, with progress among them, and never the password', async () => {
    await serve(3)
    const to = `sqlite:${join(newDirectory(), 'mail.db')}`
    const args = ['drain', '--from', server.url, '--to', to, '--log-level', 'debug']
    const { lines } = await runCli(args)
    const parsed = lines.map((line) => JSON.parse(line) as { msg: string })
    expect(parsed.map(({ msg }) => msg)).toContain('progress')
    expect(lines.join('\n')).not.toContain('secret')
  })

  it.each([
    ['auto', 0],
    ['full', 1],
  ])('--listing %s: complete listings in a first drain: %i', async (listing, complete) => {
    await serve(12)
    const to = `sqlite:${join(newDirectory(), 'mail.db')}`
    const args = ['--from', server.url, '--to', to, '--delete', '--listing', listing]
    const { code, stderr } = await runCli(['drain', ...args])
    expect(code, stderr).toBe(0)
    const whole = server.log.filter(({ verb, argument }) => verb === 'UIDL' && argument === '')
    expect(whole).toHaveLength(complete)
    expect(server.remaining()).toBe(0)
  })

  it('without --delete mail stays, and the next run writes nothing again', async () => {
    await serve(8)
    const path = join(newDirectory(), 'mail.db')
    const args = [
      'drain',
      '--from',
      server.url,
      '--to',
      `sqlite:${path}`,
      '--json',
      '--log-level',
      'error',
    ]
    const receipts: Receipt[] = []
    for (let run = 0; run < 2; run += 1) {
      const { code, stdout } = await runCli(args)
      expect(code).toBe(0)
      receipts.push(JSON.parse(stdout) as Receipt)
    }
    expect(receipts).toMatchObject([
      { delivered: 8, alreadyDelivered: 0, deleted: 0, remaining: 8 },
      { delivered: 0, alreadyDelivered: 8, deleted: 0, remaining: 8 },
    ])
    expect(server.remaining()).toBe(8)
    expect(messagesIn(path)).toBe(8)
  })

  it('the mailbox can be named, and the password comes from a file', async () => {
    await serve(2)
    const directory = newDirectory()
    const { writeFileSync } = await import('node:fs')
    const file = join(directory, 'password')
    writeFileSync(file, 'secret\nsecond line\n', { mode: 0o600 })
    const to = `sqlite:${join(directory, 'mail.db')}`
    const args = ['drain', '--from', server.url, '--to', to, '--mailbox-id', 'archive', '--json']
    const { stdout } = await runCli([...args, '--password-file', file], { MAILDRAIN_PASSWORD: 'x' })
    expect(JSON.parse(stdout)).toMatchObject({ mailbox: 'archive', delivered: 2 })
  })

  it('--quiet says nothing when all is well', async () => {
    await serve(2)
    const to = `sqlite:${join(newDirectory(), 'mail.db')}`
    const { code, stdout, stderr } = await runCli([
      'drain',
      '--from',
      server.url,
      '--to',
      to,
      '--quiet',
    ])
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  it('a message over the limit is kept on the server: exit 6', async () => {
    await serve(3, {
      behaviour: { announce: (index, octets) => (index === 1 ? 30_000_000 : octets) },
    })
    const to = `sqlite:${join(newDirectory(), 'mail.db')}`
    const { code, stdout } = await runCli([
      'drain',
      '--from',
      server.url,
      '--to',
      to,
      '--delete',
      '--json',
    ])
    expect(code).toBe(6)
    expect(JSON.parse(stdout)).toMatchObject({ seen: 3, delivered: 2, kept: 1, remaining: 1 })
    expect(server.remaining()).toBe(1)
  })

  it.skipIf(noOpenssl !== undefined)(
    `G14: --starttls and pop3s with an authority of one's own${noOpenssl ? `: ${noOpenssl}` : ''}`,
    async () => {
      const { key, cert, file } = certificateFor('localhost')
      for (const mode of ['stls', 'implicit'] as const) {
        const tls = await startPop3Server({ mailbox: smallMailbox(2), tls: { mode, key, cert } })
        server = tls
        const scheme = mode === 'stls' ? 'pop3' : 'pop3s'
        const from = `${scheme}://user@localhost:${tls.port}`
        const to = `sqlite:${join(newDirectory(), 'mail.db')}`
        const args = ['drain', '--from', from, '--to', to, '--ca-file', file, '--json']
        if (mode === 'stls') args.push('--starttls')
        const { code, stdout, stderr } = await runCli(args)
        expect(code, stderr).toBe(0)
        expect(JSON.parse(stdout)).toMatchObject({ delivered: 2 })
        if (mode === 'stls') await tls.close()
      }
    },
  )
})
describe('maildrain drain: a part of the mail, and what stays', () => {
  const drain = async (...flags: string[]) => {
    const { code, stdout, stderr } = await runCli([
      'drain',
      '--from',
      server.url,
      ...flags,
      '--json',
    ])
    return { code, stderr, receipt: code === 2 ? undefined : (JSON.parse(stdout) as Receipt) }
  }

  it('takes what is asked for, and leaves what was delivered for its time', async () => {
    await serve(12)
    const to = ['--to', `sqlite:${join(newDirectory(), 'mail.db')}`]
    const part = await drain(...to, '--keep', '--max-bytes', String(smallMessage(3).octets))
    expect(part.receipt).toMatchObject({ delivered: 10, unselected: 2, remaining: 12 })
    const after = await drain(...to, '--delete-after', '30d', '--compare', 'headers')
    expect(after.receipt).toMatchObject({ delivered: 2, alreadyDelivered: 10, waiting: 12 })
    expect(after.code).toBe(0)
    const accepted = await drain(...to, '--accept-server-disposal', '--retry-kept')
    expect(accepted.receipt).toMatchObject({ alreadyDelivered: 12, deleted: 0 })
  })

  it.each([
    [['--keep', '--delete'], '--keep and --delete exclude each other'],
    [['--newest', '1', '--oldest', '2'], 'give either newest or oldest'],
    [['--since', 'yesterday'], 'since'],
    [['--delete-after', '30'], '--delete-after is not valid'],
  ])('%j: %s', async (flags, message) => {
    await serve(1)
    const { code, stderr } = await drain('--to', `sqlite:${join(newDirectory(), 'm.db')}`, ...flags)
    expect([code, server.sessions]).toEqual([2, 0])
    expect(stderr).toContain(message)
  })
})
