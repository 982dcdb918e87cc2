import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../../../src/clock.ts'
import { drain } from '../../../../src/pipeline/drain.ts'
import { SqliteDatabase } from '../../../../src/ledger/sqlite-database.ts'
import { sqlite } from '../../../../src/sinks/sqlite/index.ts'
import { pop3 } from '../../../../src/sources/pop3/index.ts'
import { likeness, startPop3Server } from '../../../../src/testing/index.ts'
import { drainInto, serve } from '../../../support/drains.ts'
import { MemorySink } from '../../../support/memory-sink.ts'
import { knownMailbox } from '../../../support/known-mailbox.ts'
import { proveDrain, sha256 } from '../../../support/proven-drain.ts'

const nothingWrong = { lost: [], doubled: [], foreign: 0, premature: [] }

/** Node's are by up to 2 ms. */
const earlyClock: Clock = {
  ...systemClock,
  timer: (ms, fire, unref) => systemClock.timer(Math.max(0, ms - 10), fire, unref),
}

describe('numbers and order', () => {
  it.each([undefined, { write: 3, when: 'before' }, { write: 3, when: 'after' }] as const)(
    'case 98: numbers that are others in each session: the right messages are deleted (crash: %j)',
    async (crash) => {
      const proof = await proveDrain({
        ...{ messages: 40, crash, source: { sessionMessages: 7 } },
        behaviour: { renumber: true },
      })
      expect(proof).toMatchObject({ ...nothingWrong, left: [], stopped: undefined })
      const removed = proof.server.deletions.map(({ index }) => index).sort((a, b) => a - b)
      expect(removed).toEqual(Array.from({ length: 40 }, (_, i) => i))
    },
  )

  it.each(['newest-first', 'shuffled'] as const)(
    'case 99: a server that lists %s',
    async (order) => {
      const proof = await proveDrain({
        ...{ messages: 40, source: { sessionMessages: 7 } },
        behaviour: { order },
      })
      expect(proof).toMatchObject({ ...nothingWrong, left: [], stopped: undefined })
      expect(proof.receipt).toMatchObject({ delivered: 40, verifiedGone: 40 })
    },
  )
})

describe('views', () => {
  it.each([
    ['the oldest', { cappedView: 10 }],
    ['the newest', { newestView: 10 }],
  ])(
    'case 100: a view of %s that never moves on ends the drain, and says so',
    async (_name, view) => {
      const proof = await proveDrain({
        messages: 30,
        behaviour: { ...view, ignoreDeletes: true },
      })
      expect(proof).toMatchObject({ ...nothingWrong, stopped: undefined })
      expect(proof.left).toHaveLength(30)
      expect(proof.receipt).toMatchObject({ delivered: 10, verifiedGone: 0, remaining: 10 })
    },
  )

  it('case 102, fault 26: a second client deletes what is about to be read: the rest is drained, the difference counted', async () => {
    const taken = [7, 8, 15]
    const server = await serve(20, {
      onEvent: ({ verb, argument }) => {
        if (verb === 'RETR' && argument === '1') for (const index of taken) server.remove(index)
      },
    })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    const uidls = sink.records.map(({ value }) => value.uidl)
    const expected = Array.from({ length: 20 }, (_, i) => i).filter((i) => !taken.includes(i))
    expect(uidls.sort()).toEqual(expected.map((i) => `uid-${i}`).sort())
    expect(receipt).toMatchObject({ seen: 20, delivered: 17, vanished: 3, kept: 0, remaining: 0 })
  })

  it.each([
    ['', systemClock],
    [', also with timers that are early', earlyClock],
  ])(
    'case 104, fault 28: LOGIN-DELAY is kept between sessions, so that no login is refused%s',
    async (_, clock) => {
      const logins: number[] = []
      const server = await serve(3, {
        behaviour: { loginDelay: 1 },
        onEvent: ({ kind, at }) => {
          if (kind === 'login') logins.push(at)
        },
      })
      await drainInto(server, new MemorySink(), { clock })
      expect(logins.length).toBeGreaterThanOrEqual(3)
      for (let i = 1; i < logins.length; i += 1)
        expect(logins[i]! - logins[i - 1]!).toBeGreaterThanOrEqual(1000)
      expect(server.sessions).toBe(logins.length)
    },
  )
})

describe('likenesses of servers, into SQLite', () => {
  it.each(['gmail', 'wildduck', 'courier', 'cyrus', 'james', 'dovecot', 'stalwart'] as const)(
    'a server like %s: every message once, bytes equal',
    async (name) => {
      const mailbox = knownMailbox(40)
      const server = await startPop3Server({
        mailbox,
        ...likeness(name, { behaviour: { loginDelay: undefined } }),
      })
      const path = join(mkdtempSync(join(tmpdir(), 'maildrain-likeness-')), 'mail.db')
      try {
        const receipt = await drain({
          source: pop3({
            ...{ host: server.host, port: server.port, tls: 'none' },
            ...{ auth: { user: 'user', password: 'secret' }, lookDelaysMs: [5, 30, 60] },
            retryInitialMs: 5,
          }),
          into: sqlite({ path }),
          ...{ through: [], deletion: 'delete', lingerMs: 5 },
        })
        expect(receipt).toMatchObject({ delivered: 40, verifiedGone: 40, remaining: 0 })
        expect(server.visibleIndexes()).toEqual([])
      } finally {
        await server.close()
      }
      const database = SqliteDatabase.openReader(path, { busyTimeoutMs: 100 })
      const rows = database.prepare('SELECT raw FROM messages').rows()
      const stored = [...rows].map(([raw]) => sha256(raw as Uint8Array))
      database.close()
      const wanted = Array.from({ length: 40 }, (_, i) => sha256(mailbox.message(i).read()))
      expect(stored.sort()).toEqual(wanted.sort())
    },
  )
})
