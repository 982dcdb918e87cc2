import { describe, expect, it } from 'vitest'
import { SinkError } from '../../../src/errors.ts'
import { delivered, drainInto, serve, texts } from '../../support/drains.ts'
import { MemorySink } from '../../support/memory-sink.ts'

describe('a drain with deletion', () => {
  it('delivers every message once with its exact bytes, empties the mailbox and proves it', async () => {
    const server = await serve(57)
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    expect(delivered(sink).sort()).toEqual(texts(57).sort())
    expect(server.remaining()).toBe(0)
    expect(receipt).toMatchObject({
      ...{ seen: 57, delivered: 57, alreadyDelivered: 0, kept: 0, vanished: 0 },
      ...{ deleted: 57, verifiedGone: 57, remaining: 0, sessions: 3, copies: 0 },
    })
    expect([...sink.ledger.entries.values()].every(({ state }) => state === 'gone')).toBe(true)
    expect(sink.closed).toBe(1)
  })

  it('cuts the work into sessions and still deletes everything', async () => {
    const server = await serve(25)
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink, { source: { sessionMessages: 10 } })
    expect(receipt).toMatchObject({ delivered: 25, deleted: 25, verifiedGone: 25, sessions: 5 })
    expect(server.remaining()).toBe(0)
  })

  it('an empty mailbox is drained after two empty sessions', async () => {
    const server = await serve(0)
    const receipt = await drainInto(server, new MemorySink())
    expect(receipt).toMatchObject({ seen: 0, deleted: 0, sessions: 2 })
  })

  it('case 86: G1: no DELE is sent before the message and its ledger entry are committed', async () => {
    const journal: string[] = []
    const sink = new MemorySink(journal)
    sink.beforeWrite = () => new Promise((resolve) => setTimeout(resolve, 20))
    const server = await serve(30, {
      onEvent: (event) => {
        if (event.verb === 'DELE') journal.push(`DELE ${event.argument} of ${event.session}`)
      },
    })
    await drainInto(server, sink, { source: { sessionMessages: 10 }, batchMaxMessages: 3 })
    const committed = new Set<string>()
    let deletions = 0
    for (const line of journal) {
      const [what, , uidl] = line.split(' ')
      if (what === 'commit') committed.add(uidl!)
      else deletions += 1
      if (what === 'DELE') expect(committed.size).toBeGreaterThanOrEqual(deletions)
    }
    expect(deletions).toBe(30)
  })

  it('G1: a destination that refuses everything deletes nothing, and the session is left without QUIT', async () => {
    const server = await serve(5)
    const sink = new MemorySink()
    sink.beforeWrite = () => {
      throw new SinkError('MAILDRAIN_SINK_REFUSED', 'no')
    }
    await expect(drainInto(server, sink)).rejects.toMatchObject({ code: 'MAILDRAIN_SINK_REFUSED' })
    expect(server.remaining()).toBe(5)
    const verbs = server.log.map(({ verb }) => verb)
    expect(verbs).not.toContain('DELE')
    expect(verbs).not.toContain('QUIT')
  })

  it('G1: refuses to delete for a destination without durability', async () => {
    const server = await serve(1)
    const drained = drainInto(server, new MemorySink([], 'none'))
    await expect(drained).rejects.toMatchObject({ code: 'MAILDRAIN_CONFIG_DURABILITY' })
    expect(server.sessions).toBe(0)
  })

  it('case 97: G9: reads, then deletes, then QUITs, and nothing else after the first DELE', async () => {
    const server = await serve(20)
    await drainInto(server, new MemorySink(), { source: { sessionMessages: 7 } })
    for (let session = 1; session <= server.sessions; session += 1) {
      const commands = server.log.filter((command) => command.session === session)
      const verbs = commands.map(({ verb }) => verb)
      const first = verbs.indexOf('DELE')
      expect(verbs).not.toContain('RSET')
      if (first >= 0)
        expect(verbs.slice(first).every((verb) => ['DELE', 'NOOP', 'QUIT'].includes(verb))).toBe(
          true,
        )
    }
  })

  it('a lost acknowledgement that is written again gives each message once', async () => {
    const server = await serve(12)
    const sink = new MemorySink()
    let times = 0
    sink.beforeWrite = () => {
      if (times++ === 0) throw new SinkError('MAILDRAIN_SINK_UNREACHABLE', 'restarting')
    }
    const receipt = await drainInto(server, sink)
    expect(receipt.delivered).toBe(12)
    expect(sink.records).toHaveLength(12)
  })
})

describe('a drain without deletion', () => {
  it('leaves the mail, and the next run neither reads nor writes it again', async () => {
    const server = await serve(9)
    const sink = new MemorySink()
    const first = await drainInto(server, sink, { deletion: 'keep' })
    expect(first).toMatchObject({ delivered: 9, deleted: 0, remaining: 9, sessions: 1 })
    const second = await drainInto(server, sink, { deletion: 'keep' })
    expect(second).toMatchObject({ delivered: 0, alreadyDelivered: 9, remaining: 9 })
    expect(sink.records).toHaveLength(9)
    expect(server.remaining()).toBe(9)
    expect(server.log.filter(({ verb }) => verb === 'RETR')).toHaveLength(9)
    expect(server.log.filter(({ verb }) => verb === 'DELE')).toHaveLength(0)
  })

  it('G2: closes without QUIT after reading, unless the host is known to leave what was read', async () => {
    const unknown = await serve(3)
    await drainInto(unknown, new MemorySink(), { deletion: 'keep' })
    expect(unknown.log.map(({ verb }) => verb)).not.toContain('QUIT')
    const known = await serve(3, { capabilities: { expire: 'NEVER' } })
    await drainInto(known, new MemorySink(), { deletion: 'keep' })
    expect(known.log.map(({ verb }) => verb)).toContain('QUIT')
  })

  it('G2: keeps the mail even on a server whose QUIT removes what was read', async () => {
    const server = await serve(6, {
      capabilities: { expire: '0' },
      behaviour: { quitRemovesRead: true },
    })
    const receipt = await drainInto(server, new MemorySink(), { deletion: 'keep' })
    expect(receipt.delivered).toBe(6)
    expect(server.remaining()).toBe(6)
  })

  it('case 63, fault 22: is refused on a server without unique-ids', async () => {
    const server = await serve(2, { behaviour: { noUidl: true } })
    await expect(drainInto(server, new MemorySink(), { deletion: 'keep' })).rejects.toMatchObject({
      code: 'MAILDRAIN_CONFIG_KEEP_NEEDS_UIDL',
    })
  })

  it('followed by one with deletion compares, writes nothing again and deletes', async () => {
    const server = await serve(8)
    const sink = new MemorySink()
    await drainInto(server, sink, { deletion: 'keep' })
    const receipt = await drainInto(server, sink)
    expect(receipt).toMatchObject({
      delivered: 0,
      alreadyDelivered: 8,
      deleted: 8,
      verifiedGone: 8,
    })
    expect(sink.records).toHaveLength(8)
    expect(server.remaining()).toBe(0)
  })
})

describe('G10: the limit', () => {
  it('a message over it is not asked for, kept and named', async () => {
    const server = await serve(5, {}, (index) => (index === 2 ? 'x'.repeat(3000) : ''))
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink, { maxMessageBytes: 2000 })
    expect(receipt).toMatchObject({ delivered: 4, kept: 1, remaining: 1 })
    expect(server.log.filter(({ verb }) => verb === 'RETR')).toHaveLength(4)
    expect(server.remainingIndexes()).toEqual([2])
  })

  it('case 79: a message that outgrows it while it is read is discarded to its end and kept', async () => {
    const server = await serve(
      5,
      { behaviour: { announce: (index: number, octets: number) => (index === 2 ? 50 : octets) } },
      (index) => (index === 2 ? 'x'.repeat(3000) : ''),
    )
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink, { maxMessageBytes: 2000 })
    expect(receipt).toMatchObject({ delivered: 4, kept: 1 })
    expect(server.remainingIndexes()).toEqual([2])
  })
})

it('what did not fit into a session in which all was given up is drained by the next', async () => {
  const server = await serve(20, { behaviour: { ignoreDeletes: true } })
  const source = { sessionMessages: 3, quitDeletes: 'no' as const, lookDelaysMs: [] }
  const sink = new MemorySink()
  const receipt = await drainInto(server, sink, { source })
  expect(receipt).toMatchObject({ seen: 20, delivered: 20, remaining: 20 })
  expect(receipt.undeletable).toBeGreaterThan(0)
})

describe('transforms', () => {
  it('G3: what a transform filters stays on the server and is not read again', async () => {
    const server = await serve(10, { capabilities: { expire: 'NEVER' } })
    const sink = new MemorySink()
    const odd = (record: { uidl: string }) =>
      Number(record.uidl.slice(4)) % 2 === 1 ? record : null
    const receipt = await drainInto(server, sink, { through: [odd] })
    expect(receipt).toMatchObject({ delivered: 5, filtered: 5, kept: 0, deleted: 5, remaining: 5 })
    expect(server.remainingIndexes()).toEqual([0, 2, 4, 6, 8])
    const before = server.log.filter(({ verb }) => verb === 'RETR').length
    const second = await drainInto(server, sink, { through: [odd] })
    expect(second).toMatchObject({ delivered: 0, filtered: 5 })
    expect(server.log.filter(({ verb }) => verb === 'RETR')).toHaveLength(before)
  })

  it('G2: on a host that may remove what was read, filtered mail stays and the rest is deleted', async () => {
    const server = await serve(10, { behaviour: { quitRemovesRead: true } })
    const odd = (record: { uidl: string }) =>
      Number(record.uidl.slice(4)) % 2 === 1 ? record : null
    const receipt = await drainInto(server, new MemorySink(), { through: [odd] })
    expect(receipt).toMatchObject({ delivered: 5, filtered: 5, verifiedGone: 5 })
    expect(server.remainingIndexes()).toEqual([0, 2, 4, 6, 8])
  })

  it('G3: a transform that throws keeps its message and the drain goes on', async () => {
    const server = await serve(6)
    const fussy = (record: { uidl: string }) => {
      if (record.uidl === 'uid-3') throw new Error('cannot')
      return record
    }
    const receipt = await drainInto(server, new MemorySink(), { through: [fussy] })
    expect(receipt).toMatchObject({ delivered: 5, kept: 1, verifiedGone: 5 })
    expect(server.remainingIndexes()).toEqual([3])
  })

  it('G4: the several records of a message are one unit', async () => {
    const server = await serve(3)
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink, {
      through: [(record: object) => [record, record]],
    })
    expect(receipt).toMatchObject({ delivered: 3, deleted: 3 })
    expect(sink.records).toHaveLength(6)
    expect(sink.records.map(({ key }) => key).filter((key) => key.endsWith('.1'))).toHaveLength(3)
  })
})

describe('lost connections', () => {
  it('a server that drops every session after some octets is drained all the same', async () => {
    const server = await serve(40, { behaviour: { dropAfterOctets: 4000 } })
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink)
    expect(sink.records).toHaveLength(40)
    expect(receipt).toMatchObject({ delivered: 40, verifiedGone: 40 })
    expect(server.remaining()).toBe(0)
  })

  it('case 103, fault 27: a busy mailbox is waited for', async () => {
    const server = await serve(3, { behaviour: { inUse: 3 } })
    const receipt = await drainInto(server, new MemorySink())
    expect(receipt.delivered).toBe(3)
  })

  it('fault 30: a rejected password is not tried again', async () => {
    const server = await serve(3, { password: 'another' })
    await expect(drainInto(server, new MemorySink())).rejects.toMatchObject({
      code: 'MAILDRAIN_POP3_AUTH_REJECTED',
    })
    expect(server.sessions).toBeLessThanOrEqual(1)
  })

  it('case 95: a stop without a grace leaves the session without QUIT and everything on the server', async () => {
    const server = await serve(50)
    const sink = new MemorySink()
    const abort = new AbortController()
    sink.beforeWrite = () => {
      abort.abort()
      return new Promise((resolve) => setTimeout(resolve, 20))
    }
    const change = { signal: abort.signal, batchMaxMessages: 10, stopGraceMs: 0 }
    await expect(drainInto(server, sink, change)).rejects.toMatchObject({
      code: 'MAILDRAIN_STOPPED',
    })
    expect(server.remaining()).toBe(50)
    sink.beforeWrite = () => undefined
    const receipt = await drainInto(server, sink)
    expect(sink.records).toHaveLength(50)
    expect(receipt).toMatchObject({ seen: 50, verifiedGone: 50 })
  })
})
