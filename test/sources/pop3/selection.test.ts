import { describe, expect, it } from 'vitest'
import { chosenByDate, orderOf, sampleNumbers } from '../../../src/sources/pop3/arrival.ts'
import { type Pop3SourceOptions, pop3 } from '../../../src/sources/pop3/index.ts'
import type {
  Behaviour,
  MailboxMessage,
  Pop3Server,
  Pop3ServerOptions,
} from '../../../src/testing/index.ts'
import type { Logger } from '../../../src/logger.ts'
import { type DrainTest, drainInto, serve } from '../../support/drains.ts'
import { MemorySink } from '../../support/memory-sink.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const day = (index: number) => new Date(Date.UTC(2026, 0, 1) + index * DAY_MS)

/** One arrives a day, from the first of January 2026 on. */
function message(index: number, date: string | null = day(index).toUTCString()): MailboxMessage {
  const head = date === null ? '' : `Received: from a by b; ${date}\r\nDate: ${date}\r\n`
  const raw = Buffer.from(`${head}Subject: ${index}\r\n\r\n${'x'.repeat(index)}\r\n`, 'latin1')
  return { uidl: `uid-${index}`, octets: raw.length, read: () => raw }
}

const mailbox = (
  count: number,
  dated = (index: number): string | null => day(index).toUTCString(),
) => ({
  size: count,
  message: (index: number) => message(index, dated(index)),
})

const served = (count: number, behaviour: Behaviour = {}, more: Partial<Pop3ServerOptions> = {}) =>
  serve(count, { mailbox: mailbox(count), behaviour, ...more })

const indexes = (sink: MemorySink) =>
  sink.records.map(({ value }) => Number(value.uidl?.slice(4))).sort((a, b) => a - b)
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
const tops = (server: Pop3Server) => server.log.filter(({ verb }) => verb === 'TOP').length

async function select(
  server: Pop3Server,
  source: Partial<Pop3SourceOptions>,
  change: DrainTest = {},
) {
  const sink = new MemorySink()
  const receipt = await drainInto(server, sink, { source, ...change })
  return { receipt, sink }
}

/** What was said, in one string. */
function listen() {
  const said: string[] = []
  const say = (_: object, text: string) => void said.push(text)
  const log: Logger = { debug: say, info: say, warn: say, error: say }
  return { said, log }
}

describe('by size', () => {
  it('what is not asked for is neither read nor seen nor kept, and stays', async () => {
    const server = await served(30)
    const octets = message(10).octets
    const { receipt, sink } = await select(server, { minBytes: octets, maxBytes: octets + 9 })
    expect(indexes(sink)).toEqual(range(10, 20))
    expect(receipt).toMatchObject({ seen: 10, delivered: 10, kept: 0, deleted: 10 })
    expect(receipt).toMatchObject({ verifiedGone: 10, unselected: 20, remaining: 20 })
    expect(server.log.filter(({ verb }) => verb === 'RETR')).toHaveLength(10)
    expect(sink.ledger.size).toBe(10)
    expect(tops(server)).toBe(0)
  })

  it('nothing that is asked for: nothing is read, and that is drained', async () => {
    const server = await served(5)
    const { receipt } = await select(server, { minBytes: 100_000 })
    expect(receipt).toMatchObject({ seen: 0, unselected: 5, remaining: 5 })
  })
})

describe('by arrival', () => {
  for (const order of ['oldest-first', 'newest-first', 'shuffled'] as const)
    it(`takes the newest, and the oldest, where mail is listed ${order}`, async () => {
      const behaviour = order === 'oldest-first' ? {} : { order }
      const newest = await served(80, behaviour)
      const { receipt, sink } = await select(newest, { newest: 12 })
      expect(indexes(sink)).toEqual(range(68, 80))
      expect(receipt).toMatchObject({ deleted: 12, verifiedGone: 12, unselected: 68 })
      expect(newest.remainingIndexes()).toEqual(range(0, 68))
      // Where samples are in order, no others are asked for their dates.
      expect(tops(newest)).toBe(sampleNumbers(80).length + (order === 'shuffled' ? 80 : 0))
      const oldest = await served(80, behaviour)
      expect(indexes((await select(oldest, { oldest: 12 })).sink)).toEqual(range(0, 12))
      expect(oldest.remainingIndexes()).toEqual(range(12, 80))
    })

  it('says which order it found', async () => {
    for (const [order, words] of [
      ['newest-first', 'lists the newest first'],
      ['shuffled', 'no order'],
    ] as const) {
      const { said, log } = listen()
      await select(await served(40, { order }), { newest: 3 }, { log })
      expect(said.join('\n')).toContain(words)
    }
  })

  it('holds the choice: a second session, and mail that comes meanwhile, do not move it', async () => {
    for (const order of [undefined, 'newest-first', 'shuffled'] as const) {
      const server = await served(60, { order })
      let added = 0
      const source = { newest: 20, sessionMessages: 6 }
      const { receipt, sink } = await select(server, source, {
        onProgress: ({ phase }) => {
          if (phase === 'deleting' && added < 3) server.add(message(100 + (added += 1)))
        },
      })
      expect(receipt.sessions).toBeGreaterThan(3)
      expect(indexes(sink)).toEqual(range(40, 60))
      expect(server.remainingIndexes().slice(0, 40)).toEqual(range(0, 40))
      expect(receipt).toMatchObject({ deleted: 20, verifiedGone: 20, unselected: 43 })
    }
  })

  it('chooses anew when the session is lost before the listing has come to its end', async () => {
    const server = await served(60, {
      dropAfterCommands: (session) => (session === 1 ? 20 : session === 2 ? 40 : undefined),
    })
    const { sink } = await select(server, { newest: 5 })
    expect(indexes(sink)).toEqual(range(55, 60))
  })

  it('keeps the choice when the session is lost while the mail is read', async () => {
    const server = await served(60, {
      dropAfterCommands: (session) => (session === 1 ? 80 : undefined),
    })
    const { sink, receipt } = await select(server, { newest: 20 })
    expect(receipt.sessions).toBeGreaterThan(2)
    expect(indexes(sink)).toEqual(range(40, 60))
    expect(server.remainingIndexes()).toEqual(range(0, 40))
  })

  it('takes all of a mailbox that holds no more', async () => {
    const server = await served(7)
    const { receipt } = await select(server, { oldest: 7 })
    expect(receipt).toMatchObject({ delivered: 7, unselected: 0, remaining: 0 })
    expect(tops(server)).toBe(0)
  })

  it('where mail stays, the same choice is already delivered, and new mail takes the place of old', async () => {
    const server = await served(30)
    const sink = new MemorySink()
    const keep = () => drainInto(server, sink, { deletion: 'keep', source: { newest: 10 } })
    expect(await keep()).toMatchObject({ seen: 10, delivered: 10, unselected: 20 })
    expect(await keep()).toMatchObject({ seen: 10, alreadyDelivered: 10, unselected: 20 })
    server.add(message(30))
    expect(await keep()).toMatchObject({ seen: 10, delivered: 1, alreadyDelivered: 9 })
    expect(indexes(sink)).toEqual(range(20, 31))
  })

  it('G2: where QUIT may remove what was read, the session that looked at dates is closed without it', async () => {
    for (const [quitDeletes, apart] of [
      ['auto', true],
      ['yes', true],
      ['no', false],
    ] as const) {
      const server = await served(40)
      const { receipt } = await select(server, { newest: 5, quitDeletes })
      expect(receipt).toMatchObject({ delivered: 5, verifiedGone: 5, unselected: 35 })
      const first = server.log.filter(({ session }) => session === 1).map(({ verb }) => verb)
      expect(first).toContain('TOP')
      expect([first.includes('RETR'), first.includes('QUIT')]).toEqual([!apart, !apart])
    }
  })

  it('refuses in one line where there is no TOP, or no date', async () => {
    const noTop = await served(40, { noTop: true })
    const refusal = { code: 'MAILDRAIN_CONFIG_SELECTION' }
    await expect(select(noTop, { newest: 5 })).rejects.toMatchObject(refusal)
    await expect(select(noTop, { since: '2026-01-01' })).rejects.toMatchObject(refusal)
    const undated = await serve(40, { mailbox: mailbox(40, () => null) })
    await expect(select(undated, { oldest: 5 })).rejects.toMatchObject(refusal)
    expect(noTop.remaining() + undated.remaining()).toBe(80)
  })

  it('refuses where there are no unique-ids to hold the choice by', async () => {
    const server = await served(10, { noUidl: true }, { capabilities: { uidl: false } })
    await expect(select(server, { since: '2026-01-01' })).rejects.toMatchObject({
      code: 'MAILDRAIN_CONFIG_SELECTION',
    })
  })
})

describe('by date', () => {
  it('takes what was written since, whatever the order, and asks each message once a run', async () => {
    const server = await served(60, { order: 'shuffled' })
    const { receipt, sink } = await select(server, { since: '2026-02-01', sessionMessages: 10 })
    expect(indexes(sink)).toEqual(range(31, 60))
    expect(receipt).toMatchObject({ deleted: 29, verifiedGone: 29, unselected: 31 })
    expect(tops(server)).toBe(60)
  })

  it('leaves new mail that comes meanwhile to the next run', async () => {
    const server = await served(20)
    let added = false
    const { sink } = await select(
      server,
      { since: day(18).toISOString().slice(0, 10) },
      {
        onProgress: ({ phase }) => {
          if (phase === 'deleting' && !added) added = server.add(message(40)) > 0
        },
      },
    )
    expect(indexes(sink)).toEqual([18, 19])
    expect(server.remainingIndexes()).toContain(20)
  })

  it('takes messages without a date as well, and says so once', async () => {
    const dated = (index: number) => (index % 4 === 0 ? null : day(index).toUTCString())
    const server = await serve(20, { mailbox: mailbox(20, dated) })
    const { said, log } = listen()
    const { sink } = await select(server, { since: '2030-01-01' }, { log })
    expect(indexes(sink)).toEqual([0, 4, 8, 12, 16])
    expect(said.filter((text) => text.includes('without a date'))).toHaveLength(1)
  })

  it('leaves a message without unique-id alone: its date is not known', async () => {
    const server = await served(20, {
      omitUidl: (index: number) => (index === 3 ? ('value' as const) : undefined),
    })
    const { sink, receipt } = await select(server, { since: day(18).toISOString().slice(0, 10) })
    expect(indexes(sink)).toEqual([18, 19])
    expect(server.remainingIndexes()).toContain(3)
    expect(receipt.unselected).toBe(18)
  })

  it('goes on where it was when the session is lost meanwhile', async () => {
    const server = await served(200, {
      dropAfterCommands: (session) => (session < 4 ? 180 : undefined),
    })
    const { sink } = await select(server, { since: day(190).toISOString().slice(0, 10) })
    expect(indexes(sink)).toEqual(range(190, 200))
    // Some were in flight each time.
    expect(tops(server)).toBeLessThan(200 + 4 * 128)
  })

  it('a message whose header ends the session is taken to have no date, after two times', async () => {
    for (const [source, order] of [
      [{ since: '2027-01-01' }, undefined],
      [{ newest: 1 }, 'shuffled'],
    ] as const) {
      let asked = 0
      const cutMessages = (index: number) => (index === 11 && (asked += 1) <= 2 ? 10 : undefined)
      const server = await served(
        40,
        order === undefined ? { cutMessages } : { cutMessages, order },
      )
      const { sink, receipt } = await select(server, source)
      expect([indexes(sink), receipt.deleted]).toEqual([[11], 1])
      // The third time it was read.
      expect(asked).toBe(3)
    }
  })

  it('and by arrival, and by size: all of it holds', async () => {
    const server = await served(50)
    const source = {
      newest: 20,
      since: day(35).toISOString().slice(0, 10),
      maxBytes: message(44).octets,
    }
    expect(indexes((await select(server, source)).sink)).toEqual(range(35, 45))
  })
})

describe('options', () => {
  const options = { host: 'h', auth: { user: 'u', password: 'p' } }
  it.each([
    { newest: 1, oldest: 1 },
    { minBytes: 2, maxBytes: 1 },
    { since: 'yesterday' },
    { since: '2026-13-01' },
    { since: '2026-01-01T10:00' },
    { newest: 0 },
  ])('%j is refused', (change) => {
    expect(() => pop3({ ...options, ...change })).toThrow(
      expect.objectContaining({ code: 'MAILDRAIN_CONFIG_INVALID' }) as Error,
    )
  })
})

describe('arrival', () => {
  it('samples both ends and between', () => {
    expect(sampleNumbers(1)).toEqual([1])
    expect(sampleNumbers(3)).toEqual([1, 2, 3])
    const many = sampleNumbers(1000)
    expect(many.slice(0, 8)).toEqual(range(1, 9))
    expect(many.slice(-8)).toEqual(range(993, 1001))
    expect(many.length).toBeGreaterThan(20)
  })

  it('finds an order in dates that have one', () => {
    expect(orderOf([1, 1, 2, undefined, 3])).toBe('oldest first')
    expect(orderOf([9, 8, 8, 2])).toBe('newest first')
    expect(orderOf([1, 2, 3, 2])).toBe('no order')
    expect(orderOf([4, 4, 4, 4])).toBe('no order')
    expect(orderOf([1, 2, 3])).toBe('no order')
  })

  it('chooses by date: higher numbers among equals are newer, what has no date comes first', () => {
    const chosen = (which: 'newest' | 'oldest', count: number, ...dates: number[]) =>
      [...chosenByDate(Uint32Array.from([0, ...dates]), { which, count })]
        .map((bit, n) => bit * n)
        .filter(Boolean)
    expect(chosen('newest', 2, 5, 9, 9, 9, 1)).toEqual([3, 4])
    expect(chosen('oldest', 2, 9, 5, 5, 5, 9)).toEqual([2, 3])
    expect(chosen('newest', 2, 5, 0, 9, 1)).toEqual([2, 3])
    expect(chosen('oldest', 2, 5, 0, 9, 1)).toEqual([2, 4])
    expect(chosen('newest', 9, 1, 2)).toEqual([1, 2])
  })
})
