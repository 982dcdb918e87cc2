/** A server that means harm, or is only broken: what it can make the client hold, wait for, or believe. */
import { describe, expect, it } from 'vitest'
import { FakeClock, settle } from '../support/fake-clock.ts'
import { RepliesByFunction } from './scripted-replies.ts'
import { rejection, session } from './transcript.ts'

const ignore = () => undefined

/** A server that begins a message and leaves the rest to the test. */
async function halfway(options: Parameters<RepliesByFunction['open']>[0] = {}) {
  const clock = new FakeClock()
  const server = new RepliesByFunction((command) =>
    command.startsWith('RETR') ? '+OK\r\nhalf' : undefined,
  )
  const client = await server.open(options, { clock })
  const failed = rejection(client.retr(1, { octets: 10, onData: ignore }))
  let error: (Error & { code?: string }) | undefined
  void failed.then((reason) => (error = reason))
  await settle()
  await settle()
  return { clock, server, client, error: () => error }
}

describe('time', () => {
  it('case 78, fault 32: 60 s of silence in a message end the session, and not earlier', async () => {
    const { clock, server, error } = await halfway()
    await clock.advance(59_900)
    expect(error()).toBeUndefined()
    await clock.advance(200)
    expect(error()).toMatchObject({ code: 'MAILDRAIN_POP3_TIMEOUT', retryable: true })
    expect(server.destroyed).toBe(true)
  })

  it('case 78, fault 33: a byte a second is below the least rate', async () => {
    const { clock, server, error } = await halfway()
    for (let second = 0; second < 62; second += 1) {
      await clock.advance(1000)
      server.push('x')
    }
    expect(error()).toMatchObject({ code: 'MAILDRAIN_POP3_TIMEOUT' })
    expect(error()?.message).toContain('minBytesPerSecond')
  })

  it('what is slow and above the least rate is read to its end', async () => {
    const { clock, server, error, client } = await halfway()
    for (let second = 0; second < 600; second += 1) {
      await clock.advance(1000)
      server.push('x'.repeat(17))
    }
    expect(error()).toBeUndefined()
    client.close()
  })

  it('with 0 any rate will do, as long as there is no silence', async () => {
    const { clock, server, error, client } = await halfway({ minBytesPerSecond: 0 })
    for (let second = 0; second < 300; second += 1) {
      await clock.advance(1000)
      server.push('x')
    }
    expect(error()).toBeUndefined()
    client.close()
  })

  it('seconds in which our own process stood still do not count against the server', async () => {
    const { clock, server, error, client } = await halfway()
    // Each tick comes late, as in a process that is busy for most of every second.
    const timer = clock.timer.bind(clock)
    clock.timer = (ms, fire) => timer(ms === 1000 ? 1400 : ms, fire)
    for (let second = 0; second < 200; second += 1) {
      await clock.advance(1000)
      server.push('x')
    }
    expect(error()).toBeUndefined()
    client.close()
  })

  it('a status line must be whole within its deadline, however it trickles', async () => {
    const clock = new FakeClock()
    const server = new RepliesByFunction((command) => (command === 'STAT' ? '+' : undefined))
    const client = await server.open({ commandTimeoutMs: 120_000 }, { clock })
    const failed = rejection(client.stat())
    await settle()
    for (let second = 0; second < 121; second += 10) {
      await clock.advance(10_000)
      server.push('O')
    }
    expect(await failed).toMatchObject({ code: 'MAILDRAIN_POP3_TIMEOUT' })
  })

  it('case 85: a goodbye that nobody asked for is the end of the connection, and no later command is blamed', async () => {
    const server = new RepliesByFunction(() => undefined)
    const client = await server.open()
    const closed = new Promise((resolve) => client.onClose(resolve))
    server.push('-ERR Disconnected for inactivity.\r\n')
    expect(await closed).toMatchObject({ code: 'MAILDRAIN_POP3_DISCONNECTED', retryable: true })
    expect(await rejection(client.noop())).toMatchObject({ code: 'MAILDRAIN_POP3_DISCONNECTED' })
    expect(server.commands).not.toContain('NOOP')
  })
})

describe('amount', () => {
  it('fault 34: a message without an end is cut off at maxContentBytes', async () => {
    const server = new RepliesByFunction((command) =>
      command.startsWith('RETR') ? '+OK\r\n' : undefined,
    )
    const client = await server.open({ maxContentBytes: 1_000_000 })
    let octets = 0
    const failed = rejection(
      client.retr(1, { octets: 10, onData: (chunk) => (octets += chunk.length) }),
    )
    await settle()
    await settle()
    const chunk = Buffer.alloc(65_536, 'x')
    for (let sent = 0; sent < 3_000_000; sent += chunk.length) server.push(chunk)
    expect(await failed).toMatchObject({ code: 'MAILDRAIN_POP3_LIMIT' })
    expect(octets).toBeLessThan(1_000_000 + 2 * chunk.length)
  })

  it('a message of just maxContentBytes is whole', () =>
    session(
      'C: RETR 1\nS: +OK\nS: 12345678\nS: .',
      async (client) => {
        expect(await client.retr(1, { octets: 1, onData: ignore })).toEqual({ octets: 10 })
      },
      ['USER'],
      { maxContentBytes: 10 },
    ))

  it.each(['UIDL', 'LIST'] as const)(
    'case 62: a %s listing without an end stops one line after STAT',
    async (verb) => {
      const server = new RepliesByFunction((command) => (command === verb ? '+OK\r\n' : undefined))
      const client = await server.open()
      let entries = 0
      const take = () => void (entries += 1)
      const failed = rejection(
        verb === 'UIDL' ? client.uidlAll(take, 1000) : client.listAll(take, 1000),
      )
      await settle()
      await settle()
      for (let n = 1; n <= 1001; n += 1) server.push(`${n} 1\r\n`)
      expect(await failed).toMatchObject({ code: 'MAILDRAIN_POP3_LIMIT' })
      expect(entries).toBe(1000)
      expect(server.destroyed).toBe(true)
    },
  )

  it('a line without an end is refused at maxLineBytes, in a listing as in a status line', async () => {
    for (const begin of ['+OK', '+OK\r\n1 ']) {
      const server = new RepliesByFunction((command) => (command === 'UIDL' ? begin : undefined))
      const client = await server.open()
      const failed = rejection(client.uidlAll(ignore, 10))
      await settle()
      await settle()
      for (let sent = 0; sent < 10_000; sent += 100) server.push('x'.repeat(100))
      expect(await failed).toMatchObject({ code: 'MAILDRAIN_POP3_LIMIT' })
    }
  })

  it('case 54: 150,000 unique-ids cost no memory that grows with them, and come one by one', async () => {
    const server = new RepliesByFunction((command) => (command === 'UIDL' ? '+OK\r\n' : undefined))
    const client = await server.open()
    let entries = 0
    let first = 0
    let pushed = 0
    const listing = client.uidlAll(() => {
      entries += 1
      if (entries === 1) first = pushed
    }, 450_000)
    await settle()
    await settle()
    const before = process.memoryUsage().rss
    for (let n = 1; n <= 150_000; n += 500) {
      const lines = Array.from(
        { length: 500 },
        (_, at) => `${n + at} ${'u'.repeat(60)}${n + at}\r\n`,
      )
      pushed += 500
      server.push(lines.join(''))
    }
    server.push('.\r\n')
    await listing
    expect(entries).toBe(150_000)
    expect(first).toBe(500)
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * 1024 * 1024)
  })
})

describe('refusals in a row', () => {
  /** Dovecot: the 21st refusal in a row is the last thing that it says. */
  function dovecot(refuses: (command: string) => boolean) {
    let bad = 0
    const server = new RepliesByFunction((command) => {
      bad = refuses(command) ? bad + 1 : 0
      if (bad > 20) return '-ERR Too many bad commands.\r\n-ERR Disconnected.\r\n'
      return bad > 0 ? '-ERR Message expunged.\r\n' : undefined
    })
    return server
  }

  it.each(['auto', 'off'] as const)(
    'case 107: with pipelining %s, a NOOP comes before the server has had enough',
    async (pipelining) => {
      const server = dovecot((command) => command.startsWith('RETR'))
      const client = await server.open({ pipelining })
      const numbers = Array.from({ length: 100 }, (_, index) => index + 1)
      const reads = numbers.map((n) => client.retr(n, { octets: 1, onData: ignore }))
      const codes = new Set<unknown>()
      for (const result of await Promise.allSettled(reads))
        if (result.status === 'rejected') codes.add((result.reason as { code?: string }).code)
      expect([...codes]).toEqual(['MAILDRAIN_POP3_REFUSED'])
      expect(client.state).toBe('transaction')
      expect(server.commands.filter((command) => command === 'NOOP').length).toBeGreaterThan(4)
    },
  )

  it('case 107: nothing is added where commands are accepted one at a time', async () => {
    const server = dovecot(() => false)
    const client = await server.open({ pipelining: 'off' })
    for (let n = 1; n <= 50; n += 1) await client.dele(n)
    expect(server.commands).not.toContain('NOOP')
  })
})
