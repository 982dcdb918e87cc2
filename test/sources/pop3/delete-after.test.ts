import { describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../../src/clock.ts'
import type { Pop3SourceOptions } from '../../../src/sources/pop3/index.ts'
import { type Behaviour, type Pop3Server, uidls } from '../../../src/testing/index.ts'
import {
  type DrainTest,
  delivered,
  drainInto,
  serve,
  smallMessage,
  texts,
} from '../../support/drains.ts'
import { MemorySink } from '../../support/memory-sink.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const MONTH = { deleteAfterMs: 30 * DAY_MS } as const

/** The wall clock so many days from now. */
const later = (days: number): Clock => ({
  now: () => systemClock.now() + days * DAY_MS,
  monotonic: () => systemClock.monotonic(),
  timer: (ms, call) => systemClock.timer(ms, call),
})

const run = (
  server: Pop3Server,
  sink: MemorySink,
  days: number,
  source: Partial<Pop3SourceOptions> = {},
  change: DrainTest = {},
) => drainInto(server, sink, { clock: later(days), source: { ...MONTH, ...source }, ...change })

const sessionsWith = (server: Pop3Server, verb: string): Set<number> =>
  new Set(server.log.filter((each) => each.verb === verb).map(({ session }) => session))

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

const HOSTS: readonly (readonly [string, Behaviour, object])[] = [
  ['where QUIT removes what was deleted', {}, { quitDeletes: 'no' }],
  ['where QUIT removes what was read', { quitRemovesRead: true }, { quitDeletes: 'yes' }],
  ['where it is not known', {}, {}],
  ['where it is not known, and QUIT removes what was read', { quitRemovesRead: true }, {}],
]

for (const [where, behaviour, source] of HOSTS)
  describe(`deleteAfterMs, ${where}`, () => {
    it('delivers, leaves it for its time, and deletes it then, while new mail stays', async () => {
      const server = await serve(12, { behaviour })
      const sink = new MemorySink()
      const first = await run(server, sink, 0, source)
      expect(first).toMatchObject({ delivered: 12, deleted: 0, remaining: 12, waiting: 12 })
      expect(server.remaining()).toBe(12)
      for (let i = 12; i < 16; i += 1) server.add(smallMessage(i))
      const second = await run(server, sink, 20, source)
      expect(second).toMatchObject({ delivered: 4, alreadyDelivered: 12, deleted: 0, waiting: 16 })
      expect(server.remaining()).toBe(16)
      server.add(smallMessage(16))
      const third = await run(server, sink, 31, source)
      expect(third).toMatchObject({ delivered: 1, alreadyDelivered: 16, deleted: 12, waiting: 5 })
      expect(third).toMatchObject({ verifiedGone: 12, remaining: 5 })
      expect(server.remainingIndexes()).toEqual(range(12, 17))
      expect(await run(server, sink, 62, source)).toMatchObject({ deleted: 5, remaining: 0 })
      expect(delivered(sink).sort()).toEqual(texts(17).sort())
    })

    it('goes on session by session', async () => {
      const server = await serve(30, { behaviour })
      const sink = new MemorySink()
      const short = { ...source, sessionMessages: 7 }
      expect(await run(server, sink, 0, short)).toMatchObject({ delivered: 30, waiting: 30 })
      for (let i = 30; i < 40; i += 1) server.add(smallMessage(i))
      const receipt = await run(server, sink, 40, short)
      expect(receipt).toMatchObject({ delivered: 10, deleted: 30, verifiedGone: 30, waiting: 10 })
      expect(server.remainingIndexes()).toEqual(range(30, 40))
      expect(sink.records).toHaveLength(40)
    })

    it('other mail under the unique-id of mail that is due is delivered, and stays', async () => {
      const server = await serve(6, { behaviour })
      const sink = new MemorySink()
      await run(server, sink, 0, source)
      server.remove(2)
      server.add(smallMessage(7, '', 'uid-2'))
      const receipt = await run(server, sink, 40, source)
      expect(receipt).toMatchObject({ delivered: 1, deleted: 5, verifiedGone: 5, waiting: 1 })
      expect(server.remainingIndexes()).toEqual([6])
    })

    it('mail that was filtered stays, and holds nothing back', async () => {
      const odd = (record: { uidl: string }) => (Number(record.uidl.slice(4)) % 2 ? record : null)
      const server = await serve(10, { behaviour })
      const sink = new MemorySink()
      await run(server, sink, 0, source, { through: [odd] })
      const receipt = await run(server, sink, 40, source, { through: [odd] })
      expect(receipt).toMatchObject({ filtered: 5, deleted: 5, verifiedGone: 5, waiting: 0 })
      expect(server.remainingIndexes()).toEqual([0, 2, 4, 6, 8])
    })

    it('compared by headers as well', async () => {
      const server = await serve(10, { behaviour })
      const sink = new MemorySink()
      await run(server, sink, 0, source)
      server.add(smallMessage(10))
      const receipt = await run(server, sink, 40, { ...source, compare: 'headers' })
      expect(receipt).toMatchObject({ delivered: 1, deleted: 10, verifiedGone: 10, waiting: 1 })
      expect(server.remainingIndexes()).toEqual([10])
    })

    it('different mail under one unique-id: nothing is lost, nothing doubled, and the run ends', async () => {
      const server = await serve(12, { behaviour: { ...behaviour, uidlOf: uidls.duplicated(3) } })
      const sink = new MemorySink()
      await run(server, sink, 0, source)
      server.add(smallMessage(12))
      await run(server, sink, 20, source)
      await run(server, sink, 40, source)
      await run(server, sink, 80, source)
      expect(delivered(sink).sort()).toEqual(texts(13).sort())
      expect(server.remaining()).toBe(0)
    })
  })

describe('G2: deleteAfterMs where QUIT removes what was read', () => {
  it('new mail is read in sessions that end without QUIT, and deletions in sessions that read nothing else', async () => {
    const server = await serve(8, { behaviour: { quitRemovesRead: true } })
    const sink = new MemorySink()
    await run(server, sink, 0, { quitDeletes: 'yes' })
    expect(sessionsWith(server, 'QUIT')).toEqual(new Set())
    server.add(smallMessage(8))
    const before = server.sessions
    await run(server, sink, 40, { quitDeletes: 'yes' })
    const fresh = server.log.filter(
      ({ verb, argument, session }) => verb === 'RETR' && argument === '1' && session > before + 1,
    )
    expect(fresh.map(({ session }) => session)).toEqual([before + 2])
    expect(sessionsWith(server, 'DELE')).toEqual(new Set([before + 1]))
    expect(sessionsWith(server, 'QUIT').has(before + 2)).toBe(false)
    expect(server.remainingIndexes()).toEqual([8])
  })
})

describe('deleteAfterMs', () => {
  it('G7: mail that is gone and listed again has been delivered since it was', async () => {
    const server = await serve(4)
    const sink = new MemorySink()
    await run(server, sink, 0)
    const gone = (days: number) => {
      const goneAt = systemClock.now() + days * DAY_MS
      for (const [key, entry] of sink.ledger.entries)
        if (entry.uidl === 'uid-1')
          sink.ledger.entries.set(key, { ...entry, state: 'gone', was: 'delivered', goneAt })
    }
    gone(1)
    expect(await run(server, sink, 1.5)).toMatchObject({ alreadyDelivered: 4, waiting: 4 })
    // Not forgotten meanwhile: it was seen to be back.
    expect(await run(server, sink, 20)).toMatchObject({ alreadyDelivered: 4, waiting: 4 })
    gone(39.5)
    expect(await run(server, sink, 40)).toMatchObject({ deleted: 4, waiting: 0, remaining: 0 })
    expect(sink.records).toHaveLength(4)
  })

  it('needs unique-ids, for mail that stays is to be told from new mail', async () => {
    const server = await serve(3, { behaviour: { noUidl: true }, capabilities: { uidl: false } })
    await expect(run(server, new MemorySink(), 0)).rejects.toMatchObject({
      code: 'MAILDRAIN_CONFIG_KEEP_NEEDS_UIDL',
    })
  })

  it('goes with deletion only', async () => {
    const server = await serve(1)
    await expect(run(server, new MemorySink(), 0, {}, { deletion: 'keep' })).rejects.toMatchObject({
      code: 'MAILDRAIN_CONFIG_INVALID',
    })
    expect(server.sessions).toBe(0)
  })
})
