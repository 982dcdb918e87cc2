import { describe, expect, it } from 'vitest'
import { Host } from '../../../src/sources/pop3/host.ts'
import { delivered, drainInto, serve, texts } from '../../support/drains.ts'
import { MemorySink } from '../../support/memory-sink.ts'

const DAY_MS = 24 * 60 * 60 * 1000

describe('what is observed of a server', () => {
  it('is remembered, and told once when it changes', () => {
    const host = new Host(null, () => 1000)
    expect(host.changes()).toBeNull()
    host.cameApart()
    host.bound = 32
    const stored = host.changes()
    expect(host.changes()).toBeNull()
    const later = new Host(stored, () => 2000)
    expect(later).toMatchObject({ doubtful: true, bound: 32 })
    expect(later.changes()).toBeNull()
  })

  it('is not believed after a month, nor when it cannot be read', () => {
    const host = new Host(null, () => 1000)
    host.cameApart()
    const stored = host.changes()
    for (const [text, now] of [
      [stored, 1000 + 31 * DAY_MS],
      ['no JSON', 2000],
      ['{"at":"now"}', 2000],
    ] as const)
      expect(new Host(text, () => now).doubtful).toBe(false)
  })

  it('G8: sizes are wrong when they differ in both directions, and often', () => {
    const judge = (octets: (index: number) => number) => {
      const host = new Host(null, () => 0)
      for (let index = 0; index < 50; index += 1) host.sized(100, octets(index))
      return host.announcesWrongly
    }
    expect(judge((index) => 100 + (index % 3) - 1)).toBe(true)
    expect(judge(() => 100)).toBe(false)
    // Cut off, or counted with LF alone.
    expect(judge((index) => 100 - (index % 3))).toBe(false)
    expect(judge((index) => 100 + (index % 3))).toBe(false)
    expect(judge((index) => (index === 7 ? 90 : index === 8 ? 110 : 100))).toBe(false)
  })
})

describe('a drain', () => {
  const wrong = (index: number, octets: number) => octets + [0, 9, -9][index % 3]!

  it('G8: takes a message that comes short twice alike, where sizes are wrong in both directions', async () => {
    const server = await serve(60, {
      behaviour: { announce: wrong },
      capabilities: { expire: 'NEVER' },
    })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    expect(receipt).toMatchObject({ delivered: 60, kept: 0, verifiedGone: 60 })
    expect(delivered(sink).sort()).toEqual(texts(60).sort())
    const read = server.log.filter(({ verb }) => verb === 'RETR').length
    expect(read).toBe(80)
  })

  it('G8: keeps it where it comes otherwise the second time, or where sizes are to be exact', async () => {
    const server = await serve(60, { behaviour: { announce: wrong } })
    const exact = await drainInto(server, new MemorySink(), { source: { sizes: 'exact' } })
    expect(exact).toMatchObject({ delivered: 40, kept: 20 })
    const cut = await serve(60, {
      behaviour: {
        announce: wrong,
        shortMessages: (index, session) => (index === 4 ? 20 + session : undefined),
      },
    })
    expect(await drainInto(cut, new MemorySink())).toMatchObject({ delivered: 59, kept: 1 })
    expect(cut.remaining()).toBe(1)
  })

  it('does not ask a server that hangs on CAPA again in the same run, and does in the next', async () => {
    const server = await serve(3, { behaviour: { delayMs: (verb) => (verb === 'CAPA' ? 400 : 0) } })
    const sink = new MemorySink()
    const source = { capaTimeoutMs: 50 }
    const receipt = await drainInto(server, sink, { source })
    expect(receipt).toMatchObject({ delivered: 3, verifiedGone: 3 })
    const asked = () => server.log.filter(({ verb }) => verb === 'CAPA').length
    expect(asked()).toBe(1)
    await drainInto(server, sink, { source })
    expect(asked()).toBe(2)
  })
})
