/** Faults 23, 24 and 32 to 39: listings that are wrong, and mail that comes slowly, short, changed, or out of step. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { FaultProxy, sizes } from '../../src/testing/index.ts'
import { delivered, drainInto, serve, smallMessage, texts } from '../support/drains.ts'
import { endsWith, holds, until } from '../support/faults.ts'
import { mostHeld } from '../support/live-memory.ts'
import { MemorySink } from '../support/memory-sink.ts'
import { sha256 } from '../support/proven-drain.ts'

describe('listings', () => {
  it.each(['line', 'value'] as const)(
    'fault 23: UIDL leaves a message out (%s): it stays or is delivered, and nothing else suffers',
    async (omitted) => {
      const behaviour = { omitUidl: (index: number) => (index === 4 ? omitted : undefined) }
      const server = await serve(10, { behaviour })
      const sink = new MemorySink()
      const source = { listing: 'full', retryPatienceMs: 100 } as const
      await drainInto(server, sink, { source }).catch(() => undefined)
      const left = server.remainingIndexes()
      expect([[], [4]]).toContainEqual(left)
      expect(delivered(sink).sort()).toEqual(
        texts(10)
          .filter((_, i) => !left.includes(i))
          .sort(),
      )
    },
  )

  it.each([
    ['0', sizes.zero],
    ['one more', sizes.off(1)],
    ['one less', sizes.off(-1)],
  ])(
    'fault 24: LIST says %s: what is delivered has the bytes of the message',
    async (said, announce) => {
      // More octets than come: it could be a message that was cut off, so it stays.
      const isMore = said === 'one more'
      const all = Array.from({ length: 24 }, (_, i) => i)
      const { receipt } = await holds({ behaviour: () => ({ announce }), stay: isMore ? all : [] })
      expect(receipt).toMatchObject(isMore ? { kept: 24 } : { delivered: 24, verifiedGone: 24 })
    },
  )
})

it('fault 24: LIST says 2^63: refused, in one line', async () => {
  const server = await serve(4, { behaviour: { announce: sizes.huge } })
  const error = await endsWith(server, new MemorySink())
  expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_PROTOCOL', exitCode: 4 })
})

describe('RETR', () => {
  it('fault 32: the line goes silent in the middle of a message, and stays open', async () => {
    const server = await serve(6, {}, () => 'x'.repeat(500))
    const proxy: FaultProxy = await FaultProxy.start({
      port: server.port,
      fault: () =>
        proxy.strikes === 0 ? { from: 'server', octets: 2500, then: 'swallow' } : undefined,
    })
    onTestFinished(() => proxy.close())
    const sink = new MemorySink()
    const source = { port: proxy.port, idleTimeoutMs: 150, commandTimeoutMs: 300 }
    const receipt = await drainInto(server, sink, { source })
    expect(proxy.strikes).toBe(1)
    expect(receipt).toMatchObject({ delivered: 6, verifiedGone: 6, remaining: 0 })
    const expected = Array.from({ length: 6 }, (_, i) => smallMessage(i, 'x'.repeat(500)).read())
    expect(sink.records.map(({ value }) => sha256(value.raw)).sort()).toEqual(
      expected.map(sha256).sort(),
    )
  })

  it('fault 33: RETR drips: below the least rate the session ends, and another one is better', async () => {
    await holds({
      messages: 8,
      behaviour: () => ({
        bytesPerSecond: (verb, session) => (verb === 'RETR' && session === 1 ? 10 : undefined),
      }),
      source: { minBytesPerSecond: 1000, idleTimeoutMs: 300 },
    })
  })

  it('fault 34: a message never ends: little of it is held, and in another session it does', async () => {
    const { receipt, sink } = await holds({
      messages: 8,
      behaviour: () => ({ endless: until(1)<'RETR'>('RETR') }),
      source: { maxContentBytes: 100_000 },
    })
    expect(receipt).toMatchObject({ delivered: 8, verifiedGone: 8 })
    expect(Math.max(...sink.records.map(({ value }) => value.raw.length))).toBeLessThan(4000)
  })

  it('fault 34: of a message that never ends, and of which 32 MB come, hardly anything is held', async () => {
    const server = await serve(8, { behaviour: { endless: until(1)<'RETR'>('RETR') } })
    const sink = new MemorySink()
    const limits = { maxInFlightBytes: 1024 * 1024, maxMessageBytes: 500_000 }
    const held = await mostHeld(async () => {
      const receipt = await drainInto(server, sink, {
        ...{ ...limits, source: { maxContentBytes: 32e6 } },
      })
      expect(receipt).toMatchObject({ delivered: 8, verifiedGone: 8, remaining: 0 })
    })
    // 3 to 7 MB measured.
    expect(held).toBeLessThan(16e6)
    expect(delivered(sink).sort()).toEqual(texts(8).sort())
  })

  it('fault 35: too few octets, well terminated: not deleted, whatever dies', async () => {
    const { receipt } = await holds({
      behaviour: () => ({ shortMessages: (index) => (index % 8 === 1 ? 30 : undefined) }),
      stay: [1, 9, 17],
    })
    expect(receipt).toMatchObject({ kept: 3, delivered: 21 })
  })

  it('fault 36: a bit is flipped in one of two readings: both are at the destination, none is taken for the other', async () => {
    for (const flipped of [1, 2]) {
      const server = await serve(4)
      const sink = new MemorySink()
      const flip = (reading: number): void =>
        server.setBehaviour({
          corruptMessages: (index) => (index === 2 ? reading === flipped : undefined),
        })
      flip(1)
      await drainInto(server, sink, { deletion: 'keep' })
      flip(2)
      const receipt = await drainInto(server, sink)
      expect(receipt).toMatchObject({ delivered: 1, alreadyDelivered: 3, remaining: 0 })
      expect(sink.records).toHaveLength(5)
      for (const text of texts(4)) expect(delivered(sink)).toContain(text)
    }
  })
})

describe('replies out of step', () => {
  it.each([
    ['garbage between replies', 'x\0y\r\n'],
    ['a +OK that nobody asked for', '+OK\r\n'],
  ])('fault 37, 38: %s: that session deletes nothing, the drain goes on', async (_name, text) => {
    for (const after of ['STAT', 'LIST', 'UIDL', 'RETR']) {
      const { server } = await holds({
        behaviour: () => ({
          afterReply: (verb, _, session) => (verb === after && session <= 1 ? text : undefined),
        }),
      })
      const first = server.log.filter(({ session }) => session === 1).map(({ verb }) => verb)
      expect(first).not.toContain('DELE')
      expect(first).not.toContain('QUIT')
    }
  })

  it('fault 39: replies to pipelined commands in another order: nothing is mistaken for another', async () => {
    const { server } = await holds({ behaviour: () => ({ swapsReplies: true }) })
    const [first] = server.deletions
    expect(first?.session).toBeGreaterThan(1)
  })
})
