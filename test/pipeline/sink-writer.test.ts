import { describe, expect, it } from 'vitest'
import { MaildrainError, SinkError } from '../../src/errors.ts'
import { silentLogger } from '../../src/logger.ts'
import type { BatchItem } from '../../src/pipeline/batcher.ts'
import type { Verdict } from '../../src/pipeline/delivery.ts'
import { SinkWriter } from '../../src/pipeline/sink-writer.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'
import { MemorySink } from '../support/memory-sink.ts'
import { MAILBOX, entryFor, rawMessage } from '../support/messages.ts'
import { unparsedRecord } from '../../src/message.ts'

function setup(sinkPatienceMs = 600_000) {
  const sink = new MemorySink()
  const clock = new FakeClock()
  const abort = new AbortController()
  const writer = new SinkWriter({
    ...{ sink, sinkPatienceMs, fingerprint: 'f1', clock, random: () => 0.5, log: silentLogger },
    ...{ signal: new AbortController().signal, stopping: abort.signal },
  })
  const verdicts = new Map<string, Verdict>()
  const item = (uidl: string): BatchItem => {
    const message = rawMessage(uidl, `body of ${uidl}`)
    return {
      message: {
        entry: entryFor(message),
        records: [{ key: message.key, value: unparsedRecord(message, 'not parsed') }],
      },
      tombstones: [],
      bytes: message.octets,
      settle: (verdict) => verdicts.set(uidl, verdict),
    }
  }
  return { sink, clock, writer, item, verdicts, abort }
}

const outage = () => new SinkError('MAILDRAIN_SINK_UNREACHABLE', 'no answer')

describe('G15: an outage is not a verdict', () => {
  it('the same batch is written again until the destination answers', async () => {
    const { sink, clock, writer, item, verdicts } = setup()
    let down = 3
    sink.beforeWrite = () => {
      if (down-- > 0) throw outage()
    }
    const written = writer.write([item('a'), item('b')])
    await settle()
    expect(verdicts.size).toBe(0)
    await clock.advance(60_000)
    await written
    expect([...verdicts.values()].map(({ kind }) => kind)).toEqual(['delivered', 'delivered'])
    expect(sink.batches).toHaveLength(1)
  })

  it('ends the drain when patience is over, and nothing was answered for', async () => {
    const { sink, clock, writer, item, verdicts } = setup(10_000)
    sink.beforeWrite = () => {
      throw outage()
    }
    const written = writer.write([item('a')])
    const failed = expect(written).rejects.toMatchObject({ code: 'MAILDRAIN_SINK_UNREACHABLE' })
    await clock.advance(60_000)
    await failed
    expect(verdicts.size).toBe(0)
  })

  it('an error that trying again cannot mend ends the drain at once', async () => {
    const { sink, clock, writer, item } = setup()
    sink.beforeWrite = () => {
      throw new SinkError('MAILDRAIN_SINK_FENCED', 'taken over')
    }
    await expect(writer.write([item('a')])).rejects.toMatchObject({ code: 'MAILDRAIN_SINK_FENCED' })
    expect(clock.waiting).toBe(0)
  })

  it('a foreign error is not mistaken for an answer', async () => {
    const { sink, writer, item, verdicts } = setup()
    sink.beforeWrite = () => {
      throw new TypeError('bug in a custom sink')
    }
    await expect(writer.write([item('a')])).rejects.toBeInstanceOf(MaildrainError)
    expect(verdicts.size).toBe(0)
  })
})

describe('G15: a rejection', () => {
  const tooLarge = new SinkError('MAILDRAIN_SINK_RECORD_TOO_LARGE', 'too large')

  it('by name is written again alone, and only then kept with its reason', async () => {
    const { sink, writer, item, verdicts } = setup()
    const bad = rawMessage('bad', 'body of bad').key
    sink.reject = (key) => (key === bad ? tooLarge : undefined)
    await writer.write([item('a'), item('bad'), item('c')])
    expect(verdicts.get('a')).toEqual({ kind: 'delivered' })
    expect(verdicts.get('c')).toEqual({ kind: 'delivered' })
    expect(verdicts.get('bad')).toEqual({ kind: 'rejected', reason: 'oversize', error: tooLarge })
    expect(sink.batches.map(({ messages }) => messages.length)).toEqual([3, 1, 1])
    expect(sink.ledger.get(bad)).toMatchObject({
      ...{ state: 'kept', reason: 'oversize', fingerprint: 'f1' },
    })
  })

  it('that does not repeat alone delivers the message', async () => {
    const { sink, writer, item, verdicts } = setup()
    const moody = rawMessage('moody', 'body of moody').key
    let times = 0
    sink.reject = (key) => (key === moody && times++ === 0 ? tooLarge : undefined)
    await writer.write([item('a'), item('moody')])
    expect(verdicts.get('moody')).toEqual({ kind: 'delivered' })
    expect(sink.records).toHaveLength(2)
  })
})

it('the key of a message is made of mailbox, unique-id and bytes only (G13)', () => {
  expect(rawMessage('a', 'x').key).toBe(rawMessage('a', 'x', MAILBOX).key)
  expect(rawMessage('a', 'x').key).not.toBe(rawMessage('b', 'x').key)
  expect(rawMessage('a', 'x').key).not.toBe(rawMessage('a', 'y').key)
  expect(rawMessage('a', 'x').key).not.toBe(rawMessage('a', 'x', 'other@host').key)
})
