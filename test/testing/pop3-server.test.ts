import { afterEach, describe, expect, it } from 'vitest'
import {
  type Pop3Server,
  type Pop3ServerOptions,
  startPop3Server,
} from '../../src/testing/index.ts'
import { smallMailbox, smallMessage } from '../support/drains.ts'
import { RawClient } from './raw-client.ts'

const servers: Pop3Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function serve(count: number, options: Partial<Pop3ServerOptions> = {}): Promise<Pop3Server> {
  const server = await startPop3Server({ mailbox: smallMailbox(count), ...options })
  servers.push(server)
  return server
}

/** Connected and greeted. */
async function greeted(server: Pop3Server): Promise<RawClient> {
  const client = await RawClient.connect(server)
  await client.line()
  return client
}

describe('by the RFCs', () => {
  it('STAT, LIST, UIDL, RETR with stuffed dots, TOP', async () => {
    const server = await serve(3)
    const client = await RawClient.login(server)
    const octets = smallMessage(0).octets
    expect(await client.ask('STAT')).toBe(`+OK 3 ${3 * octets}`)
    expect(await client.lines('LIST')).toEqual([1, 2, 3].map((n) => `${n} ${octets}`))
    expect(await client.lines('UIDL')).toEqual(['1 uid-0', '2 uid-1', '3 uid-2'])
    expect(await client.ask('UIDL 2')).toBe('+OK 2 uid-1')
    expect(await client.lines('RETR 1')).toContain('..line 0')
    expect(await client.retr(2)).toEqual(smallMessage(1).read())
    expect(await client.lines('TOP 1 0')).toEqual(['From: a@example.org', 'Subject: number 0', ''])
    for (const wrong of ['RETR 4', 'RETR 0', 'RETR x', 'UIDL 9', 'XYZ'])
      expect(await client.ask(wrong)).toMatch(/^-ERR/)
  })

  it('what is deleted goes at QUIT, and RSET takes it back', async () => {
    const server = await serve(3)
    const client = await RawClient.login(server)
    await client.ask('DELE 1')
    expect(await client.ask('RETR 1')).toMatch(/^-ERR/)
    expect(await client.ask('STAT')).toMatch(/^\+OK 2 /)
    await client.ask('RSET')
    expect(await client.ask('STAT')).toMatch(/^\+OK 3 /)
    await client.ask('DELE 3')
    expect(server.remaining()).toBe(3)
    expect(await client.ask('QUIT')).toMatch(/^\+OK/)
    expect(server.remainingIndexes()).toEqual([0, 1])
    expect(server.deletions).toEqual([{ session: 1, index: 2 }])
  })

  it('a connection that ends without QUIT removes nothing', async () => {
    const server = await serve(2)
    const client = await RawClient.login(server)
    await client.ask('DELE 1')
    server.dropConnections()
    const again = await RawClient.login(server)
    expect(await again.ask('STAT')).toMatch(/^\+OK 2 /)
  })

  it('a wrong password is refused, and no argument of PASS is kept', async () => {
    const server = await serve(1)
    const client = await greeted(server)
    await client.ask('USER user')
    expect(await client.ask('PASS hunter2')).toMatch(/^-ERR \[AUTH\]/)
    expect(JSON.stringify(server.log)).not.toContain('hunter2')
    expect(server.logins).toBe(0)
  })

  it('new mail is seen by later sessions, removed mail is -ERR in open ones', async () => {
    const server = await serve(2)
    const client = await RawClient.login(server)
    server.add(smallMessage(7))
    server.remove(0)
    expect(await client.ask('RETR 1')).toMatch(/^-ERR/)
    expect(await client.ask('RETR 3')).toMatch(/^-ERR/)
    const later = await RawClient.login(server)
    expect(await later.lines('UIDL')).toEqual(['1 uid-1', '2 uid-7'])
  })
})

describe('capabilities', () => {
  it('EXPIRE is said when asked for, CAPA can be missing', async () => {
    const server = await serve(1, { capabilities: { expire: '0', pipelining: false } })
    const capa = await (await RawClient.login(server)).lines('CAPA')
    expect(capa).toContain('EXPIRE 0')
    expect(capa).not.toContain('PIPELINING')
    const old = await serve(1, { capabilities: { capa: false } })
    expect(await (await greeted(old)).ask('CAPA')).toMatch(/^-ERR/)
  })
})
