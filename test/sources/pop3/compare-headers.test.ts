import { describe, expect, it } from 'vitest'
import type { Pop3SourceOptions } from '../../../src/sources/pop3/index.ts'
import {
  type Behaviour,
  type MailboxMessage,
  type Pop3Server,
  type Pop3ServerOptions,
  mailboxOf,
  uidls,
} from '../../../src/testing/index.ts'
import { type DrainTest, drainInto, serve } from '../../support/drains.ts'
import { MemorySink } from '../../support/memory-sink.ts'

const RECEIVED = 'Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\n'

/** @param head further lines of the header, of equal length for equal octets */
function message(index: number, head = RECEIVED): MailboxMessage {
  const n = String(index).padStart(4, '0')
  const raw = Buffer.from(`${head}Subject: ${n}\r\n\r\nbody of ${n}\r\n.a dot\r\n`, 'latin1')
  return { uidl: `uid-${n}`, octets: raw.length, read: () => raw }
}

const mailbox = (count: number, head?: string) => ({
  size: count,
  message: (index: number) => message(index, head),
})

const byHeaders = (server: Pop3Server, sink: MemorySink, source: Partial<Pop3SourceOptions> = {}) =>
  drainInto(server, sink, { source: { compare: 'headers', ...source } })

const verbs = (server: Pop3Server, verb: string, from = 0) =>
  server.log.slice(from).filter((each) => each.verb === verb).length

interface Notes {
  readonly headers: { readonly agreed: number; readonly differ: boolean }
  readonly uidlsRepeat: boolean
}
const notesOf = (sink: MemorySink) => JSON.parse(sink.ledger.host ?? '{}') as Notes

/** The host has shown that its TOP is to be believed. */
function believe(sink: MemorySink): void {
  const notes = { ...notesOf(sink), headers: { agreed: 32, differ: false } }
  sink.ledger.host = JSON.stringify(notes)
}

/** A mailbox that was delivered and kept, on a host whose TOP is believed unless said otherwise. */
async function delivered(
  count: number,
  options: Partial<Pop3ServerOptions> = {},
  change: DrainTest & { readonly believed?: boolean } = {},
) {
  const { believed = true, ...keep } = change
  const server = await serve(count, { mailbox: mailbox(count), ...options })
  const sink = new MemorySink()
  await drainInto(server, sink, { deletion: 'keep', ...keep })
  if (believed) believe(sink)
  // Entries of the same millisecond would be of this run.
  await new Promise((resolve) => setTimeout(resolve, 2))
  return { server, sink, begun: server.log.length }
}

describe("G6: compare: 'headers'", () => {
  it('deletes what an earlier run delivered without reading it once more', async () => {
    const { server, sink, begun } = await delivered(300)
    const receipt = await byHeaders(server, sink)
    expect(receipt).toMatchObject({ seen: 300, alreadyDelivered: 300, verifiedGone: 300 })
    expect(verbs(server, 'RETR', begun)).toBe(0)
    expect(verbs(server, 'TOP', begun)).toBe(300)
    expect(sink.records).toHaveLength(300)
    expect(server.remaining()).toBe(0)
  })

  it('reads what is new beside it', async () => {
    const { server, sink, begun } = await delivered(50)
    server.add(message(50))
    expect(await byHeaders(server, sink)).toMatchObject({ delivered: 1, alreadyDelivered: 50 })
    expect(verbs(server, 'RETR', begun)).toBe(1)
    expect(sink.records).toHaveLength(51)
  })

  it('goes on listing everything while there is mail to compare, and no longer', async () => {
    const { server, sink, begun } = await delivered(60)
    for (let i = 60; i < 75; i += 1) server.add(message(i))
    const source = { sessionMessages: 20, windowMessages: 5, quitDeletes: 'no' } as const
    expect(await byHeaders(server, sink, source)).toMatchObject({ verifiedGone: 75 })
    expect(verbs(server, 'TOP', begun)).toBe(60)
    expect(verbs(server, 'RETR', begun)).toBe(15)
  })

  it('binds each header block to its number by an echo, as it does with messages', async () => {
    const { server, sink, begun } = await delivered(64)
    await byHeaders(server, sink)
    const named = verbs(server, 'UIDL', begun) - 2
    // A complete listing, the probe, and one echo in 16 at least.
    expect(named).toBeGreaterThanOrEqual(64 / 16)
    let asked = false
    const wrong = await delivered(64)
    wrong.server.setBehaviour({
      replyOverride: (verb, argument, session) => {
        if (verb !== 'UIDL' || session !== 2 || argument !== '64') return undefined
        asked = true
        return '+OK 64 other\r\n'
      },
    })
    const receipt = await byHeaders(wrong.server, wrong.sink)
    expect(asked).toBe(true)
    expect(receipt).toMatchObject({ alreadyDelivered: 64, verifiedGone: 64 })
    expect(wrong.server.deletions.every(({ session }) => session > 2)).toBe(true)
  })

  it('compares both ways until 32 header blocks of a host were those of the messages', async () => {
    const { server, sink, begun } = await delivered(100, {}, { believed: false })
    await byHeaders(server, sink)
    // The first was asked for alone.
    expect([verbs(server, 'TOP', begun), verbs(server, 'RETR', begun)]).toEqual([100, 33])
    expect(notesOf(sink)).toMatchObject({ headers: { agreed: 32, differ: false } })
    for (let i = 100; i < 110; i += 1) server.add(message(i))
    await drainInto(server, sink, { deletion: 'keep' })
    await new Promise((resolve) => setTimeout(resolve, 2))
    const later = server.log.length
    expect(await byHeaders(server, sink)).toMatchObject({ alreadyDelivered: 10, verifiedGone: 10 })
    expect(verbs(server, 'RETR', later)).toBe(0)
  })

  it('reads messages that have no Received line', async () => {
    const { server, sink, begun } = await delivered(8, {
      mailbox: mailbox(8, 'X-Received: no\r\n'),
    })
    expect(await byHeaders(server, sink)).toMatchObject({ alreadyDelivered: 8, verifiedGone: 8 })
    expect(verbs(server, 'RETR', begun)).toBe(8)
  })

  it('reads what this run has delivered, after a session that was lost', async () => {
    const { server, sink, begun } = await delivered(1)
    for (let i = 1; i < 30; i += 1) server.add(message(i))
    server.setBehaviour({ dropAfterCommands: (session) => (session === 2 ? 60 : undefined) })
    const receipt = await byHeaders(server, sink, { listing: 'full' })
    expect(receipt).toMatchObject({ delivered: 29, alreadyDelivered: 1, verifiedGone: 30 })
    expect(verbs(server, 'RETR', begun)).toBeGreaterThan(29)
    const tops = server.log.slice(begun).filter(({ verb }) => verb === 'TOP')
    expect(new Set(tops.map(({ argument }) => argument))).toEqual(new Set(['1 0']))
    expect(sink.records).toHaveLength(30)
  })

  it('reads where octets are others than they were, where entries have copies, and where unique-ids repeat', async () => {
    const kept = async (change: (sink: MemorySink) => void, behaviour: Behaviour = {}) => {
      const { server, sink, begun } = await delivered(6, { behaviour })
      change(sink)
      const receipt = await byHeaders(server, sink)
      expect(receipt).toMatchObject({ alreadyDelivered: 6, verifiedGone: 6 })
      expect(sink.records).toHaveLength(6)
      return verbs(server, 'RETR', begun)
    }
    const alter = (change: object) => (sink: MemorySink) => {
      for (const [key, entry] of sink.ledger.entries)
        if (entry.uidl === 'uid-0002') sink.ledger.entries.set(key, { ...entry, ...change })
    }
    expect(await kept(() => undefined)).toBe(0)
    expect(await kept(alter({ listedOctets: 7 }))).toBe(1)
    expect(await kept(alter({ copies: 1 }))).toBe(1)
    expect(await kept(alter({ headerSha256: null }))).toBe(1)
    expect(await kept(() => undefined, { uidlOf: uidls.duplicated(3) })).toBe(6)
    const repeat = (sink: MemorySink) => {
      sink.ledger.host = JSON.stringify({ ...notesOf(sink), uidlsRepeat: true })
    }
    expect(await kept(repeat)).toBe(6)
  })

  it('delivers other mail under a known unique-id, whatever its octets, and trusts the host no longer', async () => {
    const { server, sink, begun } = await delivered(20)
    server.remove(3)
    const other = message(3, RECEIVED.replace('00:00:00', '11:11:11'))
    expect(other.octets).toBe(message(3).octets)
    server.add(other)
    const receipt = await byHeaders(server, sink)
    expect(receipt).toMatchObject({ delivered: 1, alreadyDelivered: 19, verifiedGone: 20 })
    expect(sink.records.at(-1)?.value.raw.equals(other.read())).toBe(true)
    expect(verbs(server, 'RETR', begun)).toBeGreaterThanOrEqual(1)
    expect(notesOf(sink).uidlsRepeat).toBe(true)
  })

  it('never again trusts a TOP that was not that of the message', async () => {
    const head = `${RECEIVED}X-Folded: a\r\n`
    const dotted = Array.from({ length: 10 }, (_, i) =>
      Buffer.from(`${head}.dotted: ${i}\r\n\r\nbody\r\n`, 'latin1'),
    )
    const { server, sink, begun } = await delivered(10, {
      ...{ mailbox: mailboxOf(dotted), behaviour: { top: 'unstuffed' } },
    })
    expect(await byHeaders(server, sink)).toMatchObject({ alreadyDelivered: 10, verifiedGone: 10 })
    expect(verbs(server, 'RETR', begun)).toBe(10)
    expect(notesOf(sink).headers.differ).toBe(true)
    for (let i = 20; i < 25; i += 1) server.add(message(i))
    await drainInto(server, sink, { deletion: 'keep' })
    await new Promise((resolve) => setTimeout(resolve, 2))
    const later = server.log.length
    await byHeaders(server, sink)
    expect([verbs(server, 'TOP', later), verbs(server, 'RETR', later)]).toEqual([0, 5])
  })

  it('manages with servers whose TOP gives whole messages', async () => {
    const { server, sink, begun } = await delivered(40, { behaviour: { top: 'whole' } })
    expect(await byHeaders(server, sink)).toMatchObject({ alreadyDelivered: 40, verifiedGone: 40 })
    expect(verbs(server, 'RETR', begun)).toBe(0)
  })

  it('asks a server without TOP three times, and then reads', async () => {
    for (const maxErrors of [undefined, 5]) {
      const { server, sink, begun } = await delivered(60, { behaviour: { noTop: true, maxErrors } })
      const receipt = await byHeaders(server, sink)
      expect(receipt).toMatchObject({ alreadyDelivered: 60, verifiedGone: 60 })
      expect(verbs(server, 'TOP', begun)).toBe(3)
      expect(verbs(server, 'RETR', begun)).toBe(60)
    }
  })

  it('a message whose TOP is refused is read', async () => {
    const { server, sink, begun } = await delivered(20)
    server.setBehaviour({
      replyOverride: (verb, argument) =>
        verb === 'TOP' && argument === '7 0' ? '-ERR no\r\n' : undefined,
    })
    expect(await byHeaders(server, sink)).toMatchObject({ alreadyDelivered: 20, verifiedGone: 20 })
    expect(verbs(server, 'RETR', begun)).toBe(1)
  })

  it('a message whose header ends the session does not keep others from being compared and deleted', async () => {
    const { server, sink } = await delivered(30)
    server.setBehaviour({ cutMessages: (index) => (index === 7 ? 10 : undefined) })
    const receipt = await byHeaders(server, sink)
    expect(receipt).toMatchObject({ kept: 1, deleted: 29, verifiedGone: 29 })
    expect(server.remainingIndexes()).toEqual([7])
  })

  it('G2: QUITs where QUIT removes what was read', async () => {
    const { server, sink } = await delivered(10, { capabilities: { expire: '0' } })
    expect(await byHeaders(server, sink)).toMatchObject({ sessions: 3, verifiedGone: 10 })
  })

  it('G10: takes credit for header blocks', async () => {
    const { server, sink } = await delivered(40)
    const maxInFlightBytes = 1024 * 1024
    const receipt = await drainInto(server, sink, {
      ...{ source: { compare: 'headers' }, maxInFlightBytes, maxMessageBytes: maxInFlightBytes },
    })
    expect(receipt).toMatchObject({ alreadyDelivered: 40, verifiedGone: 40 })
  })
})
