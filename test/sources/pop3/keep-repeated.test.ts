/** Mail that stays, on servers that give one unique-id to several messages: the bytes tell them apart, and nothing else. */
import { describe, expect, it } from 'vitest'
import type { Pop3Server } from '../../../src/testing/index.ts'
import {
  type DrainTest,
  delivered,
  drainInto,
  serve,
  smallMessage,
  texts,
} from '../../support/drains.ts'
import { MemorySink } from '../../support/memory-sink.ts'

const keep = (server: Pop3Server, sink: MemorySink, change: DrainTest = {}) =>
  drainInto(server, sink, { deletion: 'keep', ...change })

const THE_SAME = { uidlOf: () => 'the-same' }

/** All of one unique-id and size. */
const alike = (count: number) => serve(count, { behaviour: THE_SAME })

const retrs = (server: Pop3Server, from: number): number =>
  server.log.slice(from).filter(({ verb }) => verb === 'RETR').length

/** As a run leaves it that is killed when these of its messages are delivered, by index. */
async function killed(server: Pop3Server, indexes: readonly number[], change: DrainTest = {}) {
  const whole = new MemorySink()
  await keep(server, whole, change)
  const sink = new MemorySink()
  for (const record of whole.records) {
    if (!indexes.some((i) => texts(9)[i] === record.value.raw.toString('latin1'))) continue
    sink.records.push(record)
    sink.ledger.entries.set(record.key, { ...whole.ledger.get(record.key)!, copies: 0 })
  }
  return sink
}

describe('G6: messages of one unique-id and size that stay on the server', () => {
  const some = [[0], [8], [3, 4], [0, 8], [1, 2, 3, 5, 6, 7, 8]]

  it.each(some)('are all delivered, whichever a killed run has delivered: %j', async (...done) => {
    const server = await alike(9)
    const sink = await killed(server, done)
    const receipt = await keep(server, sink)
    expect(delivered(sink).sort()).toEqual(texts(9))
    expect(receipt).toMatchObject({ seen: 9, delivered: 9 - done.length, copies: 0, remaining: 9 })
  })

  it.each(some)('also where a session takes two of them: %j', async (...done) => {
    const server = await alike(9)
    const sink = await killed(server, done)
    const receipt = await keep(server, sink, { source: { sessionMessages: 2, windowMessages: 2 } })
    expect(delivered(sink).sort()).toEqual(texts(9))
    expect(receipt).toMatchObject({ seen: 9, delivered: 9 - done.length, copies: 0 })
  })

  it.each([[[1, 0, 0]], [[0, 0, 1]], [[0, 1, 0, 1, 1]]])(
    'are counted, equal ones among them: %j',
    async (which) => {
      const server = await serve(0, { behaviour: THE_SAME })
      for (const index of which) server.add(smallMessage(index))
      const sink = await killed(server, [0])
      const copies = which.length - 2
      expect(await keep(server, sink)).toMatchObject({ delivered: 1, alreadyDelivered: 1, copies })
      expect(delivered(sink).sort()).toEqual(texts(2))
      const begun = server.log.length
      expect(await keep(server, sink)).toMatchObject({ delivered: 0, alreadyDelivered: 2 })
      expect(retrs(server, begun)).toBe(0)
    },
  )

  it('are not read again when all are delivered, of one size or of several', async () => {
    const server = await serve(9, { behaviour: THE_SAME }, (index) => 'x'.repeat(index % 3))
    const sink = new MemorySink()
    expect(await keep(server, sink)).toMatchObject({ delivered: 9, copies: 0 })
    const begun = server.log.length
    const receipt = await keep(server, sink, { source: { listing: 'full' } })
    expect(receipt).toMatchObject({ seen: 9, alreadyDelivered: 9, copies: 0 })
    expect(retrs(server, begun)).toBe(0)
  })

  it('are delivered when one comes under the unique-id of an old one, above much that is new', async () => {
    const server = await serve(30)
    const sink = new MemorySink()
    await keep(server, sink)
    // In the middle of so many that samples hardly meet it.
    for (let index = 30; index < 330; index += 1)
      server.add(index === 180 ? smallMessage(99, '', 'uid-12') : smallMessage(index))
    expect(await keep(server, sink)).toMatchObject({ delivered: 300, alreadyDelivered: 30 })
    expect(sink.records).toHaveLength(330)
  })

  it('are delivered where one that is filtered stays, with deletion', async () => {
    const server = await alike(6)
    const through = [
      (record: { raw: Buffer }) =>
        record.raw.includes('number 2') || record.raw.includes('number 5') ? null : record,
    ]
    const killedSink = new MemorySink()
    await keep(server, killedSink, { through })
    const sink = new MemorySink()
    for (const entry of killedSink.ledger.present())
      if (entry.state === 'kept') sink.ledger.entries.set(entry.key, entry)
    // Else a session that reads what is to stay cannot QUIT, and only reading tells what is to stay.
    const source = { quitDeletes: 'no' } as const
    const receipt = await drainInto(server, sink, { through, source })
    expect(delivered(sink).sort()).toEqual(texts(6).filter((_, index) => index % 3 !== 2))
    expect(receipt).toMatchObject({ seen: 6, delivered: 4, filtered: 2, deleted: 4, remaining: 2 })
  })

  it('are delivered where those that are delivered stay for some days', async () => {
    const server = await alike(6)
    const sink = await killed(server, [4, 5])
    const source = { deleteAfterMs: 1000 * 60 * 60 }
    const receipt = await drainInto(server, sink, { source })
    expect(delivered(sink).sort()).toEqual(texts(6))
    expect(receipt).toMatchObject({ seen: 6, delivered: 4, deleted: 0, waiting: 6 })
  })
})
