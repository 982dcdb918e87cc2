import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { SinkError } from '../../src/errors.ts'
import { SqliteDatabase } from '../../src/ledger/sqlite-database.ts'
import { drain } from '../../src/pipeline/drain.ts'
import type { Receipt } from '../../src/pipeline/receipt.ts'
import { sqlite } from '../../src/sinks/sqlite/index.ts'
import type { Sink } from '../../src/sinks/sink.ts'
import type { Source } from '../../src/sources/source.ts'
import type { Pop3Event, Pop3Server, Pop3ServerOptions } from '../../src/testing/index.ts'
import { awakeMs } from '../support/awake.ts'
import { type DrainTest, drainInto, serve } from '../support/drains.ts'
import { MemorySink } from '../support/memory-sink.ts'

const COUNT = 60
const stateDir = mkdtempSync(join(tmpdir(), 'maildrain-stop-state-'))
/** Whatever waits for this waits for ever, as far as a test is concerned. */
const FOR_EVER_MS = 60_000
/** Much less than a default grace, and more than a busy machine takes for nothing. */
const AT_ONCE_MS = 3000

interface Stopping extends DrainTest {
  readonly server?: Partial<Pop3ServerOptions>
  /** When to stop: at this event of the server's, or so many milliseconds after the beginning. */
  readonly at: ((event: Pop3Event) => boolean) | number
}

interface Stopped {
  readonly server: Pop3Server
  readonly receipt: Receipt
  /** From the stop to the end of the drain. */
  readonly ms: number
  /** The same without the time for which the machine had stopped this process. */
  readonly awakeMs: number
}

async function stopAt(sink: Sink, { at, server: options, ...change }: Stopping): Promise<Stopped> {
  const abort = new AbortController()
  let stopped = { at: 0, awake: 0 }
  const stop = () => {
    if (!abort.signal.aborted) stopped = { at: performance.now(), awake: awakeMs() }
    abort.abort()
  }
  const server = await serve(COUNT, {
    ...options,
    onEvent: (event) => {
      if (typeof at === 'function' && at(event)) stop()
    },
  })
  let receipt: Receipt | undefined
  const drained = drainInto(server, sink, {
    ...{ signal: abort.signal, onReceipt: (written: Receipt) => (receipt = written) },
    ...change,
  })
  if (typeof at === 'number') setTimeout(stop, at)
  await expect(drained).rejects.toMatchObject({ code: 'MAILDRAIN_STOPPED' })
  return {
    ...{ server, receipt: receipt!, ms: performance.now() - stopped.at },
    awakeMs: awakeMs() - stopped.awake,
  }
}

const command =
  (verb: string, session = 1, nth = 1) =>
  (event: Pop3Event): boolean =>
    event.verb === verb && event.session === session && (nth -= 1) === 0

const verbs = (server: Pop3Server, session: number): string[] =>
  server.log.filter((entry) => entry.session === session).map(({ verb }) => verb)

/** What is told of a memory sink and the server is what they show, and the next run brings the rest, once. */
async function goesOn({ server, receipt }: Stopped, sink: MemorySink, change: DrainTest = {}) {
  expect(receipt.delivered).toBe(sink.records.length)
  expect(receipt.deleted).toBe(COUNT - server.remaining())
  server.setBehaviour({ delayMs: undefined, greeting: undefined, updateDelayMs: undefined })
  sink.beforeWrite = () => undefined
  const again = await drainInto(server, sink, change)
  expect(sink.records).toHaveLength(COUNT)
  expect(new Set(sink.records.map(({ key }) => key)).size).toBe(COUNT)
  return again
}

describe('a stop before anything was read ends the drain at once', () => {
  it('while it connects', async () => {
    const sink = new MemorySink()
    const stopped = await stopAt(sink, { at: 100, server: { behaviour: { greeting: null } } })
    expect(stopped.awakeMs).toBeLessThan(AT_ONCE_MS)
    await goesOn(stopped, sink)
  })

  it('while it waits to connect again', async () => {
    const sink = new MemorySink()
    const source = { retryInitialMs: FOR_EVER_MS, retryPatienceMs: 10 * FOR_EVER_MS }
    const stopped = await stopAt(sink, { at: 100, server: { behaviour: { inUse: 1 } }, source })
    expect(stopped.awakeMs).toBeLessThan(AT_ONCE_MS)
    await goesOn(stopped, sink)
  })

  it('while the server lists', async () => {
    const sink = new MemorySink()
    const delayMs = (verb: string) => (verb === 'LIST' ? FOR_EVER_MS : 0)
    const server = { behaviour: { delayMs } }
    const stopped = await stopAt(sink, { at: command('LIST'), server })
    expect(stopped.awakeMs).toBeLessThan(AT_ONCE_MS)
    expect(verbs(stopped.server, 1)).not.toContain('RETR')
    await goesOn(stopped, sink)
  })

  const heeds: Sink['open'] = ({ signal }) =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('ended')))
    })
  it.each([
    ['that heeds the signal', heeds],
    ['that does not', () => new Promise<void>(() => undefined)],
  ])('while a destination is opened %s', async (_, open) => {
    const sink = Object.assign(new MemorySink(), { open })
    const stopped = await stopAt(sink, { at: 100 })
    expect(stopped.awakeMs).toBeLessThan(AT_ONCE_MS)
    expect(stopped.receipt).toMatchObject({ seen: 0, sessions: 0 })
    expect(sink.closed).toBe(1)
  })
})

describe('a stop while mail is read', () => {
  const slow = { behaviour: { delayMs: (verb: string) => (verb === 'RETR' ? 5 : 0) } }

  it('makes durable what was asked for, deletes it, and asks for no more', async () => {
    const sink = new MemorySink()
    const source = { pipelining: 'off', listing: 'full' } as const
    const stopped = await stopAt(sink, { at: command('RETR', 1, 20), server: slow, source })
    const { receipt, server } = stopped
    expect(receipt.delivered).toBeGreaterThanOrEqual(20)
    expect(receipt.delivered).toBeLessThan(COUNT)
    expect(receipt).toMatchObject({ seen: receipt.delivered, deleted: receipt.delivered })
    expect(verbs(server, 1).filter((verb) => verb === 'RETR')).toHaveLength(receipt.delivered)
    expect(verbs(server, 1)).toContain('QUIT')
    expect(server.sessions).toBe(1)
    const again = await goesOn(stopped, sink, { source })
    expect(again.delivered).toBe(COUNT - receipt.delivered)
  })

  it('does not let a batch wait for more', async () => {
    const sink = new MemorySink()
    const stopped = await stopAt(sink, { at: command('RETR', 1, COUNT), lingerMs: FOR_EVER_MS })
    expect(stopped.awakeMs).toBeLessThan(AT_ONCE_MS)
    expect(stopped.receipt).toMatchObject({ delivered: COUNT, deleted: COUNT })
  })

  it('without deletion is a stop, and no end of the mailbox', async () => {
    const sink = new MemorySink()
    const source = { pipelining: 'off', quitDeletes: 'no' } as const
    const change = { deletion: 'keep', source } as const
    const stopped = await stopAt(sink, { at: command('RETR', 1, 20), server: slow, ...change })
    expect(stopped.receipt).toMatchObject({ deleted: 0 })
    expect(stopped.server.remaining()).toBe(COUNT)
    await goesOn(stopped, sink, change)
  })

  it('waits for a destination that is at work', async () => {
    const sink = new MemorySink()
    sink.beforeWrite = () => new Promise((resolve) => setTimeout(resolve, 150))
    const change = { batchMaxMessages: 20 }
    const stopped = await stopAt(sink, { at: command('RETR', 1, COUNT), ...change })
    expect(stopped.receipt).toMatchObject({ delivered: COUNT, deleted: COUNT })
    await goesOn(stopped, sink)
  })

  it('waits for no destination that is away', async () => {
    const sink = new MemorySink()
    sink.beforeWrite = () => {
      throw new SinkError('MAILDRAIN_SINK_UNREACHABLE', 'away')
    }
    const stopped = await stopAt(sink, { at: 500 })
    expect(stopped.awakeMs).toBeLessThan(AT_ONCE_MS)
    expect(stopped.receipt).toMatchObject({ delivered: 0, deleted: 0 })
    expect(verbs(stopped.server, 1)).not.toContain('QUIT')
    await goesOn(stopped, sink)
  })

  it('waits for a destination that hangs until the grace is over, and not longer', async () => {
    const sink = new MemorySink()
    sink.beforeWrite = () => new Promise(() => undefined)
    const stopped = await stopAt(sink, { at: command('RETR', 1, COUNT), stopGraceMs: 400 })
    expect(stopped.ms).toBeGreaterThanOrEqual(390)
    expect(stopped.awakeMs).toBeLessThan(400 + AT_ONCE_MS)
    expect(verbs(stopped.server, 1)).not.toContain('QUIT')
    await goesOn(stopped, sink)
  })

  it('waits for a server that stands still until the grace is over, and not longer', async () => {
    const sink = new MemorySink()
    const server = {
      behaviour: { stallMessages: (index: number) => (index === 30 ? 5 : undefined) },
    }
    const stopped = await stopAt(sink, { at: command('RETR', 1, 31), server, stopGraceMs: 400 })
    expect(stopped.awakeMs).toBeLessThan(400 + AT_ONCE_MS)
    stopped.server.setBehaviour({ stallMessages: undefined })
    await goesOn(stopped, sink)
  })

  it('G2: where QUIT removes what was read, it is not sent when something is unresolved', async () => {
    const sink = new MemorySink()
    const stopped = await stopAt(sink, {
      at: command('RETR', 1, COUNT),
      server: { capabilities: { expire: '0' }, behaviour: { quitRemovesRead: true } },
      through: [
        (message: { raw: Buffer }) => {
          if (message.raw.includes('Subject: number 7\r\n')) throw new Error('not this one')
          return message
        },
      ],
    })
    expect(stopped.receipt).toMatchObject({ delivered: COUNT - 1, kept: 1, deleted: 0 })
    expect(verbs(stopped.server, 1)).not.toContain('QUIT')
    expect(stopped.server.remaining()).toBe(COUNT)
    await goesOn(stopped, sink)
  })

  it('a database holds what the receipt says, and the next run brings the rest', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'maildrain-stop-')), 'mail.db')
    const source = { pipelining: 'off' } as const
    const at = command('RETR', 1, 20)
    const { receipt, server } = await stopAt(sqlite({ path }), { at, server: slow, source })
    const rows = () => {
      const database = SqliteDatabase.openReader(path, { busyTimeoutMs: 100 })
      try {
        return Number(database.prepare('SELECT count(*) FROM messages').row()?.[0])
      } finally {
        database.close()
      }
    }
    expect(receipt.delivered).toBeGreaterThanOrEqual(20)
    expect(receipt.delivered).toBeLessThan(COUNT)
    expect(receipt).toMatchObject({ delivered: rows(), deleted: COUNT - server.remaining() })
    await drainInto(server, sqlite({ path }), { source })
    expect(rows()).toBe(COUNT)
    expect(server.remaining()).toBe(0)
  })
})

describe('a stop while mail is deleted', () => {
  it('lets the deletions come to their end', async () => {
    const sink = new MemorySink()
    const stopped = await stopAt(sink, { at: command('DELE', 1, 5) })
    expect(stopped.receipt).toMatchObject({ delivered: COUNT, deleted: COUNT, verifiedGone: 0 })
    expect(stopped.server.remaining()).toBe(0)
    const again = await drainInto(stopped.server, sink)
    expect(again).toMatchObject({ seen: 0, remaining: 0 })
  })

  it('G7: the drain does not end before QUIT was answered', async () => {
    const sink = new MemorySink()
    const delayMs = (verb: string) => (verb === 'QUIT' ? 300 : 0)
    const stopped = await stopAt(sink, { at: command('QUIT'), server: { behaviour: { delayMs } } })
    expect(stopped.ms).toBeGreaterThanOrEqual(290)
    expect(stopped.server.remaining()).toBe(0)
    expect(stopped.receipt).toMatchObject({ delivered: COUNT, deleted: COUNT })
  })

  it('a server that does not answer QUIT is waited for until the grace is over: what went to QUIT is told', async () => {
    const sink = new MemorySink()
    const delayMs = (verb: string) => (verb === 'QUIT' ? FOR_EVER_MS : 0)
    const server = { behaviour: { delayMs } }
    const stopped = await stopAt(sink, { at: command('QUIT'), server, stopGraceMs: 400 })
    expect(stopped.awakeMs).toBeLessThan(400 + AT_ONCE_MS)
    expect(stopped.receipt).toMatchObject({ delivered: COUNT, deleted: COUNT, verifiedGone: 0 })
  })

  it('without a grace nothing is deleted by half: the session is closed without QUIT', async () => {
    const sink = new MemorySink()
    const stopped = await stopAt(sink, { at: command('DELE', 1, 5), stopGraceMs: 0 })
    expect(stopped.awakeMs).toBeLessThan(AT_ONCE_MS)
    expect(stopped.receipt).toMatchObject({ delivered: COUNT, deleted: 0 })
    expect(stopped.server.remaining()).toBe(COUNT)
    await goesOn(stopped, sink)
  })
})

describe('the end of a drain', () => {
  it.each(['a stop', 'a failure'])(
    'comes when the source is closed, and the receipt says what it did until then: %s',
    async (how) => {
      const abort = new AbortController()
      let deleted = 0
      const source: Source = {
        ...{ name: 'slow', mailbox: 'user@example.org' },
        open: () =>
          new Readable({
            objectMode: true,
            read() {
              if (how === 'a stop') abort.abort()
              else this.destroy(new SinkError('MAILDRAIN_SINK_REFUSED', 'no'))
            },
            destroy(error, callback) {
              setTimeout(() => {
                deleted = 3
                callback(error)
              }, 100)
            },
          }),
        report: () => ({
          counts: {
            ...{ seen: 0, delivered: 0, alreadyDelivered: 0, filtered: 0 },
            ...{ deadLettered: 0, kept: 0, vanished: 0 },
          },
          ...{
            copies: 0,
            deleted,
            verifiedGone: 0,
            undeletable: 0,
            unselected: 0,
            waiting: 0,
            listingBytes: 0,
            openSeconds: 0,
            quitSeconds: 0,
            remaining: 0,
          },
          ...{ bytes: 0, sessions: 1 },
        }),
      }
      let receipt: Receipt | undefined
      const drained = drain({
        ...{ source, into: new MemorySink(), through: [], stopGraceMs: 20, stateDir },
        ...{ signal: abort.signal, onReceipt: (written) => (receipt = written) },
      })
      await expect(drained).rejects.toMatchObject({
        code: how === 'a stop' ? 'MAILDRAIN_STOPPED' : 'MAILDRAIN_SINK_REFUSED',
      })
      expect(receipt?.deleted).toBe(3)
    },
  )
})

describe('a stop while deletions are verified ends the drain at once', () => {
  it('in the look', async () => {
    const sink = new MemorySink()
    const delayMs = (verb: string, session: number) =>
      session > 1 && verb === 'STAT' ? FOR_EVER_MS : 0
    const stopped = await stopAt(sink, {
      at: command('STAT', 2),
      server: { behaviour: { delayMs } },
    })
    expect(stopped.awakeMs).toBeLessThan(AT_ONCE_MS)
    expect(stopped.receipt).toMatchObject({ deleted: COUNT, verifiedGone: 0 })
    await goesOn(stopped, sink)
  })

  it('before the look is repeated', async () => {
    const sink = new MemorySink()
    const stopped = await stopAt(sink, {
      at: command('QUIT', 2),
      server: { behaviour: { updateDelayMs: 500 } },
      source: { lookDelaysMs: [FOR_EVER_MS] },
    })
    expect(stopped.awakeMs).toBeLessThan(AT_ONCE_MS)
    await new Promise((resolve) => setTimeout(resolve, 600))
    await goesOn(stopped, sink)
  })
})
