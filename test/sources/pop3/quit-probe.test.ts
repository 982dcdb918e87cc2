import { describe, expect, it } from 'vitest'
import { drainInto, serve, smallMailbox, smallMessage } from '../../support/drains.ts'
import { MemorySink } from '../../support/memory-sink.ts'

const source = { sessionMessages: 10, windowMessages: 5 }
const odd = (record: { uidl: string }) => (Number(record.uidl.slice(4)) % 2 ? record : null)

/** What the ledger remembers of QUIT. */
const quitOf = (sink: MemorySink): unknown =>
  (JSON.parse(sink.ledger.host ?? '{}') as { quit?: unknown }).quit

describe('G2: what QUIT removes on an unknown host', () => {
  it('is found out by one durable message that is not deleted, while other sessions come anyway', async () => {
    const server = await serve(45)
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink, { source })
    expect(receipt).toMatchObject({ delivered: 45, deleted: 45, verifiedGone: 45, remaining: 0 })
    expect(sink.records).toHaveLength(45)
    expect(quitOf(sink)).toBe('deleted')
    const deleted = (session: number) =>
      server.log.filter((each) => each.session === session && each.verb === 'DELE').length
    // Seen twice before it is believed.
    expect([deleted(1), deleted(2), deleted(3)]).toEqual([9, 9, 10])
  })

  it('lets mail that is kept no longer hold back QUIT, once it is known', async () => {
    const server = await serve(60)
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink, { source, through: [odd] })
    expect(receipt).toMatchObject({ delivered: 30, filtered: 30, verifiedGone: 30 })
    const quits = server.log.filter(({ verb }) => verb === 'QUIT').map(({ session }) => session)
    // Two sessions were closed without QUIT before it was known, and none after.
    expect(quits.length).toBe(receipt.sessions - 2)
  })

  it('is seen where it removes what was read: all is accounted for, and kept mail stays', async () => {
    const server = await serve(45, { behaviour: { quitRemovesRead: true } })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink, { source, through: [odd] })
    expect(receipt).toMatchObject({ delivered: 22, filtered: 23, deleted: 22, verifiedGone: 22 })
    expect(server.remainingIndexes()).toEqual(Array.from({ length: 23 }, (_, i) => 2 * i))
    expect(quitOf(sink)).toBe('read')
  })

  it('stays unknown while what was deleted is still listed', async () => {
    const server = await serve(45, { behaviour: { ignoreDeletes: 1 } })
    const sink = new MemorySink()
    await drainInto(server, sink, { source: { ...source, lookDelaysMs: [] } })
    expect(sink.records).toHaveLength(45)
    const first = server.log.filter(({ verb, session }) => verb === 'DELE' && session === 1)
    expect(first).toHaveLength(9)
    // The second session saw the message that was spared, beside nine that should have been gone: it spares one again.
    const second = server.log.filter(({ verb, session }) => verb === 'DELE' && session === 2)
    expect(second).toHaveLength(9)
    expect(server.remainingIndexes()).toEqual([])
  })

  it('is not told by another message under the same unique-id, nor by new mail that makes up the count', async () => {
    const server = await serve(45, {
      behaviour: { quitRemovesRead: true, uidlOf: (index, uidl) => (index < 40 ? uidl : 'uid-1') },
    })
    const sink = new MemorySink()
    let added = false
    await drainInto(server, sink, {
      source,
      through: [odd],
      onProgress: ({ phase, sessions }) => {
        if (phase !== 'deleting' || sessions > 2 || added) return
        added = true
        server.add(smallMessage(101))
      },
    })
    const left = server.remainingIndexes()
    for (let i = 0; i < 40; i += 2) expect(left).toContain(i)
    expect(quitOf(sink)).not.toBe('deleted')
  })

  it('is not told where unique-ids repeat from session to session, and one message has come', async () => {
    let added = false
    const mailbox = smallMailbox(45)
    const number = (raw: Buffer) => Number(/number (\d+)/.exec(raw.toString('latin1'))?.[1])
    const server = await serve(45, {
      mailbox,
      behaviour: { quitRemovesRead: true, uidlOf: (index) => `r-${index % 10}` },
      onEvent: ({ kind }) => {
        if (kind !== 'expunge' || added) return
        added = true
        server.add(smallMessage(45))
      },
    })
    const sink = new MemorySink()
    const late = (record: { raw: Buffer }) =>
      number(record.raw) < 20 || number(record.raw) % 2 ? record : null
    await drainInto(server, sink, { source, through: [late] }).catch(() => undefined)
    const stored = new Set(sink.records.map(({ value }) => number(value.raw)))
    const left = new Set(server.remainingIndexes())
    const lost = Array.from({ length: 46 }, (_, i) => i).filter(
      (i) => !stored.has(i) && !left.has(i),
    )
    expect(lost).toEqual([])
  })

  it('is not asked by a session that gets to the end', async () => {
    const server = await serve(8)
    const sink = new MemorySink()
    expect(await drainInto(server, sink)).toMatchObject({ sessions: 3, verifiedGone: 8 })
    expect(quitOf(sink)).toBe('unknown')
  })

  it('a message that it removes counts once, though an earlier session has asked for it', async () => {
    const behaviour = { quitRemovesRead: true, dropAtQuit: (session: number) => session === 1 }
    const server = await serve(5, { behaviour })
    const receipt = await drainInto(server, new MemorySink())
    expect(receipt).toMatchObject({ seen: 5, deleted: 5, verifiedGone: 5 })
  })
})
