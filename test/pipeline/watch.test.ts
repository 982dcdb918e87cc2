import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { ConnectionError, LedgerError, MaildrainError, SinkError } from '../../src/errors.ts'
import type { Receipt } from '../../src/pipeline/receipt.ts'
import { type WatchOptions, watch } from '../../src/pipeline/watch.ts'
import type { WatchReceipt } from '../../src/pipeline/watch-receipt.ts'
import { pop3 } from '../../src/sources/pop3/index.ts'
import { parse } from '../../src/transforms/parse/index.ts'
import type { Pop3Server } from '../../src/testing/index.ts'
import { serve, smallMessage } from '../support/drains.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'
import { MemorySink } from '../support/memory-sink.ts'
import { type ScriptedPoll, ScriptedSource } from '../support/scripted-source.ts'

const stateDir = mkdtempSync(join(tmpdir(), 'maildrain-watch-'))

const away = () => new ConnectionError('MAILDRAIN_POP3_UNREACHABLE', 'no answer')

/** A watch of a scripted source, whose time passes when the test says so. */
function scripted(polls: readonly ScriptedPoll[], change: Partial<WatchOptions> = {}) {
  const clock = new FakeClock()
  const source = new ScriptedSource(polls)
  const sink = new MemorySink()
  const abort = new AbortController()
  const ends: [Receipt, unknown][] = []
  const watched = watch({
    ...{ source, into: sink, through: [], stateDir, clock, signal: abort.signal },
    random: () => 0.5,
    onPoll: (receipt, error) => ends.push([receipt, error]),
    ...change,
  })
  watched.catch(() => undefined)
  const pass = async (seconds: number) => {
    for (let left = seconds; left > 0; left -= 10) {
      await clock.advance(10_000)
      // Opening, reading and closing of streams take some turns.
      for (let turns = 0; turns < 12; turns += 1) await settle()
    }
  }
  const begun = async () => {
    while (ends.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    for (let turns = 0; turns < 12; turns += 1) await settle()
  }
  const pauses = () =>
    source.openedAt.slice(1).map((at, index) => (at - source.openedAt[index]!) / 1000)
  return { clock, source, sink, abort, ends, watched, pass, begun, pauses }
}

describe('a watch', () => {
  it.each([{ newest: 5 }, { oldest: 5 }])(
    'refuses %j, which would be other mail at each poll',
    async (part) => {
      const server = await serve(3)
      const source = pop3({
        ...{ host: server.host, port: server.port, tls: 'none', ...part },
        auth: { user: 'user', password: 'secret' },
      })
      const sink = new MemorySink()
      const watched = watch({ source, into: sink, through: [], stateDir, deletion: 'delete' })
      await expect(watched).rejects.toMatchObject({ code: 'MAILDRAIN_CONFIG_INVALID' })
      expect([sink.opened, server.sessions]).toEqual([0, 0])
    },
  )

  it('polls less often while nothing comes, and at once more often when mail has come', async () => {
    const polls = [{ delivered: 5 }, {}, {}, {}, {}, {}, {}, { delivered: 1 }, {}]
    const { abort, watched, pass, begun, pauses, sink } = scripted(polls)
    await begun()
    await pass(3600)
    expect(pauses().slice(0, 9)).toEqual([60, 60, 120, 240, 480, 900, 900, 60, 60])
    expect({ opened: sink.opened, closed: sink.closed }).toEqual({ opened: 1, closed: 0 })
    abort.abort()
    await watched
    expect(sink.closed).toBe(1)
  })

  it('ends during a pause as soon as it is told to, and says what it did', async () => {
    const polls = [{ delivered: 5, kept: 1 }, { delivered: 2, kept: 2 }, { kept: 2 }]
    const { abort, watched, pass, begun, clock } = scripted(polls)
    await begun()
    await pass(130)
    abort.abort()
    expect(await watched).toMatchObject({
      ...{ polls: 3, failedPolls: 0, delivered: 7, kept: 2, sessions: 3, seconds: 130 },
    })
    expect(clock.waiting).toBe(0)
  })

  it('goes on after what passes by itself, waiting longer each time', async () => {
    const { abort, watched, pass, begun, pauses, ends } = scripted([away(), away(), away(), {}])
    await begun()
    await pass(430)
    expect(pauses()).toEqual([60, 120, 240])
    expect(ends.map(([, error]) => (error as MaildrainError | undefined)?.code)).toEqual([
      ...Array.from({ length: 3 }, () => 'MAILDRAIN_POP3_UNREACHABLE'),
      undefined,
    ])
    abort.abort()
    expect(await watched).toMatchObject({ polls: 1, failedPolls: 3 })
  })

  it.each([
    new MaildrainError('MAILDRAIN_POP3_AUTH_REJECTED', 'no'),
    new SinkError('MAILDRAIN_SINK_FENCED', 'taken over'),
    new LedgerError('MAILDRAIN_LEDGER_FOREIGN', 'another'),
    new TypeError('a bug'),
  ])('ends with what somebody has to act upon: $message', async (error) => {
    let sum: WatchReceipt | undefined
    const onReceipt = (receipt: WatchReceipt) => (sum = receipt)
    const { watched, pass, begun, sink } = scripted([{ delivered: 3 }, error], { onReceipt })
    await begun()
    await pass(70)
    await expect(watched).rejects.toBe(error)
    expect(sink.closed).toBe(1)
    expect(sum).toMatchObject({ polls: 1, failedPolls: 1, delivered: 3 })
  })

  it('does not begin without its destination', async () => {
    const { watched, sink, source } = scripted([], {
      into: Object.assign(new MemorySink(), {
        open: () => Promise.reject(new SinkError('MAILDRAIN_SINK_UNREACHABLE', 'away')),
      }),
    })
    await expect(watched).rejects.toMatchObject({ code: 'MAILDRAIN_SINK_UNREACHABLE' })
    expect(source.openedAt).toEqual([])
    expect(sink.opened).toBe(0)
  })

  it('refuses pauses that contradict each other', async () => {
    await expect(scripted([], { pollSeconds: 100, maxPollSeconds: 50 }).watched).rejects.toThrow(
      'pollSeconds (100) is more than maxPollSeconds (50)',
    )
  })
})

/** A watch of a server, in a hurry. */
function watching(server: Pop3Server, sink: MemorySink, change: Partial<WatchOptions> = {}) {
  const abort = new AbortController()
  const receipts: Receipt[] = []
  const watched = watch({
    source: pop3({
      ...{ host: server.host, port: server.port, tls: 'none', retryInitialMs: 5 },
      ...{ auth: { user: 'user', password: 'secret' }, lookDelaysMs: [5, 10] },
      ...{ openPatienceMs: 0, retryPatienceMs: 0 },
    }),
    ...{ into: sink, through: [], stateDir, lingerMs: 5, deletion: 'delete' },
    ...{ signal: abort.signal, pollSeconds: 0.02, maxPollSeconds: 0.04 },
    onPoll: (receipt) => receipts.push(receipt),
    ...change,
  })
  watched.catch(() => undefined)
  /** Until so many more polls have ended. */
  const polls = async (count: number) => {
    const until = receipts.length + count
    while (receipts.length < until) await new Promise((resolve) => setTimeout(resolve, 2))
  }
  return { abort, receipts, watched, polls }
}

const subjects = (sink: MemorySink): string[] =>
  sink.records.map(({ value }) => /number \d+/.exec(value.raw.toString('latin1'))?.[0] ?? '').sort()

describe('a watch of a mailbox', () => {
  it.each(['delete', 'keep'] as const)(
    'delivers what comes between polls once (%s)',
    async (deletion) => {
      const server = await serve(3)
      const sink = new MemorySink()
      const { abort, watched, polls } = watching(server, sink, { deletion })
      await polls(1)
      server.add(smallMessage(10))
      await polls(2)
      server.add(smallMessage(11))
      server.add(smallMessage(12))
      await polls(3)
      abort.abort()
      const receipt = await watched
      expect(subjects(sink)).toEqual([0, 1, 10, 11, 12, 2].map((n) => `number ${n}`))
      const left = deletion === 'delete' ? 0 : 6
      expect(receipt).toMatchObject({ delivered: 6, deleted: 6 - left, verifiedGone: 6 - left })
      expect(receipt).toMatchObject({ remaining: left, failedPolls: 0 })
      expect(server.remaining()).toBe(left)
      expect({ opened: sink.opened, closed: sink.closed }).toEqual({ opened: 1, closed: 1 })
    },
  )

  it('parses what comes after a poll that brought nothing, too', async () => {
    const server = await serve(1)
    const sink = new MemorySink()
    const { abort, watched, polls } = watching(server, sink, { through: [parse({ workers: 1 })] })
    await polls(2)
    server.add(smallMessage(10))
    await polls(2)
    abort.abort()
    await watched
    expect(sink.records.map(({ value }) => [value.parseStatus, value.subject])).toEqual([
      ['ok', 'number 0'],
      ['ok', 'number 10'],
    ])
  })

  it('shows no progress while nothing comes', async () => {
    const server = await serve(3)
    const seen: string[] = []
    const { abort, watched, polls } = watching(server, new MemorySink(), {
      deletion: 'keep',
      onProgress: ({ phase }) => seen.push(phase),
    })
    await polls(1)
    expect(seen).toContain('reading')
    seen.length = 0
    await polls(3)
    expect(seen).toEqual([])
    server.add(smallMessage(10))
    await polls(2)
    expect(seen).toContain('reading')
    abort.abort()
    await watched
  })

  it('keeps LOGIN-DELAY from one poll to the next', async () => {
    const server = await serve(0, { behaviour: { loginDelay: 1 } })
    const { abort, watched, polls } = watching(server, new MemorySink())
    await polls(2)
    abort.abort()
    const { failedPolls } = await watched
    const logins = server.log.filter(({ verb }) => verb === 'AUTH' || verb === 'PASS')
    expect(logins.length).toBeGreaterThanOrEqual(4)
    for (const [index, { at }] of logins.slice(1).entries())
      expect(at - logins[index]!.at).toBeGreaterThanOrEqual(990)
    expect(failedPolls).toBe(0)
  }, 45_000)

  it('goes on when the server is away for a while, and when the destination is', async () => {
    const server = await serve(3, { behaviour: { inUse: 2 } })
    const sink = new MemorySink()
    let down = 2
    sink.beforeWrite = () => {
      if (down-- > 0) throw new SinkError('MAILDRAIN_SINK_UNREACHABLE', 'away')
    }
    const { abort, watched, polls } = watching(server, sink, { sinkPatienceMs: 0 })
    await polls(6)
    abort.abort()
    expect(await watched).toMatchObject({ delivered: 3, verifiedGone: 3, failedPolls: 4 })
    expect(subjects(sink)).toHaveLength(3)
    expect(sink.opened).toBe(1)
  })

  it('that is stopped while it reads brings what it reads to its end', async () => {
    const server = await serve(30)
    const sink = new MemorySink()
    const { abort, watched } = watching(server, sink)
    sink.beforeWrite = () => abort.abort()
    const receipt = await watched
    expect(receipt).toMatchObject({ polls: 0, failedPolls: 0 })
    expect(receipt.delivered).toBe(sink.records.length)
    expect(receipt.deleted).toBe(30 - server.remaining())
    expect(receipt.deleted).toBeGreaterThan(0)
  })

  it('holds nothing from poll to poll: 200 of them grow neither handles nor memory', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const server = await serve(20, { logLimit: 100 })
    const tuning = { pollSeconds: 0.001, maxPollSeconds: 0.001, deletion: 'keep' } as const
    const { abort, watched, polls, receipts } = watching(server, new MemorySink(), tuning)
    const measure = async () => {
      await polls(1)
      collect()
      receipts.length = 0
      return { heap: process.memoryUsage().heapUsed, handles: process.getActiveResourcesInfo() }
    }
    await polls(100)
    const before = await measure()
    await polls(200)
    const after = await measure()
    abort.abort()
    await watched
    expect(after.handles.length).toBeLessThanOrEqual(before.handles.length + 3)
    // A poll that held its session, 20 entries of a listing or a stream would show by 20 KB each.
    expect((after.heap - before.heap) / 200).toBeLessThan(4096)
  }, 180_000)
})
