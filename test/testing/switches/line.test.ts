import { expect, it } from 'vitest'
import type { LineBehaviour } from '../../../src/testing/behaviour/line.ts'
import { generateMailbox } from '../../../src/testing/index.ts'
import { smallMessage } from '../../support/drains.ts'
import { RawClient } from '../raw-client.ts'
import { behaving, client, isSilent, serving } from './servers.ts'

const { octets } = smallMessage(0)

const probes: Record<keyof LineBehaviour, () => Promise<void>> = {
  delayMs: async () => {
    const one = await client({ delayMs: (verb) => (verb === 'STAT' ? 1500 : 0) })
    const begun = performance.now()
    await one.ask('NOOP')
    expect(performance.now() - begun).toBeLessThan(1400)
    await one.ask('STAT')
    expect(performance.now() - begun).toBeGreaterThan(1490)
  },
  bytesPerSecond: async () => {
    const one = await client({
      bytesPerSecond: (verb) => (verb === 'UIDL' ? 500 : verb === '' ? 2000 : undefined),
    })
    const begun = performance.now()
    one.send('UIDL\r\n')
    await one.line()
    expect(await one.body()).toHaveLength(36)
    expect(performance.now() - begun).toBeGreaterThan(60)
    expect(await one.retr(1)).toEqual(smallMessage(0).read())
  },
  endless: async () => {
    for (const verb of ['CAPA', 'LIST', 'UIDL', 'RETR'] as const) {
      const one = await client({ endless: verb })
      one.send(verb === 'RETR' ? 'RETR 1\r\n' : `${verb}\r\n`)
      await expect.poll(() => one.octets, { interval: 5 }).toBeGreaterThan(500_000)
      one.destroy()
    }
  },
  statusText: async () => {
    const one = await client({ statusText: () => 'you break here' })
    expect(await one.ask('NOOP')).toBe('+OK you break here')
    expect(await one.ask('RETR 1')).toBe('+OK you break here')
    await one.body()
    expect(await one.ask('UIDL 1')).toBe('+OK 1 uid-0')
    expect(await one.ask('STAT')).toBe(`+OK 4 ${4 * octets}`)
  },
  statusOctets: async () => {
    const one = await client({ statusOctets: (verb) => (verb === 'RETR' ? 9000 : undefined) })
    expect(await one.ask('RETR 1')).toHaveLength(8998)
    expect(await one.body()).not.toHaveLength(0)
    expect(await one.ask('NOOP')).toBe('+OK')
  },
  bareLf: async () => {
    const one = await RawClient.connect(await behaving({ bareLf: true }, 1))
    expect((await one.until('\n')).toString()).toBe('+OK POP3 server ready.\n')
    one.send('USER user\r\nPASS secret\r\nUIDL\r\nRETR 1\r\nQUIT\r\n')
    expect(await one.rest()).toBe(
      `+OK\n+OK 1 messages.\n+OK 1 messages\n1 uid-0\n.\n+OK ${octets} octets\n${smallMessage(0)
        .read()
        .toString('latin1')
        .replace('\r\n.', '\r\n..')}.\n+OK Bye.\n`,
    )
  },
  afterReply: async () => {
    const one = await client({ afterReply: (verb) => (verb === 'NOOP' ? '+OK\r\n' : undefined) })
    await one.ask('NOOP')
    expect(await one.line()).toBe('+OK')
    expect(await one.ask('STAT')).toMatch(/^\+OK 4/)
  },
  replyOverride: async () => {
    const one = await client({
      replyOverride: (verb, argument) => (argument === '2' ? `+OK ${verb}\r\n` : undefined),
    })
    expect(await one.ask('RETR 2')).toBe('+OK RETR')
    expect(await one.ask('UIDL 1')).toBe('+OK 1 uid-0')
  },
  pipeliningRace: async () => {
    const one = await client({ pipeliningRace: true })
    one.send('RETR 1\r\nNOOP\r\n')
    expect(await one.line()).toBe(`+OK ${octets} octets`)
    const body = smallMessage(0).read().toString('latin1').replace('\r\n.', '\r\n..')
    expect((await one.until('\r\n.\r\n')).toString('latin1')).toBe(`${body}+OK\r\n.\r\n`)
    expect(await one.retr(1)).toEqual(smallMessage(0).read())
  },
  swapsReplies: async () => {
    const one = await client({ swapsReplies: true })
    one.send('UIDL 1\r\nUIDL 2\r\n')
    expect(await one.line()).toBe('+OK 2 uid-1')
    expect(await one.line()).toBe('+OK 1 uid-0')
    expect(await one.ask('UIDL 3')).toBe('+OK 3 uid-2')
  },
  breaksPipelining: async () => {
    const one = await client({ breaksPipelining: true })
    expect(await one.ask('NOOP')).toBe('+OK')
    one.send('NOOP\r\nNOOP\r\n')
    expect(await one.rest()).toBe('')
  },
  maxErrors: async () => {
    const one = await client({ maxErrors: 2 })
    await one.ask('RETR 99')
    await one.ask('RETR 99')
    await one.ask('NOOP')
    one.send('RETR 99\r\n'.repeat(4))
    const refusal = '-ERR No such message.\r\n'
    expect(await one.rest()).toBe(`${refusal.repeat(3)}-ERR Too many bad commands.\r\n`)
  },
  closesOnUnknown: async () => {
    const one = await client({ closesOnUnknown: true })
    expect(await one.ask('RETR 99')).toMatch(/^-ERR/)
    one.send('XYZ\r\nNOOP\r\n')
    expect(await one.rest()).toBe('-ERR Unknown command.\r\n')
  },
  idleTimeoutMs: async () => {
    const one = await client({ idleTimeoutMs: 400 })
    expect(await one.rest()).toBe('-ERR Disconnected for inactivity.\r\n')
  },
  idleSilent: async () => {
    const one = await client({ idleTimeoutMs: 400, idleSilent: true })
    expect(await one.rest()).toBe('')
  },
  unreadTimeoutMs: async () => {
    let closed = false
    const server = await serving({
      mailbox: generateMailbox({ messages: 1_000_000 }),
      behaviour: { unreadTimeoutMs: 80 },
      onEvent: ({ kind }) => (closed ||= kind === 'close'),
    })
    const one = await RawClient.login(server)
    one.pause()
    one.send('UIDL\r\n')
    await expect.poll(() => closed, { timeout: 10_000 }).toBe(true)
    one.resume()
    expect(await one.rest()).not.toMatch(/\r\n\.\r\n$/)
  },
  dropAfterOctets: async () => {
    const one = await client({ dropAfterOctets: 60 })
    one.send('LIST\r\n'.repeat(4))
    await one.rest()
    expect(one.octets).toBe(60)
  },
  dropAfterCommands: async () => {
    const one = await client({ dropAfterCommands: 3 })
    expect(await one.ask('NOOP')).toMatch(/^\+OK/)
    one.send('STAT\r\n')
    expect(await one.rest()).toBe('')
  },
}

it.each(Object.entries(probes))('%s', (_name, probe) => probe())

it('a slow greeting', async () => {
  const server = await behaving({ bytesPerSecond: (verb) => (verb === '' ? 100 : undefined) })
  const one = await RawClient.connect(server)
  const begun = performance.now()
  expect(await one.line()).toBe('+OK POP3 server ready.')
  expect(performance.now() - begun).toBeGreaterThan(150)
  expect(await isSilent(one, 20)).toBe(true)
})
