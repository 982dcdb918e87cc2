import { describe, expect, it } from 'vitest'
import { drainInto, serve, smallMessage } from '../../support/drains.ts'
import { MemorySink } from '../../support/memory-sink.ts'

/** Messages of different sizes. */
const body = (index: number) => 'x'.repeat(7 * index)

describe('case 105, fault 21: a server that gives all mail new unique-ids', () => {
  async function resetAfterKeeping(count: number) {
    const server = await serve(count, {}, body)
    const sink = new MemorySink()
    await drainInto(server, sink, { deletion: 'keep' })
    server.setBehaviour({ uidlOf: (index) => `new-${index}` })
    return { server, sink }
  }

  it('is noticed: nothing is delivered again, nothing is deleted, and the ledger stays as it was', async () => {
    const { server, sink } = await resetAfterKeeping(40)
    const before = [...sink.ledger.entries]
    await expect(drainInto(server, sink)).rejects.toMatchObject({
      code: 'MAILDRAIN_LEDGER_UIDL_RESET',
      exitCode: 8,
    })
    expect(sink.records).toHaveLength(40)
    expect([...sink.ledger.entries]).toEqual(before)
    expect(server.remaining()).toBe(40)
  })

  it('is taken for new mail when that is asked for', async () => {
    const { server, sink } = await resetAfterKeeping(40)
    const receipt = await drainInto(server, sink, { source: { onUidlReset: 'continue' } })
    expect(receipt).toMatchObject({ delivered: 40, deleted: 40, verifiedGone: 40 })
    expect(sink.records).toHaveLength(80)
  })

  it('G2: what was read to find out is not removed by QUIT where QUIT removes what was read', async () => {
    const large = (letter: string) => (index: number) => letter.repeat(index === 1 ? 4000 : 9)
    const server = await serve(40, {}, large('a'))
    const sink = new MemorySink()
    await drainInto(server, sink, { deletion: 'keep' })
    const other = await serve(
      40,
      {
        capabilities: { expire: '0' },
        behaviour: { uidlOf: (index) => `other-${index}`, quitRemovesRead: true },
      },
      large('b'),
    )
    const mailboxId = `user@127.0.0.1:${server.port}`
    const receipt = await drainInto(other, sink, { maxMessageBytes: 2000, source: { mailboxId } })
    expect(receipt).toMatchObject({ delivered: 39, kept: 1, verifiedGone: 39 })
    expect(other.remainingIndexes()).toEqual([1])
  })

  it('is not seen in a mailbox that was emptied and has filled again with mail of the same sizes', async () => {
    const server = await serve(40, {}, (index) => `${index}`.padStart(9, 'a'))
    const sink = new MemorySink()
    await drainInto(server, sink, { deletion: 'keep' })
    const other = await serve(40, { behaviour: { uidlOf: (index) => `other-${index}` } }, (index) =>
      `${index}`.padStart(9, 'b'),
    )
    const mailboxId = `user@127.0.0.1:${server.port}`
    const receipt = await drainInto(other, sink, { source: { mailboxId } })
    expect(receipt).toMatchObject({ delivered: 40, verifiedGone: 40 })
  })
})

describe('unique-ids that change in the middle of a run', () => {
  it('mail that was deleted comes back under new ones (Dovecot on mbox, when a sender wrote X-UID): found by bytes, not delivered again', async () => {
    const server = await serve(90, {
      behaviour: {
        ignoreDeletes: 1,
        uidlOf: (_, uidl, session) => (session > 1 ? `new-${uidl}` : uidl),
      },
    })
    const sink = new MemorySink()
    const source = { sessionMessages: 30, windowMessages: 10, quitDeletes: 'no' } as const
    const run = drainInto(server, sink, { source })
    await expect(run).rejects.toMatchObject({ code: 'MAILDRAIN_LEDGER_UIDL_RESET' })
    expect(sink.records).toHaveLength(30)
    expect(server.remaining()).toBe(90)
  })

  it('what a lost session has delivered is listed under new ones', async () => {
    const server = await serve(90, {
      behaviour: {
        dropAfterCommands: (session) => (session === 1 ? 150 : undefined),
        uidlOf: (_, uidl, session) => (session > 1 ? `new-${uidl}` : uidl),
      },
    })
    const sink = new MemorySink()
    const run = drainInto(server, sink, { source: { windowMessages: 10 }, batchMaxMessages: 5 })
    await expect(run).rejects.toMatchObject({ code: 'MAILDRAIN_LEDGER_UIDL_RESET' })
    const bytes = sink.records.map(({ value }) => value.raw.toString('latin1'))
    expect(new Set(bytes).size).toBe(bytes.length)
    expect(server.remaining()).toBe(90)
  })

  it('a mailbox that fills as quickly as it is drained is not taken for one', async () => {
    const server = await serve(60)
    let [last, index] = [0, 60]
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink, {
      source: { sessionMessages: 20, windowMessages: 10 },
      onProgress: ({ phase, sessions }) => {
        if (phase !== 'deleting' || sessions === last || index >= 150) return
        last = sessions
        for (let i = 0; i < 15; i += 1) server.add(smallMessage((index += 1)))
      },
    })
    expect(receipt.remaining).toBeLessThan(30)
    const bytes = sink.records.map(({ value }) => value.raw.toString('latin1'))
    expect(new Set(bytes).size).toBe(bytes.length)
  })
})
