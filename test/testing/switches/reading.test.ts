import { expect, it } from 'vitest'
import type { ReadingBehaviour } from '../../../src/testing/behaviour/reading.ts'
import { type Behaviour, mailboxOf } from '../../../src/testing/index.ts'
import { smallMessage } from '../../support/drains.ts'
import { RawClient } from '../raw-client.ts'
import { behaving, client, isSilent, serving } from './servers.ts'

const first = smallMessage(0).read()
const LF_DOT = 'Subject: dots\r\n\r\na\n.b\r\n.c\r\n'

/** Logged in at a server with this one message. */
async function reading(text: string, behaviour: Behaviour): Promise<RawClient> {
  const mailbox = mailboxOf([Buffer.from(text, 'latin1')])
  return RawClient.login(await serving({ mailbox, behaviour }))
}

/** What comes after the status line until the line is silent. */
async function raw(one: RawClient, command: string): Promise<string> {
  await one.ask(command)
  one.send('QUIT\r\n')
  return (await one.rest()).replace(/\+OK[^\r]*\r\n$/, '')
}

const probes: Record<keyof ReadingBehaviour, () => Promise<void>> = {
  shortMessages: async () => {
    const one = await client({ shortMessages: (index) => (index === 0 ? 10 : undefined) })
    // What is cut off still ends as a line.
    expect((await one.retr(1)).toString()).toBe('From: a@\r\n')
    expect(await one.retr(2)).toEqual(smallMessage(1).read())
  },
  errorOnRetr: async () => {
    const one = await client({ errorOnRetr: (index) => (index === 1 ? 'no' : undefined) })
    expect(await one.ask('RETR 2')).toBe('-ERR no')
    expect(await one.ask('TOP 2 0')).toBe('-ERR no')
    expect(await one.ask('RETR 1')).toMatch(/^\+OK/)
  },
  cutMessages: async () => {
    const one = await client({ cutMessages: () => 20 })
    await one.ask('RETR 1')
    expect(await one.rest()).toBe(first.toString('latin1', 0, 20))
  },
  stallMessages: async () => {
    const one = await client({ stallMessages: () => 20 })
    await one.ask('RETR 1')
    expect(await isSilent(one, 20)).toBe(true)
    one.send('NOOP\r\n')
    expect(await isSilent(one)).toBe(true)
  },
  corruptMessages: async () => {
    const one = await client({ corruptMessages: (index) => index === 0 })
    const got = await one.retr(1)
    expect(got).toHaveLength(first.length)
    expect([...got].filter((byte, at) => byte !== first[at])).toHaveLength(1)
  },
  terminator: async () => {
    const text = first.toString('latin1')
    const stuffed = text.replace('\r\n.', '\r\n..')
    const noCrlf = await client({ terminator: () => 'no-crlf' })
    expect(await raw(noCrlf, 'RETR 1')).toBe(`${stuffed.slice(0, -2)}.\r\n`)
    const lf = await client({ terminator: () => 'lf' })
    expect(await raw(lf, 'RETR 1')).toBe(`${stuffed}.\n`)
    const dotCr = await client({ terminator: () => 'dot-cr' })
    await dotCr.ask('RETR 1')
    expect((await dotCr.until('\r\n.\r')).toString()).toBe(`${stuffed}.\r`)
    dotCr.send('NOOP\r\n')
    expect(await isSilent(dotCr)).toBe(true)
  },
  stuffing: async () => {
    for (const [stuffing, body] of [
      [undefined, 'a\n.b\r\n..c\r\n'],
      ['after-crlf', 'a\n.b\r\n..c\r\n'],
      ['after-lf', 'a\n..b\r\n..c\r\n'],
      ['none', 'a\n.b\r\n.c\r\n'],
    ] as const) {
      const one = await reading(LF_DOT, { stuffing })
      expect(await raw(one, 'RETR 1')).toBe(`Subject: dots\r\n\r\n${body}.\r\n`)
    }
  },
  nulBytes: async () => {
    const text = 'Subject: n\r\n\r\nab\0cd\r\nef\r\n'
    const cut = await reading(text, { nulBytes: 'cuts-line' })
    expect((await cut.retr(1)).toString('latin1')).toBe('Subject: n\r\n\r\nab\r\nef\r\n')
    const changed = await reading(text, { nulBytes: 'becomes-x80' })
    expect((await changed.retr(1)).toString('latin1')).toBe(text.replace('\0', '\x80'))
  },
  wrapsEightBit: async () => {
    const text = 'Subject: \xe9t\xe9\r\n\r\nbody\r\n'
    // A stand-in for the command: what counts is that it was accepted.
    const accepts = (verb: string) => (verb === 'UTF8' ? '+OK\r\n' : undefined)
    const one = await reading(text, { wrapsEightBit: true, replyOverride: accepts })
    const got = (await one.retr(1)).toString('latin1')
    expect(got).toMatch(/^MIME-Version.*multipart\/mixed/s)
    expect(got).toContain(text)
    await one.ask('UTF8')
    expect((await one.retr(1)).toString('latin1')).toBe(text)
    const plain = await reading('Subject: a\r\n\r\n\xe9\r\n', { wrapsEightBit: true })
    expect((await plain.retr(1)).toString('latin1')).toBe('Subject: a\r\n\r\n\xe9\r\n')
  },
  downloadQuota: async () => {
    const server = await behaving({ downloadQuota: 3 })
    const one = await RawClient.login(server)
    await one.retr(1)
    await one.retr(2)
    const other = await RawClient.login(server)
    await other.retr(3)
    other.send('RETR 4\r\n')
    expect(await other.rest()).toBe('-ERR Download exceed. msg=10\r\n')
  },
  downloadQuotaText: async () => {
    const one = await client({ downloadQuota: 0, downloadQuotaText: 'Download was rate limited' })
    expect(await one.ask('RETR 1')).toBe('-ERR Download was rate limited')
  },
  top: async () => {
    const whole = await client({ top: 'whole' })
    expect((await whole.lines('TOP 1 0')).join('\r\n')).toContain('line 0')
    const unstuffed = await client({ top: 'unstuffed' })
    expect(await unstuffed.lines('TOP 1 1')).toContain('.line 0')
    const long = `Subject: long\r\n\r\n${'x'.repeat(98)}\r\n`.padEnd(200_000, 'y\r\n')
    const cut = await reading(long, { top: 'cut' })
    await cut.ask('TOP 1 99999')
    expect((await cut.body()).length).toBeLessThanOrEqual(65_538)
  },
  noTop: async () => {
    const one = await client({ noTop: true })
    expect(await one.ask('TOP 1 0')).toMatch(/^-ERR/)
    expect(await one.lines('CAPA')).not.toContain('TOP')
  },
}

it.each(Object.entries(probes))('%s', (_name, probe) => probe())
