import { describe, expect, it } from 'vitest'
import type { Logger } from '../../../src/logger.ts'
import { pop3 } from '../../../src/sources/pop3/index.ts'
import type { Pop3Server } from '../../../src/testing/index.ts'
import { type DrainTest, delivered, drainInto, serve, texts } from '../../support/drains.ts'
import { MemorySink } from '../../support/memory-sink.ts'

const keep = (server: Pop3Server, sink: MemorySink, change: DrainTest = {}) =>
  drainInto(server, sink, { deletion: 'keep', ...change })

const quits = (server: Pop3Server) => server.log.filter(({ verb }) => verb === 'QUIT').length
const odd = (record: { uidl: string }) => (Number(record.uidl.slice(4)) % 2 ? record : null)

function listen() {
  const warned: string[] = []
  const silent = () => undefined
  const warn = (_: object, text: string) => void warned.push(text)
  const log: Logger = { debug: silent, info: silent, warn, error: silent }
  const about = (words: string) => warned.filter((text) => text.includes(words)).length
  return { log, about }
}

/** Gmail: a part of the mailbox, and QUIT hides what was read. */
const GMAIL = {
  behaviour: { quitHidesRead: true, cappedView: 10 },
  capabilities: { expire: '0' },
} as const

describe('G2: without deletion, where QUIT removes what was read', () => {
  it('a session that has read closes without QUIT, and says once that a part of a mailbox does not move on', async () => {
    const server = await serve(25, GMAIL)
    const sink = new MemorySink()
    const { log, about } = listen()
    const source = { sessionMessages: 4 }
    const receipt = await keep(server, sink, { log, source })
    expect(receipt).toMatchObject({ delivered: 10, remaining: 10 })
    expect(quits(server)).toBe(0)
    expect(about('--accept-server-disposal')).toBe(1)
    expect(server.visibleIndexes()).toHaveLength(25)
  })

  it('acceptServerDisposal lets QUIT dispose of it, says so, and drains the view part by part', async () => {
    const server = await serve(25, GMAIL)
    const sink = new MemorySink()
    const { log, about } = listen()
    const receipt = await keep(server, sink, { log, source: { acceptServerDisposal: true } })
    expect(receipt).toMatchObject({ seen: 25, delivered: 25, deleted: 0, remaining: 0 })
    expect(about('as was accepted')).toBe(1)
    expect(delivered(sink).sort()).toEqual(texts(25).sort())
    expect(server.log.filter(({ verb }) => verb === 'DELE')).toEqual([])
  })

  it('but not of what is not durable', async () => {
    const server = await serve(10, GMAIL)
    const sink = new MemorySink()
    const source = { acceptServerDisposal: true }
    const receipt = await keep(server, sink, { source, through: [odd] })
    expect(receipt).toMatchObject({ delivered: 5, filtered: 5 })
    expect(quits(server)).toBe(0)
    expect(server.visibleIndexes()).toHaveLength(10)
  })

  it('where only what was deleted goes, nothing is said', async () => {
    const server = await serve(5)
    const { log, about } = listen()
    const source = { quitDeletes: 'no', acceptServerDisposal: true } as const
    expect(await keep(server, new MemorySink(), { log, source })).toMatchObject({ sessions: 1 })
    expect(about('QUIT')).toBe(0)
  })

  it('acceptServerDisposal goes without deletion', async () => {
    const server = await serve(1)
    const source = { acceptServerDisposal: true }
    await expect(drainInto(server, new MemorySink(), { source })).rejects.toMatchObject({
      code: 'MAILDRAIN_CONFIG_INVALID',
    })
  })
})

describe('retryKept', () => {
  for (const deletion of ['keep', 'delete'] as const)
    it(`tries again what a filter has kept, once a run, with deletion: ${deletion}`, async () => {
      const server = await serve(12, {}, () => '')
      const sink = new MemorySink()
      let asked = 0
      const through = [(record: { uidl: string }) => ((asked += 1), odd(record))]
      await drainInto(server, sink, { deletion, through })
      expect(asked).toBe(12)
      const again = await drainInto(server, sink, { deletion, through })
      expect([asked, again.filtered]).toEqual([12, 6])
      const retried = await drainInto(server, sink, {
        deletion,
        through,
        source: { retryKept: true },
      })
      expect([asked, retried.filtered]).toEqual([18, 6])
      expect(server.remaining()).toBe(deletion === 'keep' ? 12 : 6)
    })
})

describe('the view of the last 30 days (recent:)', () => {
  const source = (user: string) => pop3({ host: 'h', auth: { user, password: 'p' } })

  it('is not deleted from: what was read is shown again', () => {
    for (const user of ['recent:me@gmail.com', 'RECENT:me@gmail.com'])
      expect(() => source(user).checkDeletion?.(true)).toThrow(/delete as me@gmail\.com$/)
    expect(() => source('recent@example.org').checkDeletion?.(true)).not.toThrow()
  })

  it('may be drained', () => {
    expect(() => source('recent:me@gmail.com').checkDeletion?.(false)).not.toThrow()
  })

  it('is refused before anything is opened', async () => {
    const server = await serve(1, { user: 'recent:me' })
    const sink = new MemorySink()
    const auth = { user: 'recent:me', password: 'secret' }
    await expect(drainInto(server, sink, { source: { auth } })).rejects.toMatchObject({
      code: 'MAILDRAIN_CONFIG_INVALID',
    })
    expect([server.sessions, sink.opened]).toEqual([0, 0])
    expect(await keep(server, sink, { source: { auth } })).toMatchObject({ delivered: 1 })
  })
})
