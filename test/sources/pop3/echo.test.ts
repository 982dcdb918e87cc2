import { type AddressInfo, connect, createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { LedgerError } from '../../../src/errors.ts'
import { unfetchedKey } from '../../../src/identity.ts'
import { silentLogger } from '../../../src/logger.ts'
import { Echo } from '../../../src/sources/pop3/echo.ts'
import type { WorkItem } from '../../../src/sources/pop3/work.ts'
import { drainInto, serve, smallMessage, texts, delivered } from '../../support/drains.ts'
import { MemorySink } from '../../support/memory-sink.ts'

const item = (n: number): WorkItem => ({
  ...{
    n,
    uidl: `uid-${n}`,
    listedOctets: 10,
    known: false,
    due: false,
    extra: false,
    ambiguous: false,
  },
})

/** Messages that were issued and came; `answer` is what the server says of each number. */
function issue(count: number, answer: (n: number) => boolean | undefined, bound = 32) {
  const host = { bound, doubtful: false }
  const asked: number[] = []
  const released: number[] = []
  const discarded: number[] = []
  const failures: unknown[] = []
  const blamed: number[] = []
  const echo = new Echo({
    ask: ({ n }) => {
      asked.push(n)
      return Promise.resolve(answer(n))
    },
    host,
    fail: (error) => failures.push(error),
    blame: ({ n }) => blamed.push(n),
  })
  for (let n = 1; n <= count; n += 1) {
    let ticket = 0
    const handled = Promise.resolve().then(() =>
      echo.hold({
        ...{ ticket, item: item(n) },
        release: () => released.push(n),
        discard: () => discarded.push(n),
      }),
    )
    ticket = echo.issued(item(n), handled)
  }
  return { echo, host, asked, released, discarded, failures, blamed }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

describe('G9: an echo', () => {
  it('binds the first 32 messages of a host one by one, then 16 at a time', async () => {
    const first = issue(3, () => true, 0)
    await settled()
    expect(first).toMatchObject({ asked: [1, 2, 3], released: [1, 2, 3] })
    const later = issue(40, () => true)
    await settled()
    expect(later).toMatchObject({ asked: [16, 32], released: numbers(32) })
    expect(later.echo.held).toBe(8)
  })

  it('binds one by one until 32 messages were under way with others: one that is alone shows nothing of their order', async () => {
    const alone = issue(1, () => true, 0)
    await settled()
    expect(alone.host.bound).toBe(0)
    for (let n = 2; n <= 40; n += 1) {
      alone.echo.issued(item(n), Promise.resolve())
      await settled()
    }
    expect(alone.asked).toEqual(numbers(40))
    const together = issue(3, () => true, 0)
    await settled()
    expect(together.host.bound).toBe(3)
  })

  it('is asked when nothing more is issued', async () => {
    const { echo, asked, released } = issue(5, () => true)
    await settled()
    expect(released).toEqual([])
    echo.pause()
    echo.pause()
    await settled()
    expect({ asked, released }).toEqual({ asked: [5], released: numbers(5) })
  })

  it('binds each message by itself after a doubt', async () => {
    const { host } = issue(0, () => true)
    host.doubtful = true
    const echo = new Echo({
      ...{ ask: () => Promise.resolve(true), host },
      ...{ fail: () => undefined, blame: () => undefined },
    })
    const released: number[] = []
    const hold = { item: item(1), release: () => released.push(1), discard: () => undefined }
    const ticket = echo.issued(item(1), Promise.resolve())
    echo.hold({ ...hold, ticket })
    await settled()
    expect(released).toEqual([1])
  })

  it('that does not match ends the session, and nothing goes on', async () => {
    const { echo, released, failures, blamed } = issue(16, () => false)
    await settled()
    expect(failures).toMatchObject([{ code: 'MAILDRAIN_POP3_DESYNC', retryable: true }])
    expect(blamed).toEqual([1])
    expect(released).toEqual([])
    echo.discard()
    expect(echo.held).toBe(0)
  })

  it('that is refused is asked about another message that came', async () => {
    const { asked, released } = issue(16, (n) => (n > 13 ? undefined : true))
    await settled()
    expect({ asked, released }).toEqual({ asked: [16, 16, 15, 14, 13], released: numbers(16) })
  })

  it('that nobody answers binds nothing', async () => {
    const { released, discarded, failures } = issue(16, () => undefined)
    await settled()
    expect({ released, discarded, failures }).toEqual({
      ...{ released: [], discarded: numbers(16), failures: [] },
    })
  })

  it('comes too late for a session that is over', async () => {
    const { echo, released, discarded } = issue(16, () => true)
    echo.discard()
    await settled()
    expect(released).toEqual([])
    expect(discarded).toEqual(numbers(16))
  })
})

describe('G9: a drain', () => {
  it('keeps nothing of a session in which the numbers have moved', async () => {
    let reading = false
    const moved = (verb: string, argument: string, session: number) => {
      const n = Number(argument)
      reading ||= verb === 'RETR'
      if (session !== 1 || !reading || n < 10 || n > 39) return undefined
      // Message n is now what n + 1 was when it was listed.
      if (verb === 'UIDL') return `+OK ${n} uid-${n}\r\n`
      if (verb !== 'RETR') return undefined
      return `+OK\r\n${smallMessage(n).read().toString('latin1').replace(/^\./gm, '..')}.\r\n`
    }
    const server = await serve(40, { behaviour: { replyOverride: moved } })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    expect(receipt).toMatchObject({ delivered: 40, deleted: 40, verifiedGone: 40 })
    expect(delivered(sink).sort()).toEqual(texts(40).sort())
    for (const { value } of sink.records)
      expect(value.raw.toString('latin1')).toContain(`number ${value.uidl?.slice(4)}\r\n`)
  })

  it('accuses the message at which the connection ends, and none that only waited for its echo', async () => {
    const server = await serve(100, {
      behaviour: { cutMessages: (index) => (index === 45 ? 10 : undefined) },
    })
    const accused = new Set<unknown>()
    const warn = (fields: object, message: string) => {
      if (message === 'message could not be read whole' && 'uidl' in fields)
        accused.add(fields.uidl)
    }
    const receipt = await drainInto(server, new MemorySink(), { log: { ...silentLogger, warn } })
    expect(receipt).toMatchObject({ delivered: 99, kept: 1, verifiedGone: 99 })
    expect([...accused]).toEqual(['uid-45'])
  })

  it.each(['uid-5', 'uid-3'])(
    'ends when the ledger cannot be read about %s, and does not wait for ever',
    async (uidl) => {
      const server = await serve(20, {
        behaviour: { shortMessages: (index) => (index === 5 ? 10 : undefined) },
      })
      const sink = new MemorySink()
      const get = sink.ledger.get.bind(sink.ledger)
      const broken = unfetchedKey(uidl, smallMessage(5).octets)
      sink.ledger.get = (key) => {
        if (key === broken) throw new LedgerError('MAILDRAIN_LEDGER_DAMAGED', 'damaged')
        return get(key)
      }
      await expect(drainInto(server, sink)).rejects.toMatchObject({
        code: 'MAILDRAIN_LEDGER_DAMAGED',
      })
    },
  )

  it('reads one message at a time where the server does not answer by number', async () => {
    const whole = (verb: string, argument: string) =>
      argument !== '' && (verb === 'LIST' || verb === 'UIDL')
        ? '+OK all of them\r\n1 10\r\n.\r\n'
        : undefined
    const server = await serve(40, { behaviour: { replyOverride: whole, delayMs: 1 } })
    const { port, most } = await watchRetrs(server.port)
    const receipt = await drainInto(server, new MemorySink(), { source: { port } })
    expect(receipt).toMatchObject({ delivered: 40, verifiedGone: 40 })
    expect(most()).toBe(1)
    const asked = server.log.filter(({ verb, argument }) => verb === 'UIDL' && argument !== '')
    expect(asked).toHaveLength(1)
  })

  it('reads on, one at a time, where no answer about a single message is had once mail was read', async () => {
    let read = 0
    const server = await serve(40, {
      behaviour: {
        replyOverride: (verb, argument, session) => {
          if (verb === 'RETR') read = session
          const refuses = verb === 'UIDL' && argument !== '' && read === session
          return refuses ? '-ERR not now\r\n' : undefined
        },
      },
    })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    expect(receipt).toMatchObject({ delivered: 40, deleted: 40, verifiedGone: 40 })
    expect(sink.records).toHaveLength(40)
    expect(receipt.sessions).toBeLessThan(8)
  })

  it('without unique-ids: reads on where LIST of one message is not what the listing says', async () => {
    const server = await serve(30, {
      behaviour: {
        noUidl: true,
        replyOverride: (verb, argument) =>
          verb === 'LIST' && Number(argument) > 1 ? `+OK ${argument} 7\r\n` : undefined,
      },
    })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    expect(receipt).toMatchObject({ delivered: 30, deleted: 30, verifiedGone: 30 })
    expect(sink.records).toHaveLength(30)
  })

  it('still reads many at a time after the server was away for a while', async () => {
    const server = await serve(200, {
      behaviour: {
        dropAfterCommands: (session) => (session === 1 ? 30 : undefined),
        greeting: (session) => (session > 1 && session < 8 ? '-ERR back soon' : undefined),
        delayMs: 1,
      },
    })
    const { port, most, forget } = await watchRetrs(server.port)
    server.setBehaviour({
      greeting: (session) => {
        if (session === 8) forget()
        return session > 1 && session < 8 ? '-ERR back soon' : undefined
      },
    })
    const receipt = await drainInto(server, new MemorySink(), { source: { port } })
    expect(receipt).toMatchObject({ verifiedGone: 200 })
    expect(most()).toBeGreaterThan(5)
  })

  it('reads many at a time where it does', async () => {
    const server = await serve(40, { behaviour: { delayMs: 1 } })
    const { port, most } = await watchRetrs(server.port)
    await drainInto(server, new MemorySink(), { source: { port } })
    expect(most()).toBeGreaterThan(5)
  })
})

/** A proxy that counts the RETRs of which the server has not ended the reply. */
async function watchRetrs(
  target: number,
): Promise<{ port: number; most: () => number; forget: () => void }> {
  let [open, most] = [0, 0]
  const proxy = createServer((client) => {
    const server = connect(target, '127.0.0.1')
    client.on('data', (data) => {
      open += data.toString('latin1').split('RETR ').length - 1
      most = Math.max(most, open)
      server.write(data)
    })
    server.on('data', (data) => {
      const ended = data.toString('latin1').split('\r\n.\r\n').length - 1
      open = Math.max(0, open - ended)
      client.write(data)
    })
    client.on('close', () => server.destroy()).on('error', () => undefined)
    server.on('close', () => client.destroy()).on('error', () => undefined)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void proxy.close())
  return { port: (proxy.address() as AddressInfo).port, most: () => most, forget: () => (most = 0) }
}
