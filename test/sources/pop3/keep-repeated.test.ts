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
import { systemClock } from '../../../src/clock.ts'
import type { LedgerEntry } from '../../../src/ledger/ledger.ts'
import { MemorySink } from '../../support/memory-sink.ts'

const keep = (server: Pop3Server, sink: MemorySink, change: DrainTest = {}) =>
  drainInto(server, sink, { deletion: 'keep', ...change })

const LONG = 'y'.repeat(2000)
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

  it.each([
    ['which no sample meets', 0],
    ['which a sample meets', 0.5],
  ])(
    'are delivered when one comes under the unique-id of an old one, above much that is new, %s',
    async (_, chance) => {
      const server = await serve(30)
      const sink = new MemorySink()
      await keep(server, sink)
      // In the middle.
      for (let index = 30; index < 330; index += 1)
        server.add(index === 180 ? smallMessage(99, '', 'uid-12') : smallMessage(index))
      const receipt = await keep(server, sink, { random: () => chance })
      expect(receipt).toMatchObject({ delivered: 300, alreadyDelivered: 30 })
      expect(sink.records).toHaveLength(330)
    },
  )

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

  it.each([
    ['keep', 7_000],
    ['keep', 30_000],
    ['delete', 7_000],
    ['delete', 30_000],
  ] as const)(
    '%s: are delivered where the line drops after %d octets',
    async (deletion, octets) => {
      const dropAfterOctets = () => octets
      const server = await serve(0, { behaviour: { ...THE_SAME, dropAfterOctets } })
      for (let index = 10; index < 70; index += 1) server.add(smallMessage(index, LONG))
      const sink = new MemorySink()
      const receipt = await drainInto(server, sink, {
        deletion,
        source: { retryPatienceMs: 60_000 },
      })
      expect(receipt).toMatchObject({ seen: 60, delivered: 60, kept: 0 })
      expect(sink.records).toHaveLength(60)
    },
  )

  it('are delivered in some days where the server gives ten a day, and hold up no other mail', async () => {
    const server = await alike(12)
    const sink = new MemorySink()
    await keep(server, sink)
    server.add(smallMessage(12, '', 'uid-12'))
    server.setBehaviour({ uidlOf: (_, uidl) => (/^uid-1../.test(uidl) ? uidl : 'the-same') })
    for (let index = 100; index < 108; index += 1) server.add(smallMessage(index))
    for (let day = 0; day < 3; day += 1) {
      server.setBehaviour({ downloadQuota: 10 })
      await keep(server, sink, { source: { retryPatienceMs: 100 } }).catch(() => undefined)
    }
    expect(new Set(delivered(sink)).size).toBe(21)
    expect(sink.records).toHaveLength(21)
  })

  it('G2: of which one is filtered, on a host that is not known yet, keep no other mail from being deleted', async () => {
    const server = await serve(30)
    for (const index of [31, 32, 33]) server.add(smallMessage(index, '', 'the-same'))
    const through = [
      (record: { raw: Buffer }) => (record.raw.includes('number 32') ? null : record),
    ]
    const sink = new MemorySink()
    // Which of the three is to stay, only reading tells, and a session that has read that one must not QUIT.
    await expect(drainInto(server, sink, { through })).rejects.toMatchObject({
      code: 'MAILDRAIN_POP3_PROTOCOL',
    })
    expect(server.remaining()).toBe(3)
    expect(sink.records).toHaveLength(32)
    const receipt = await drainInto(server, sink, { through, source: { quitDeletes: 'no' } })
    expect(receipt).toMatchObject({ alreadyDelivered: 2, filtered: 1, deleted: 2, remaining: 1 })
  })

  it('have their copies counted once, filtered ones too', async () => {
    const server = await serve(0, { behaviour: THE_SAME })
    for (const index of [0, 0]) server.add(smallMessage(index))
    const through = [(record: { raw: Buffer }) => (record.raw.includes('number 0') ? null : record)]
    const sink = new MemorySink()
    const copies: number[] = []
    for (let index = 1; index < 4; index += 1) {
      copies.push((await keep(server, sink, { through })).copies)
      server.add(smallMessage(index))
    }
    expect(copies).toEqual([1, 0, 0])
  })

  it('are not answered for by one that was set aside and has another size', async () => {
    const server = await serve(2, { behaviour: THE_SAME }, (index) => 'x'.repeat(index))
    const sink = await killed(server, [0])
    const [[key, entry]] = [...sink.ledger.entries] as [[string, LedgerEntry]]
    sink.ledger.entries.set(key, { ...entry, state: 'deadLettered' })
    expect(await keep(server, sink)).toMatchObject({ seen: 2, delivered: 1, deadLettered: 1 })
  })

  it('are counted once when they come twice above the boundary of what is known', async () => {
    const server = await serve(30)
    const sink = new MemorySink()
    await keep(server, sink)
    for (let index = 30; index < 530; index += 1) {
      server.add(smallMessage(index))
      if (index === 140 || index === 141) server.add(smallMessage(12))
    }
    expect(await keep(server, sink)).toMatchObject({
      ...{ seen: 530, delivered: 500, alreadyDelivered: 30, copies: 2 },
    })
  })

  it.each([0, 1, 2])('G8: of which one, %d, cannot be read, are kept or delivered', async (bad) => {
    const errorOnRetr = (index: number) => (index === bad ? 'busy' : undefined)
    const server = await serve(3, { behaviour: { ...THE_SAME, errorOnRetr } })
    const sink = new MemorySink()
    const receipt = await keep(server, sink)
    expect(receipt).toMatchObject({ seen: 3, delivered: 2, kept: 1, remaining: 3 })
    expect(delivered(sink)).toEqual(texts(3).filter((_, index) => index !== bad))
  })

  /** Filters the message with this number in its subject. */
  const without = (index: number) => [
    (record: { raw: Buffer }) => (record.raw.includes(`number ${index}\r`) ? null : record),
  ]

  it('G2: of which the first is filtered, are delivered and deleted on a host that is not known yet', async () => {
    const server = await alike(3)
    const receipt = await drainInto(server, new MemorySink(), { through: without(0) })
    expect(receipt).toMatchObject({ delivered: 2, filtered: 1, deleted: 2, remaining: 1 })
  })

  it.each([2, 3, 5])(
    'G2: before other mail, in sessions of %d, keep none of it from being deleted',
    async (sessionMessages) => {
      const server = await serve(0)
      for (const index of [31, 32, 33]) server.add(smallMessage(index, '', 'the-same'))
      for (let index = 40; index < 52; index += 1) server.add(smallMessage(index))
      const sink = new MemorySink()
      const source = { sessionMessages, windowMessages: 2 }
      const run = drainInto(server, sink, { through: without(32), source })
      await expect(run).rejects.toMatchObject({ code: 'MAILDRAIN_POP3_PROTOCOL' })
      expect([server.remaining(), sink.records.length]).toEqual([3, 14])
    },
  )

  it('G2: that are due, and one of which is filtered, hold up neither new mail nor other mail that is due', async () => {
    const server = await serve(10)
    for (const index of [31, 32]) server.add(smallMessage(index, '', 'the-same'))
    const through = without(32)
    const sink = new MemorySink()
    let later = 0
    const clock = { ...systemClock, now: () => systemClock.now() + later }
    await keep(server, sink, { through, clock })
    later = 2 * 60 * 60 * 1000
    server.add(smallMessage(60))
    const source = { deleteAfterMs: 60 * 60 * 1000 }
    const run = drainInto(server, sink, { through, clock, source })
    await expect(run).rejects.toMatchObject({ code: 'MAILDRAIN_POP3_PROTOCOL' })
    expect([server.remaining(), sink.records.length]).toEqual([3, 12])
  })
})
