import { describe, expect, it } from 'vitest'
import type { Pop3Server } from '../../../src/testing/index.ts'
import { delivered, drainInto, serve, smallMessage, texts } from '../../support/drains.ts'
import { MemorySink } from '../../support/memory-sink.ts'

const source = { windowMessages: 10, sessionMessages: 20 }

/** Commands of a session, listings with their argument, as `UIDL 7`; a complete one is `UIDL`. */
const commands = (server: Pop3Server, session: number): string[] =>
  server.log
    .filter((entry) => entry.session === session)
    .map(({ verb, argument }) => `${verb} ${argument}`.trim())

const complete = (server: Pop3Server): number =>
  server.log.filter(({ verb, argument }) => verb === 'UIDL' && argument === '').length

describe('G9: listings window by window', () => {
  it('a fresh drain never lists everything, and asks for mail before the listing ends', async () => {
    const server = await serve(45)
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink, { source: { ...source, sessionMessages: 30 } })
    expect(receipt).toMatchObject({ delivered: 45, deleted: 45, verifiedGone: 45, sessions: 4 })
    expect(delivered(sink).sort()).toEqual(texts(45).sort())
    expect(complete(server)).toBe(0)
    const first = commands(server, 1)
    expect(first.indexOf('RETR 1')).toBeLessThan(first.indexOf('UIDL 30'))
    expect(first).not.toContain('UIDL 31')
  })

  it.each(
    [300, 3000, 30_000].flatMap((count) => [20, 70].map((length) => [count, length] as const)),
  )(
    '%i messages: at most 40 octets and 1.1 unique-ids of %i octets each are listed',
    async (count, length) => {
      const server = await serve(count, {
        behaviour: { uidlOf: (index) => String(index).padStart(length, 'x') },
      })
      const receipt = await drainInto(server, new MemorySink())
      expect(receipt).toMatchObject({ delivered: count, verifiedGone: count })
      expect(receipt.listingBytes).toBeLessThanOrEqual(count * (40 + 1.1 * length))
      // Each was listed by number, and some were asked for once more.
      expect(receipt.listingBytes).toBeGreaterThan(count * (20 + length))
    },
  )

  it.each([50, 201])(
    'sessions of %i messages list hardly more than they read',
    async (sessionMessages) => {
      const count = 600
      const server = await serve(count, {
        behaviour: { uidlOf: (index) => String(index).padStart(70, 'x') },
      })
      const receipt = await drainInto(server, new MemorySink(), { source: { sessionMessages } })
      expect(receipt).toMatchObject({ delivered: count, verifiedGone: count })
      // An opening asks once more about the first one, to find out what QUIT has removed.
      expect(receipt.listingBytes).toBeLessThanOrEqual(
        count * (40 + 1.1 * 70) + receipt.sessions * 200,
      )
    },
  )

  it.each(['auto', 'full'] as const)(
    'the receipt counts every octet of listings that the server sent, %s',
    async (listing) => {
      const server = await serve(300)
      const receipt = await drainInto(server, new MemorySink(), {
        source: { listing, windowMessages: 50 },
      })
      // In one session: numbers are those of the mailbox as it was.
      expect(receipt).toMatchObject({ verifiedGone: 300, sessions: 3 })
      const listed = server.log.filter(({ verb }) => verb === 'UIDL' || verb === 'LIST')
      const octets = listed.map(({ verb, argument }) => octetsOfListing(verb, argument, 300))
      expect(receipt.listingBytes).toBe(octets.reduce((sum, each) => sum + each, 0))
    },
  )

  it('the receipt says how long opening and QUIT took', async () => {
    const server = await serve(30, { behaviour: { delayMs: 10 } })
    const { openSeconds, quitSeconds, seconds } = await drainInto(server, new MemorySink())
    expect(openSeconds).toBeGreaterThan(3 * 0.03)
    expect(quitSeconds).toBeGreaterThan(0.01)
    expect(openSeconds + quitSeconds).toBeLessThanOrEqual(seconds)
  })

  it('reads a window ahead', async () => {
    const server = await serve(40, { behaviour: { delayMs: 1 } })
    await drainInto(server, new MemorySink(), { source: { windowMessages: 5 } })
    const all = commands(server, 1)
    for (let window = 1; window < 7; window += 1)
      expect(all.indexOf(`UIDL ${(window + 1) * 5}`)).toBeLessThan(
        all.indexOf(`RETR ${window * 5}`),
      )
  })

  it('G6: what earlier runs know is found by a complete look first', async () => {
    const server = await serve(45)
    const sink = new MemorySink()
    await drainInto(server, sink, { source, deletion: 'keep' })
    const receipt = await drainInto(server, sink, { source })
    expect(receipt).toMatchObject({ alreadyDelivered: 45, deleted: 45, verifiedGone: 45 })
    expect(sink.records).toHaveLength(45)
    expect(commands(server, 2)).toContain('UIDL')
  })

  it('G6: equal messages under one unique-id in different windows are written once, and all deleted', async () => {
    const twins = (index: number) => (index === 29 ? 'uid-13' : `uid-${index}`)
    const server = await serve(30, {
      behaviour: {
        uidlOf: twins,
        replyOverride: (verb, argument) =>
          verb === 'RETR' && argument === '30' ? twin(server) : undefined,
      },
    })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink, { source: { windowMessages: 10 } })
    expect(receipt).toMatchObject({ seen: 29, delivered: 29, copies: 1, deleted: 30 })
    expect(receipt.verifiedGone).toBe(30)
    expect(sink.records).toHaveLength(29)
  })

  it('G7: deleted mail that shows up in a window brings a complete look, not another delivery', async () => {
    const server = await serve(45, { behaviour: { ignoreDeletes: 1 } })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink, { source })
    expect(receipt).toMatchObject({ delivered: 45, verifiedGone: 45, remaining: 0 })
    expect(sink.records).toHaveLength(45)
    expect(complete(server)).toBeGreaterThan(0)
  })

  it('G3: kept messages are stepped over, and the end is a complete look', async () => {
    const server = await serve(45)
    const sink = new MemorySink()
    const dropTens = (value: unknown) =>
      (value as { uidl: string }).uidl.endsWith('0') ? undefined : value
    const receipt = await drainInto(server, sink, { source, through: [dropTens] })
    expect(receipt).toMatchObject({ delivered: 40, filtered: 5, deleted: 40, verifiedGone: 40 })
    expect(server.remaining()).toBe(5)
    expect(complete(server)).toBeGreaterThan(0)
  })

  it('new mail that never ends is drained three times more, and then left', async () => {
    const server = await serve(10)
    let added = 0
    let last = 0
    const receipt = await drainInto(server, new MemorySink(), {
      onProgress: ({ sessions, phase }) => {
        if (phase !== 'deleting' || sessions === last) return
        last = sessions
        added += 1
        server.add(smallMessage(100 + added))
      },
    })
    expect(added).toBe(4)
    expect(receipt).toMatchObject({ delivered: 13, remaining: 1 })
  })

  it('G6: a session that is lost is followed by windows that begin with what is known, not by a listing of everything', async () => {
    const server = await serve(45, {
      behaviour: { dropAfterCommands: (session) => (session === 1 ? 60 : undefined) },
    })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink, { source })
    expect(receipt).toMatchObject({ verifiedGone: 45, remaining: 0 })
    expect(sink.records).toHaveLength(45)
    expect(commands(server, 2)).not.toContain('UIDL')
    const retrs = (session: number) =>
      commands(server, session).filter((command) => command.startsWith('RETR'))
    const known = retrs(2).length
    expect(known).toBeGreaterThan(0)
    expect(known).toBeLessThanOrEqual(retrs(1).length)
    // In the third session numbers begin anew: nothing that was deleted in the second is met again.
    expect(retrs(1).length + retrs(2).length).toBeLessThan(60)
  })

  it('G7: a QUIT that was lost is followed by windows: nothing is missing, so nothing is to be found out', async () => {
    const server = await serve(60, { behaviour: { dropAtQuit: (session) => session === 1 } })
    const sink = new MemorySink()
    const change = { ...source, sessionMessages: 30, quitDeletes: 'no' as const }
    const receipt = await drainInto(server, sink, { source: change })
    expect(receipt).toMatchObject({ verifiedGone: 60, remaining: 0 })
    expect(sink.records).toHaveLength(60)
    expect(commands(server, 2)).not.toContain('UIDL')
  })

  it('a drain that is stopped does not wait for a server that says nothing', async () => {
    const delayMs = (verb: string) => (verb === 'UIDL' ? 20_000 : 0)
    const server = await serve(12, { behaviour: { delayMs } })
    const stop = new AbortController()
    const drained = drainInto(server, new MemorySink(), { signal: stop.signal })
    setTimeout(() => stop.abort(), 100)
    const started = performance.now()
    await expect(drained).rejects.toMatchObject({ code: 'MAILDRAIN_STOPPED' })
    expect(performance.now() - started).toBeLessThan(5000)
  })

  it('are not used where the server does not answer by number, or when full listings are asked for', async () => {
    const full = await serve(12)
    await drainInto(full, new MemorySink(), { source: { listing: 'full' } })
    expect(commands(full, 1)).toContain('UIDL')
    const deaf = (verb: string, argument: string) =>
      argument !== '' && verb === 'UIDL' ? '-ERR no arguments, please\r\n' : undefined
    const server = await serve(12, { behaviour: { replyOverride: deaf } })
    const receipt = await drainInto(server, new MemorySink(), { source })
    expect(receipt).toMatchObject({ delivered: 12, verifiedGone: 12 })
    expect(commands(server, 1)).toContain('UIDL')
  })
})

/** Of the built-in server's reply about messages of `smallMailbox`. */
function octetsOfListing(verb: string, argument: string, messages: number): number {
  const line = (n: number): string => {
    const { uidl, octets } = smallMessage(n - 1)
    return `${n} ${verb === 'UIDL' ? uidl : octets}\r\n`
  }
  if (argument !== '') return `+OK ${line(Number(argument))}`.length
  const lines = Array.from({ length: messages }, (_, index) => line(index + 1))
  return `+OK ${messages} messages\r\n${lines.join('')}.\r\n`.length
}

/** The reply to RETR of message 14. */
function twin(server: Pop3Server): string {
  const text = texts(30)[13] ?? ''
  expect(server.remaining()).toBe(30)
  return `+OK\r\n${text.replace(/^\./gm, '..')}.\r\n`
}
