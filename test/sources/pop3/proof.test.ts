import { describe, expect, it } from 'vitest'
import { delivered, drainInto, serve, smallMessage } from '../../support/drains.ts'
import { MemorySink } from '../../support/memory-sink.ts'

describe('G6: identity', () => {
  it('fault 19: a unique-id reused for another message is another message: nothing is lost', async () => {
    const server = await serve(4)
    const sink = new MemorySink()
    await drainInto(server, sink, { deletion: 'keep' })
    server.remove(2)
    server.add(smallMessage(99, 'quite another body', 'uid-2'))
    const receipt = await drainInto(server, sink)
    expect(receipt).toMatchObject({ delivered: 1, alreadyDelivered: 3 })
    expect(delivered(sink).some((text) => text.includes('number 99'))).toBe(true)
    expect(server.remaining()).toBe(0)
  })

  it('fault 20: equal bytes under one unique-id are written once and deleted under every number', async () => {
    const twin = smallMessage(7, '', 'twin')
    const server = await serve(2)
    for (let i = 0; i < 3; i += 1) server.add(twin)
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    expect(receipt).toMatchObject({ seen: 3, delivered: 3, copies: 2, deleted: 5, verifiedGone: 5 })
    expect(sink.records).toHaveLength(3)
    expect(server.remaining()).toBe(0)
  })

  it('case 59, fault 20: different bytes under one unique-id are all delivered', async () => {
    const server = await serve(0)
    for (const text of ['one', 'two', 'three']) server.add(smallMessage(1, text, 'same'))
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    expect(receipt).toMatchObject({ delivered: 3, copies: 0, deleted: 3 })
    expect(new Set(delivered(sink)).size).toBe(3)
  })

  it('case 63, fault 22: a server without unique-ids is drained by the bytes alone', async () => {
    const server = await serve(6, { behaviour: { noUidl: true }, capabilities: { uidl: false } })
    server.add(smallMessage(3))
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    expect(receipt).toMatchObject({ delivered: 6, copies: 1, deleted: 7, verifiedGone: 7 })
    expect(server.remaining()).toBe(0)
  })
})

describe('G7: deletion is verified', () => {
  it.each(['committed', 'not-committed'] as const)(
    'case 91, 92, fault 12: a lost QUIT reply, %s: no second write, and everything is gone in the end',
    async (loseQuitReply) => {
      const server = await serve(10, { behaviour: { loseQuitReply } })
      const sink = new MemorySink()
      let commits = 0
      sink.afterWrite = () => {
        if (++commits > 2) server.setBehaviour({ loseQuitReply: undefined })
      }
      const done = drainInto(server, sink, { source: { retryPatienceMs: 60_000 } })
      setTimeout(() => server.setBehaviour({ loseQuitReply: undefined }), 300)
      const receipt = await done
      expect(sink.records).toHaveLength(10)
      expect(receipt).toMatchObject({ delivered: 10, deleted: 10, verifiedGone: 10 })
      expect(server.remaining()).toBe(0)
    },
  )

  it('fault 15: a server that answers QUIT and deletes nothing is given up, said, and not written to twice', async () => {
    const server = await serve(5, { behaviour: { ignoreDeletes: true } })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    expect(receipt).toMatchObject({ delivered: 5, deleted: 5, verifiedGone: 0, remaining: 5 })
    expect(sink.records).toHaveLength(5)
    expect([...sink.ledger.entries.values()].map(({ reason }) => reason)).toEqual(
      Array<string>(5).fill('undeletable'),
    )
  })

  it('a server that deletes late is waited for', async () => {
    const server = await serve(5, { behaviour: { ignoreDeletes: 1 } })
    const receipt = await drainInto(server, new MemorySink())
    expect(receipt).toMatchObject({ deleted: 5, verifiedGone: 5, remaining: 0 })
  })

  it('case 48, 101: one empty session proves nothing: a server that fails to open its mailbox loses no mail', async () => {
    const server = await serve(5, { behaviour: { statZero: (session: number) => session === 1 } })
    const receipt = await drainInto(server, new MemorySink())
    expect(receipt).toMatchObject({ delivered: 5, verifiedGone: 5 })
    expect(server.remaining()).toBe(0)
  })

  it('a listing that names fewer than STAT counts proves nothing, and is no end', async () => {
    const server = await serve(6)
    const sink = new MemorySink()
    await drainInto(server, sink, { deletion: 'keep' })
    // The UIDL listing ends early for a while.
    server.setBehaviour({
      replyOverride: (verb, argument, session) =>
        verb === 'UIDL' && argument === '' && session <= 3
          ? '+OK\r\n1 uid-0\r\n2 uid-1\r\n.\r\n'
          : undefined,
    })
    const receipt = await drainInto(server, sink, { deletion: 'keep' })
    expect([...sink.ledger.entries.values()].filter(({ state }) => state === 'gone')).toEqual([])
    expect(receipt).toMatchObject({ alreadyDelivered: 6, remaining: 6 })
  })

  it('fault 23: a message that is counted and never listed is said, after everything else was drained', async () => {
    const server = await serve(6)
    const sink = new MemorySink()
    server.setBehaviour({
      replyOverride: (verb, argument) => {
        if (verb !== 'UIDL' || argument !== '') return undefined
        const last = server.remaining()
        const lines = last > 1 ? ['1 uid-0', '2 uid-1', '3 uid-2', '4 uid-3', '5 uid-4'] : []
        return ['+OK', ...lines, '.', ''].join('\r\n')
      },
    })
    await expect(
      drainInto(server, sink, { source: { retryPatienceMs: 50, listing: 'full' } }),
    ).rejects.toMatchObject({ code: 'MAILDRAIN_POP3_PROTOCOL', exitCode: 4 })
    expect(sink.records).toHaveLength(5)
    expect(server.remaining()).toBe(1)
  })

  it('case 100: a capped view is looped over until nothing is left', async () => {
    const server = await serve(1000, { behaviour: { cappedView: 250 } })
    const receipt = await drainInto(server, new MemorySink())
    expect(receipt).toMatchObject({ delivered: 1000, verifiedGone: 1000, remaining: 0 })
    expect(receipt.sessions).toBeGreaterThanOrEqual(4)
  })

  it('case 106, fault 25: mail that arrives while draining is drained too', async () => {
    const server = await serve(4)
    const sink = new MemorySink()
    let added = 0
    sink.afterWrite = () => {
      if (added++ < 2) server.add(smallMessage(100 + added))
    }
    const receipt = await drainInto(server, sink)
    expect(receipt.delivered).toBe(6)
    expect(server.remaining()).toBe(0)
  })
})

describe('G8: short is suspect', () => {
  it('case 74, fault 35: a message that comes short is tried three times, then kept, and the others are delivered and deleted', async () => {
    const server = await serve(10, {
      behaviour: { shortMessages: (index: number) => (index === 4 ? 20 : undefined) },
    })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    expect(receipt).toMatchObject({
      seen: 10,
      delivered: 9,
      kept: 1,
      verifiedGone: 9,
      remaining: 1,
    })
    expect(server.remainingIndexes()).toEqual([4])
    const kept = [...sink.ledger.entries.values()].filter(({ state }) => state === 'kept')
    expect(kept).toMatchObject([{ uidl: 'uid-4', reason: 'suspect', sha256: null }])
    const reads = server.log.filter(({ verb }) => verb === 'RETR').length
    expect(reads).toBeGreaterThanOrEqual(12)
  })

  it('case 74: one that comes whole at the second try is delivered', async () => {
    let reads = 0
    const server = await serve(6, {
      behaviour: {
        shortMessages: (index: number) => (index === 2 && reads++ === 0 ? 5 : undefined),
      },
    })
    const receipt = await drainInto(server, new MemorySink())
    expect(receipt).toMatchObject({ delivered: 6, kept: 0, verifiedGone: 6 })
  })

  it('case 76: -ERR on RETR says nothing about the message: kept as unreadable, not deleted', async () => {
    const server = await serve(6, {
      behaviour: { errorOnRetr: (index: number) => (index === 1 ? 'expunged.' : undefined) },
    })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    expect(receipt).toMatchObject({ delivered: 5, kept: 1, remaining: 1 })
    expect(server.remainingIndexes()).toEqual([1])
  })

  it('fault 26: a message that others took before it was read is counted as vanished', async () => {
    const server = await serve(6, {
      behaviour: {
        errorOnRetr: (index: number) => {
          if (index !== 1) return undefined
          setImmediate(() => server.remove(1))
          return 'expunged.'
        },
      },
    })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    expect(receipt).toMatchObject({ seen: 6, delivered: 5, kept: 0, vanished: 1 })
    expect(sink.ledger.tally).toMatchObject({ seen: 5, vanished: 1 })
  })

  it('G2: a short message spoils its session: nothing of it is lost on a server whose QUIT removes what was read', async () => {
    const server = await serve(8, {
      capabilities: { expire: '0' },
      behaviour: {
        quitRemovesRead: true,
        shortMessages: (index: number) => (index === 3 ? 10 : undefined),
      },
    })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    expect(receipt).toMatchObject({ delivered: 7, kept: 1 })
    expect(server.remainingIndexes()).toEqual([3])
  })
})
