import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import { drain } from '../../../src/pipeline/drain.ts'
import type { Pop3Server } from '../../../src/testing/index.ts'
import {
  type DrainTest,
  delivered,
  drainInto,
  serve,
  smallMessage,
  sourceFor,
  texts,
} from '../../support/drains.ts'
import { newDirectory } from '../../support/cli.ts'
import { MemorySink } from '../../support/memory-sink.ts'

const keep = (server: Pop3Server, sink: MemorySink, change: DrainTest = {}) =>
  drainInto(server, sink, { deletion: 'keep', ...change })

/** Commands since the entry with this index, listings with their argument. */
const commands = (server: Pop3Server, from = 0): string[] =>
  server.log.slice(from).map(({ verb, argument }) => `${verb} ${argument}`.trim())

/** A drained mailbox, and how many commands that took. */
async function drained(count: number, behaviour = {}) {
  const server = await serve(count, { behaviour })
  const sink = new MemorySink()
  await keep(server, sink)
  return { server, sink, begun: server.log.length }
}

describe('a mailbox that keeps its mail', () => {
  it('is asked a few questions when nothing has come, however large it is', async () => {
    const { server, sink, begun } = await drained(500)
    const receipt = await keep(server, sink)
    expect(receipt).toMatchObject({
      seen: 500,
      alreadyDelivered: 500,
      delivered: 0,
      remaining: 500,
    })
    const asked = commands(server, begun)
    expect(asked).not.toContain('UIDL')
    expect(asked).not.toContain('LIST')
    expect(asked.length).toBeLessThan(50)
    expect(sink.records).toHaveLength(500)
  })

  it('gives what has come since, and lists nothing else', async () => {
    const { server, sink, begun } = await drained(100)
    for (let i = 100; i < 103; i += 1) server.add(smallMessage(i))
    const receipt = await keep(server, sink)
    expect(receipt).toMatchObject({ seen: 103, alreadyDelivered: 100, delivered: 3 })
    expect(commands(server, begun).filter((each) => each.startsWith('RETR'))).toHaveLength(3)
    expect(commands(server, begun)).not.toContain('UIDL')
    expect(delivered(sink)).toEqual(texts(103))
  })

  it('is listed in full when somebody has removed old mail', async () => {
    const { server, sink, begun } = await drained(60)
    server.remove(7)
    server.add(smallMessage(60))
    const receipt = await keep(server, sink)
    expect(receipt).toMatchObject({ delivered: 1, alreadyDelivered: 59 })
    expect(commands(server, begun)).toContain('UIDL')
    expect([...sink.ledger.present()]).toHaveLength(60)
  })

  it('G7: is listed in full where the newest mail comes first, and where mail comes in between', async () => {
    for (const order of ['newest-first', 'shuffled'] as const) {
      const { server, sink } = await drained(60, { order })
      for (let i = 60; i < 90; i += 1) server.add(smallMessage(i))
      expect(await keep(server, sink)).toMatchObject({ delivered: 30, alreadyDelivered: 60 })
      expect(delivered(sink).sort()).toEqual(texts(90).sort())
    }
  })

  it('G7: is listed in full once a day: as many removed as have come elsewhere look like nothing', async () => {
    const { server, sink, begun } = await drained(40)
    const day = 24 * 60 * 60 * 1000
    const notes = JSON.parse(sink.ledger.host ?? '{}') as { listedAt: number }
    expect(notes.listedAt).toBeGreaterThan(Date.now() - day)
    sink.ledger.host = JSON.stringify({ ...notes, listedAt: Date.now() - day - 1000 })
    await keep(server, sink)
    expect(commands(server, begun)).toContain('UIDL')
    const later = server.log.length
    await keep(server, sink)
    expect(commands(server, later)).not.toContain('UIDL')
  })

  it('G5: delivers again what the destination no longer holds, at the latest with the listing of the day', async () => {
    const { server, sink } = await drained(30)
    for (const { key } of sink.ledger.present()) sink.ledger.lost.add(key)
    const receipt = await keep(server, sink)
    expect(receipt).toMatchObject({ delivered: 30 })
  })

  it('G7: does not forget, and deliver once more, what was gone for a while and is listed again', async () => {
    const { server, sink } = await drained(6)
    const day = 24 * 60 * 60 * 1000
    const later = (days: number) => ({
      clock: { ...systemClock, now: () => systemClock.now() + days * day },
    })
    for (const [key, entry] of sink.ledger.entries) {
      const goneAt = systemClock.now() + day
      sink.ledger.entries.set(key, { ...entry, state: 'gone', was: 'delivered', goneAt })
    }
    for (const days of [1.5, 3, 5])
      expect(await keep(server, sink, later(days))).toMatchObject({ alreadyDelivered: 6 })
    expect(sink.records).toHaveLength(6)
    // Or a run that deletes would forget it.
    expect([...sink.ledger.present()].map(({ state }) => state)).toEqual(Array(6).fill('delivered'))
  })

  it('loses nothing and doubles nothing when a session is lost, and goes on above what is known', async () => {
    const server = await serve(80, {
      behaviour: { dropAfterCommands: (session: number) => (session === 1 ? 120 : undefined) },
    })
    const sink = new MemorySink()
    const receipt = await keep(server, sink)
    expect(receipt).toMatchObject({ seen: 80, delivered: 80, alreadyDelivered: 0 })
    expect(delivered(sink).sort()).toEqual(texts(80).sort())
  })

  it('counts mail that was filtered and kept as before, and looks at it again when the filter changes', async () => {
    const server = await serve(40)
    const sink = new MemorySink()
    const even = (record: { uidl: string }) => (Number(record.uidl.slice(4)) % 2 ? null : record)
    await keep(server, sink, { through: [even] })
    const begun = server.log.length
    const same = await keep(server, sink, { through: [even] })
    expect(same).toMatchObject({ seen: 40, alreadyDelivered: 20, filtered: 20 })
    expect(commands(server, begun).some((each) => each.startsWith('RETR'))).toBe(false)
    const changed = await keep(server, sink)
    expect(changed).toMatchObject({ seen: 40, alreadyDelivered: 20, delivered: 20, filtered: 0 })
  })

  it('G7: what a view of the newest mail no longer shows is not forgotten: it is not delivered again when it comes back', async () => {
    const server = await serve(24, { behaviour: { newestView: 7 } })
    const sink = new MemorySink()
    let later = 0
    const clock = { ...systemClock, now: () => Date.now() + later }
    await keep(server, sink, { clock })
    for (const index of [24, 25, 26]) server.add(smallMessage(index))
    await keep(server, sink, { clock })
    later = 25 * 60 * 60 * 1000
    await keep(server, sink, { clock })
    // As if others had removed the newest three.
    server.setBehaviour({ newestView: 10 })
    await keep(server, sink, { clock })
    const uidls = sink.records.map(({ value }) => value.uidl)
    expect(new Set(uidls).size).toBe(uidls.length)
  })

  it('what could not be read is tried again once a day by one source, as a watch has it', async () => {
    const server = await serve(5, {
      behaviour: {
        replyOverride: (verb, argument) =>
          verb === 'RETR' && argument === '3' ? '-ERR not now\r\n' : undefined,
      },
    })
    const sink = new MemorySink()
    const source = sourceFor(server)
    let later = 0
    const clock = { ...systemClock, now: () => Date.now() + later }
    const tries = async (hours: number): Promise<number> => {
      later += hours * 60 * 60 * 1000
      const begun = server.log.length
      const through: [] = []
      await drain({ source, into: sink, through, clock, lingerMs: 5, stateDir: newDirectory() })
      return commands(server, begun).filter((command) => command === 'RETR 3').length
    }
    expect([await tries(0), await tries(1), await tries(25)]).toEqual([3, 0, 1])
  })

  it('what an earlier run could not read is tried again beside new mail, and counted', async () => {
    const server = await serve(5, {
      behaviour: { shortMessages: (index) => (index === 1 ? 40 : undefined) },
    })
    const sink = new MemorySink()
    expect(await keep(server, sink)).toMatchObject({ delivered: 4, kept: 1 })
    server.add(smallMessage(5))
    expect(await keep(server, sink)).toMatchObject({ seen: 6, delivered: 1, kept: 1 })
    server.setBehaviour({ shortMessages: undefined })
    server.add(smallMessage(6))
    expect(await keep(server, sink)).toMatchObject({ seen: 7, delivered: 2, kept: 0 })
    expect(delivered(sink).sort()).toEqual(texts(7))
  })

  /** Refuses the first message when it first comes. */
  const onceRefusing = () => {
    let refused = false
    return (record: { uidl: string }) => {
      if (refused || record.uidl !== 'uid-0') return record
      refused = true
      throw new Error('not now')
    }
  }

  it('what lies behind a session that was full is counted as well', async () => {
    const server = await serve(5)
    const sink = new MemorySink()
    const through = [onceRefusing()]
    expect(await keep(server, sink, { through })).toMatchObject({ delivered: 4, kept: 1 })
    expect(await keep(server, sink, { through, source: { sessionMessages: 1 } })).toMatchObject({
      ...{ seen: 5, delivered: 1, alreadyDelivered: 4 },
    })
  })

  it('what was kept when the clock was ahead is tried again', async () => {
    const server = await serve(5)
    const sink = new MemorySink()
    const through = [onceRefusing()]
    expect(await keep(server, sink, { through })).toMatchObject({ kept: 1 })
    for (const [key, entry] of sink.ledger.entries)
      if (entry.state === 'kept') sink.ledger.entries.set(key, { ...entry, at: Date.now() + 1e10 })
    expect(await keep(server, sink, { through })).toMatchObject({ seen: 5, delivered: 1, kept: 0 })
  })
})
