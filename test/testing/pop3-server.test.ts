import { afterEach, describe, expect, it } from 'vitest'
import {
  type Behaviour,
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

const behaving = (behaviour: Behaviour, count = 4) => serve(count, { behaviour })

/** Deletes the messages in one session; the reply to QUIT. */
async function expunge(server: Pop3Server, ...numbers: number[]): Promise<string> {
  const client = await RawClient.login(server)
  for (const n of numbers) await client.ask(`DELE ${n}`)
  return client.ask('QUIT').catch(() => '')
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

describe('behaviours', () => {
  it('quitRemovesRead: what was read goes at QUIT', async () => {
    const server = await behaving({ quitRemovesRead: true })
    const client = await RawClient.login(server)
    await client.retr(2)
    await client.ask('QUIT')
    expect(server.remainingIndexes()).toEqual([0, 2, 3])
  })

  it('applyDeletesOnDrop and applyDeletesAtOnce', async () => {
    const dropping = await behaving({ applyDeletesOnDrop: true })
    const client = await RawClient.login(dropping)
    await client.ask('DELE 1')
    dropping.dropConnections()
    await expect.poll(() => dropping.remaining()).toBe(3)
    const eager = await behaving({ applyDeletesAtOnce: true })
    await (await RawClient.login(eager)).ask('DELE 1')
    expect(eager.remaining()).toBe(3)
  })

  it('loseQuitReply: the reply is lost before or after the removal', async () => {
    for (const [when, left] of [
      ['committed', 3],
      ['not-committed', 4],
    ] as const) {
      const server = await behaving({ loseQuitReply: when })
      expect(await expunge(server, 1)).not.toMatch(/^\+OK/)
      expect(server.remaining()).toBe(left)
    }
  })

  it('quitError: none or half of it is removed, and it says -ERR', async () => {
    for (const [how, left] of [
      ['none', 4],
      ['half', 2],
    ] as const) {
      const server = await behaving({ quitError: how })
      expect(await expunge(server, 1, 2, 3, 4)).toMatch(/^-ERR/)
      expect(server.remaining()).toBe(left)
    }
  })

  it('ignoreDeletes: +OK, and nothing goes; a number of times', async () => {
    const server = await behaving({ ignoreDeletes: 1 })
    expect(await expunge(server, 1)).toMatch(/^\+OK/)
    expect(server.remaining()).toBe(4)
    await expunge(server, 1)
    expect(server.remaining()).toBe(3)
  })

  it('shortMessages, errorOnRetr, announce, uidlOf', async () => {
    const server = await behaving({
      shortMessages: (index) => (index === 0 ? 10 : undefined),
      errorOnRetr: (index) => (index === 1 ? 'cannot open it' : undefined),
      announce: (index, octets) => (index === 2 ? 99 : octets),
      uidlOf: (index, uidl) => (index === 3 ? 'other' : uidl),
    })
    const client = await RawClient.login(server)
    // What is cut off still ends as a line.
    expect((await client.retr(1)).length).toBeLessThanOrEqual(12)
    expect(await client.ask('RETR 2')).toBe('-ERR cannot open it')
    expect(await client.ask('LIST 3')).toBe('+OK 3 99')
    expect(await client.ask('UIDL 4')).toBe('+OK 4 other')
  })

  it('statZeroOnce, cappedView, order', async () => {
    const server = await behaving({ statZeroOnce: true, cappedView: 3, order: 'newest-first' })
    expect(await (await RawClient.login(server)).ask('STAT')).toBe('+OK 0 0')
    const uidls = await (await RawClient.login(server)).lines('UIDL')
    expect(uidls).toEqual(['1 uid-2', '2 uid-1', '3 uid-0'])
  })

  it('dropAfterCommands and dropAfterOctets end the connection', async () => {
    const server = await behaving({ dropAfterCommands: 3 })
    const client = await RawClient.login(server)
    expect(await client.ask('NOOP')).toMatch(/^\+OK/)
    client.send('STAT\r\n')
    expect(await client.rest()).toBe('')
    const octets = await behaving({ dropAfterOctets: 60 })
    const cut = await RawClient.login(octets)
    cut.send('LIST\r\nLIST\r\nLIST\r\nLIST\r\n')
    await cut.rest()
    expect(cut.octets).toBe(60)
  })

  it('inUse, lockMailbox and loginDelay refuse logins', async () => {
    const busy = await behaving({ inUse: 1 })
    const refused = await greeted(busy)
    await refused.ask('USER user')
    expect(await refused.ask('PASS secret')).toMatch(/^-ERR \[IN-USE\]/)
    await RawClient.login(busy)
    const locking = await behaving({ lockMailbox: true })
    await RawClient.login(locking)
    const second = await greeted(locking)
    await second.ask('USER user')
    expect(await second.ask('PASS secret')).toMatch(/^-ERR \[IN-USE\]/)
  })

  it('EXPIRE is said when asked for, CAPA can be missing', async () => {
    const server = await serve(1, { capabilities: { expire: '0', pipelining: false } })
    const capa = await (await RawClient.login(server)).lines('CAPA')
    expect(capa).toContain('EXPIRE 0')
    expect(capa).not.toContain('PIPELINING')
    const old = await serve(1, { capabilities: { capa: false } })
    expect(await (await greeted(old)).ask('CAPA')).toMatch(/^-ERR/)
  })
})
