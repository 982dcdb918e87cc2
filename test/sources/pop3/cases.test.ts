/** Numbered cases of listing and reading that only a whole drain can show. */
import { describe, expect, it } from 'vitest'
import type { Pop3Event } from '../../../src/testing/index.ts'
import { awakeClock } from '../../support/awake.ts'
import { delivered, drainInto, serve, smallMessage, texts } from '../../support/drains.ts'
import { MemorySink } from '../../support/memory-sink.ts'

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe('listing', () => {
  it('case 48: of an empty mailbox nothing is listed', async () => {
    const server = await serve(0)
    await drainInto(server, new MemorySink())
    const verbs = new Set(server.log.map(({ verb }) => verb))
    expect(verbs).toContain('STAT')
    expect(verbs).not.toContain('LIST')
    expect(verbs).not.toContain('UIDL')
  })

  it('case 58: messages without a unique-id in the listing are told by their bytes, delivered and deleted', async () => {
    const server = await serve(5)
    server.setBehaviour({ uidlOf: (index, uidl) => (index % 2 === 1 ? '' : uidl) })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    expect(receipt).toMatchObject({ delivered: 5, deleted: 5, verifiedGone: 5, remaining: 0 })
    expect(delivered(sink).sort()).toEqual(texts(5).sort())
    expect(server.remaining()).toBe(0)
  })

  it('case 58, G6: a server that then deletes nothing at first gets nothing written twice', async () => {
    const server = await serve(5, { behaviour: { ignoreDeletes: 1 } })
    server.setBehaviour({ uidlOf: (index, uidl) => (index % 2 === 1 ? '' : uidl) })
    const sink = new MemorySink()
    await drainInto(server, sink)
    expect(sink.records).toHaveLength(5)
    expect(server.remaining()).toBe(0)
  })

  it('case 59: one unique-id for two messages: each is deleted only when it is durable itself', async () => {
    const server = await serve(0)
    for (const text of ['one', 'two']) server.add(smallMessage(1, text, 'same'))
    const sink = new MemorySink()
    const committed: string[] = []
    sink.afterWrite = (batch) => {
      const records = batch.messages.flatMap(({ records }) => records)
      if (records.length === 0) return
      committed.push(...records.map(({ value }) => value.raw.toString('latin1')))
      expect(server.deletions.length).toBeLessThan(committed.length)
    }
    await drainInto(server, sink)
    expect(new Set(committed).size).toBe(2)
    expect(server.remaining()).toBe(0)
  })

  it('case 61: a listing that the connection cuts off counts for nothing, and is asked for again', async () => {
    const server = await serve(30)
    server.setBehaviour({ dropAfterOctets: (session) => (session === 1 ? 500 : undefined) })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    expect(receipt).toMatchObject({ delivered: 30, verifiedGone: 30 })
    expect(server.log.filter(({ session, verb }) => session === 1 && verb === 'RETR')).toEqual([])
  })

  it('case 64: -ERR to a UIDL that was announced is a bad moment, not a server without unique-ids', async () => {
    const server = await serve(6)
    server.setBehaviour({
      replyOverride: (verb, _argument, session) =>
        verb === 'UIDL' && session <= 2 ? '-ERR cannot right now\r\n' : undefined,
    })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    expect(receipt).toMatchObject({ delivered: 6, verifiedGone: 6 })
    expect(sink.records.map(({ value }) => value.uidl)).not.toContain(null)
  })
})

describe('reading', () => {
  it('case 75: more octets than were listed are whole, where the server counts LF alone', async () => {
    const server = await serve(8, { behaviour: { announce: (_index, octets) => octets - 5 } })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    expect(receipt).toMatchObject({ delivered: 8, verifiedGone: 8 })
    expect(delivered(sink).sort()).toEqual(texts(8).sort())
  })

  it('case 76, G8: a refused message is in the mailbox afterwards, and has no record', async () => {
    const server = await serve(4, {
      behaviour: { errorOnRetr: (index) => (index === 2 ? 'Message 3 expunged.' : undefined) },
    })
    const sink = new MemorySink()
    await drainInto(server, sink)
    expect(server.remainingIndexes()).toEqual([2])
    expect(delivered(sink)).not.toContain(texts(3)[2])
  })

  it('case 78: a message that the connection cuts off is never handed on', async () => {
    const server = await serve(1, {}, () => 'x'.repeat(20_000))
    server.setBehaviour({ dropAfterOctets: (session) => (session < 3 ? 5000 : undefined) })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    expect(receipt).toMatchObject({ delivered: 1, verifiedGone: 1 })
    expect(delivered(sink)).toEqual([smallMessage(0, 'x'.repeat(20_000)).read().toString('latin1')])
  })

  it('case 80, case 81, G10, fault 109: a slow destination holds back RETR, and NOOP keeps the session', async () => {
    const events: Pop3Event[] = []
    const server = await serve(
      12,
      {
        ...{ onEvent: (event: Pop3Event) => events.push(event), clock: awakeClock },
        behaviour: { idleTimeoutMs: 400 },
      },
      () => 'x'.repeat(400_000),
    )
    const sink = new MemorySink()
    let written = 0
    let most = 0
    const asked = () => events.filter(({ verb }) => verb === 'RETR').length
    sink.beforeWrite = async ({ messages }) => {
      await sleep(250)
      most = Math.max(most, asked() - written)
      written += messages.filter(({ records }) => records.length > 0).length
    }
    const receipt = await drainInto(server, sink, {
      ...{ maxInFlightBytes: 2 ** 20, maxMessageBytes: 500_000 },
      source: { keepAliveMs: 100 },
    })
    expect(receipt).toMatchObject({ delivered: 12, verifiedGone: 12 })
    expect(receipt.sessions).toBeLessThanOrEqual(3)
    // A mebibyte of credit holds two such messages; a third RETR leaves as the first of them is resolved.
    expect(most).toBeLessThanOrEqual(3)
    expect(events.filter(({ verb }) => verb === 'NOOP').length).toBeGreaterThan(3)
  })

  it('case 82, fault 110: a server that drops silent sessions keeps this one, because NOOP comes in time', async () => {
    const server = await serve(3, { behaviour: { idleTimeoutMs: 1000 }, clock: awakeClock })
    const sink = new MemorySink()
    sink.beforeWrite = () => sleep(2500)
    const receipt = await drainInto(server, sink, { source: { keepAliveMs: 100 } })
    expect(receipt).toMatchObject({ delivered: 3, verifiedGone: 3, sessions: 3 })
  })

  it('case 84: a server that answers the next RETR before the end of the last: again, one at a time, nothing lost', async () => {
    const server = await serve(3)
    let mixed = false
    server.setBehaviour({
      replyOverride: (verb, argument, session) => {
        if (verb !== 'RETR' || session > 1) return undefined
        const [first = '', second = ''] = texts(2)
        if (argument === '1') return `+OK\r\n${first.replaceAll('\r\n.', '\r\n..')}`
        if (argument !== '2') return undefined
        mixed = true
        return `+OK\r\n.\r\n${second.replaceAll('\r\n.', '\r\n..')}.\r\n`
      },
    })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    expect(mixed).toBe(true)
    for (const text of texts(3)) expect(delivered(sink)).toContain(text)
    expect(server.deletions.filter(({ session }) => session === 1)).toEqual([])
    expect(receipt).toMatchObject({ verifiedGone: 3, remaining: 0 })
  })
})
