import { describe, expect, it } from 'vitest'
import { MaildrainError, SinkError } from '../../../../src/errors.ts'
import { drainInto, serve } from '../../../support/drains.ts'
import { MemorySink } from '../../../support/memory-sink.ts'
import { proveDrain } from '../../../support/proven-drain.ts'

const nothingWrong = { lost: [], doubled: [], foreign: 0, premature: [] }

const tooLarge = (): MaildrainError => new SinkError('MAILDRAIN_SINK_RECORD_TOO_LARGE', 'no')

describe('DELE', () => {
  it('case 87: acknowledgements out of order let only their own messages be deleted', async () => {
    const server = await serve(6)
    const sink = new MemorySink()
    let answered = 0
    sink.beforeWrite = ({ messages }) => {
      answered += messages.length
    }
    // The first is rejected in the batch and accepted alone, behind the others; the fourth never.
    sink.reject = (key) => {
      const { uidl } = sink.batches.at(-1)!.messages.find(({ entry }) => entry.key === key)!.entry
      return uidl === 'uid-3' || (uidl === 'uid-0' && answered <= 6) ? tooLarge() : undefined
    }
    const receipt = await drainInto(server, sink, { lingerMs: 300 })
    const order = sink.records.map(({ value }) => value.uidl)
    expect(order.indexOf('uid-0')).toBeGreaterThan(order.indexOf('uid-5'))
    expect(server.remainingIndexes()).toEqual([3])
    expect(receipt).toMatchObject({ delivered: 5, kept: 1, deleted: 5, verifiedGone: 5 })
  })

  it('case 88: a refused DELE changes nothing in the ledger and is tried again in the next session', async () => {
    const proof = await proveDrain({
      messages: 9,
      behaviour: {
        deleError: (index, session) => (index === 4 && session === 1 ? 'no' : undefined),
      },
    })
    expect(proof).toMatchObject({ ...nothingWrong, left: [] })
    const { log } = proof.server
    expect(log.filter(({ verb, session }) => verb === 'DELE' && session === 1)).toHaveLength(9)
    expect(log.filter(({ verb, session }) => verb === 'DELE' && session > 1)).toHaveLength(1)
    expect(proof.receipt).toMatchObject({ delivered: 9, deleted: 9, verifiedGone: 9 })
  })

  it('case 88: a DELE that is always refused is given up by name, and all others are deleted', async () => {
    const proof = await proveDrain({
      messages: 9,
      behaviour: { deleError: (index) => (index === 4 ? 'no' : undefined) },
    })
    expect(proof).toMatchObject({ ...nothingWrong, left: [4] })
    expect(proof.receipt).toMatchObject({
      delivered: 9,
      deleted: 8,
      undeletable: 1,
      verifiedGone: 8,
      remaining: 1,
    })
    const kept = [...proof.sink.ledger.entries.values()].filter(({ state }) => state === 'kept')
    expect(kept).toMatchObject([{ uidl: 'uid-4', reason: 'undeletable' }])
  })

  it.each(['\r\n', 'garbage\r\n'])(
    'case 88: a message whose DELE is answered by %j keeps no other from being deleted',
    async (reply) => {
      const proof = await proveDrain({
        behaviour: { deleReply: (index) => (index === 5 ? reply : undefined) },
      })
      expect(proof).toMatchObject({ ...nothingWrong, left: [5], stopped: undefined })
      expect(proof.receipt).toMatchObject({ delivered: 24, verifiedGone: 23, remaining: 1 })
    },
  )
})

describe('QUIT', () => {
  it('case 89: +OK proves nothing: what is listed again is deleted again and not written again', async () => {
    const ignoring = (session: number) => session === 1
    const proof = await proveDrain({ messages: 8, behaviour: { ignoreDeletes: ignoring } })
    expect(proof).toMatchObject({ ...nothingWrong, left: [] })
    expect(proof.server.log.filter(({ verb }) => verb === 'DELE')).toHaveLength(16)
    expect(proof.sink.records).toHaveLength(8)
    expect([...proof.sink.ledger.entries.values()].every(({ state }) => state === 'gone')).toBe(
      true,
    )
    expect(proof.receipt).toMatchObject({ delivered: 8, deleted: 8, verifiedGone: 8 })
  })

  it('case 90: -ERR means some or none: the next look decides, and the rest is deleted again', async () => {
    const proof = await proveDrain({
      messages: 8,
      behaviour: { quitError: (session) => (session === 1 ? 'half' : undefined) },
    })
    expect(proof).toMatchObject({ ...nothingWrong, left: [] })
    const again = proof.server.log.filter(({ verb, session }) => verb === 'DELE' && session > 1)
    expect(again).toHaveLength(4)
    expect(proof.receipt).toMatchObject({ deleted: 8, verifiedGone: 8 })
  })

  it('case 93: where QUIT removes what was read, a stop without a grace closes without it', async () => {
    const server = await serve(12, {
      capabilities: { expire: '0' },
      behaviour: { quitRemovesRead: true },
    })
    const sink = new MemorySink()
    const abort = new AbortController()
    sink.beforeWrite = () => {
      abort.abort()
      return new Promise((resolve) => setTimeout(resolve, 10))
    }
    const change = { signal: abort.signal, batchMaxMessages: 4, stopGraceMs: 0 }
    await expect(drainInto(server, sink, change)).rejects.toMatchObject({
      code: 'MAILDRAIN_STOPPED',
    })
    expect(server.log.map(({ verb }) => verb)).toContain('RETR')
    expect(server.log.map(({ verb }) => verb)).not.toContain('QUIT')
    expect(server.remaining()).toBe(12)
  })

  it('case 94: where QUIT removes what was read, it is sent once everything is durable', async () => {
    const journal: string[] = []
    const sink = new MemorySink(journal)
    const server = await serve(12, {
      capabilities: { expire: '0' },
      behaviour: { quitRemovesRead: true },
      onEvent: ({ verb, session }) => {
        if (verb === 'QUIT' && session === 1) journal.push('QUIT')
      },
    })
    await drainInto(server, sink, { batchMaxMessages: 4 })
    const delivered = journal.slice(0, journal.indexOf('QUIT'))
    expect(delivered.filter((line) => line.startsWith('commit delivered'))).toHaveLength(12)
    expect(server.remaining()).toBe(0)
  })
})
