import { expect, it } from 'vitest'
import {
  type LikenessName,
  generateMailbox,
  likeness,
  likenesses,
  mailboxOf,
} from '../../src/testing/index.ts'
import { RawClient } from './raw-client.ts'
import { greeted, serving, tryLogin } from './switches/servers.ts'

const like = (name: LikenessName, messages = 300) =>
  serving({ mailbox: generateMailbox({ messages, profile: 'small' }), ...likeness(name) })

const count = async (one: RawClient): Promise<number> =>
  Number((await one.ask('STAT')).split(' ')[1])

const probes: Record<LikenessName, () => Promise<void>> = {
  gmail: async () => {
    const server = await like('gmail')
    const one = await greeted(server)
    expect(await one.lines('CAPA')).not.toContain('PIPELINING')
    await one.ask('USER user')
    await one.ask('PASS secret')
    expect(await one.lines('CAPA')).toEqual(
      expect.arrayContaining(['PIPELINING', 'EXPIRE 0', 'LOGIN-DELAY 300']),
    )
    expect(await count(one)).toBe(250)
    await one.retr(1)
    await one.ask('QUIT')
    expect(await tryLogin(server)).toMatch(/^-ERR \[LOGIN-DELAY\]/)
    server.setBehaviour({ loginDelay: undefined })
    const later = await RawClient.login(server)
    expect(await later.ask('UIDL 1')).not.toContain(' 00000001')
    expect(server.remaining()).toBe(300)
  },
  exchange: async () => {
    const server = await like('exchange', 12)
    const one = await RawClient.login(server)
    expect(await one.lines('CAPA')).not.toContain('PIPELINING')
    const announced = Number((await one.ask('LIST 1')).split(' ')[2])
    expect((await one.retr(1)).length).not.toBe(announced)
    expect(await tryLogin(server, 'user', 'wrong')).toBe('-ERR Authentication failed.')
  },
  wildduck: async () => {
    const one = await RawClient.login(await like('wildduck'))
    expect(await count(one)).toBe(250)
    expect(await one.ask('UIDL 250')).toContain(' 0000012c')
    one.send('XLST\r\n')
    expect(await one.rest()).toBe('-ERR Unknown command.\r\n')
  },
  courier: async () => {
    const one = await RawClient.login(await like('courier', 3))
    expect(await one.ask('LIST')).toContain('they violate STD53')
    expect(await one.body()).not.toHaveLength(0)
  },
  cyrus: async () => {
    const mailbox = mailboxOf([Buffer.from('Subject: n\r\n\r\na\0b\r\n')])
    const one = await RawClient.login(await serving({ mailbox, ...likeness('cyrus') }))
    expect((await one.retr(1)).toString()).toBe('Subject: n\r\n\r\na\r\n')
    expect(await one.lines('CAPA')).toContain('EXPIRE NEVER')
  },
  james: async () => {
    const server = await like('james', 3)
    expect(await (await greeted(server)).lines('CAPA')).not.toContain('UIDL')
    const one = await RawClient.login(server)
    expect(await one.lines('CAPA')).toContain('UIDL')
    server.remove(0)
    await one.ask('RSET')
    expect(await count(one)).toBe(2)
  },
  dovecot: async () => {
    const one = await RawClient.login(await like('dovecot', 3))
    one.send('RETR 9\r\n'.repeat(25))
    expect((await one.rest()).split('\r\n').slice(20)).toEqual([
      ...['-ERR No such message.', '-ERR Too many bad commands.', ''],
    ])
  },
  stalwart: async () => {
    const one = await RawClient.login(await like('stalwart', 3))
    const whole = (await one.lines('TOP 1 0')).length
    expect(whole).toBeGreaterThan((await one.lines('TOP 1 1')).length)
    await one.ask('DELE 1')
    expect(await one.lines('UIDL')).toHaveLength(3)
  },
}

it.each(Object.entries(probes))('%s', (_name, probe) => probe())

it('a change goes before what the likeness has, and leaves the rest', () => {
  const changed = likeness('gmail', {
    behaviour: { cappedView: 10, inUse: 1 },
    capabilities: { expire: 'NEVER' },
  })
  expect(changed.behaviour).toEqual({ ...likenesses.gmail.behaviour, cappedView: 10, inUse: 1 })
  expect(changed.capabilities).toEqual({ ...likenesses.gmail.capabilities, expire: 'NEVER' })
})
