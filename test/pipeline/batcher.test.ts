import { describe, expect, it } from 'vitest'
import { type BatchItem, Batcher } from '../../src/pipeline/batcher.ts'
import type { Verdict } from '../../src/pipeline/delivery.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'
import { entryFor, rawMessage } from '../support/messages.ts'

interface Write {
  readonly size: number
  finish(): void
  fail(error: Error): void
}

function setup(limits: { maxBytes?: number; maxMessages?: number } = {}) {
  const clock = new FakeClock()
  const writes: Write[] = []
  const failures: unknown[] = []
  const batcher = new Batcher({
    ...{ maxBytes: 1000, maxMessages: 10, lingerMs: 200, clock, ...limits },
    write: (items) =>
      new Promise((resolve, reject) => {
        const finish = () => {
          for (const item of items) item.settle({ kind: 'delivered' })
          resolve()
        }
        writes.push({ size: items.length, finish, fail: reject })
      }),
    onFailure: (error) => failures.push(error),
  })
  const verdicts: Verdict[] = []
  const item = (bytes = 10): BatchItem => ({
    message: { entry: entryFor(rawMessage('u', 'x')), records: [] },
    ...{ tombstones: [], bytes, settle: (verdict: Verdict) => verdicts.push(verdict) },
  })
  return { clock, writes, failures, batcher, item, verdicts }
}

describe('a batch closes', () => {
  it('on bytes, at once', () => {
    const { batcher, item, writes } = setup()
    batcher.add(item(600))
    expect(writes).toHaveLength(0)
    batcher.add(item(600))
    expect(writes.map(({ size }) => size)).toEqual([1])
  })

  it('on count, at once', () => {
    const { batcher, item, writes } = setup({ maxMessages: 3 })
    for (let i = 0; i < 3; i += 1) batcher.add(item())
    expect(writes.map(({ size }) => size)).toEqual([3])
  })

  it('on linger when nothing else closes it', async () => {
    const { batcher, item, writes, clock } = setup()
    batcher.add(item())
    await clock.advance(199)
    expect(writes).toHaveLength(0)
    await clock.advance(1)
    expect(writes).toHaveLength(1)
  })

  it('on a starved source, at once', () => {
    const { batcher, item, writes } = setup()
    batcher.add(item())
    batcher.starved(true)
    expect(writes).toHaveLength(1)
  })

  it('never on starvation or linger while a write is in flight: it goes on filling', async () => {
    const { batcher, item, writes, clock } = setup()
    batcher.starved(true)
    batcher.add(item())
    for (let i = 0; i < 4; i += 1) batcher.add(item())
    await clock.advance(10_000)
    expect(writes.map(({ size }) => size)).toEqual([1])
    writes[0]!.finish()
    await settle()
    expect(writes.map(({ size }) => size)).toEqual([1, 4])
  })

  it('lingers from the end of the last write, not from its first record', async () => {
    const { batcher, item, writes, clock } = setup({ maxMessages: 1 })
    batcher.add(item())
    await clock.advance(5_000)
    const wide = setup({ maxMessages: 2 })
    wide.batcher.add(wide.item())
    wide.batcher.add(wide.item())
    wide.batcher.add(wide.item())
    await wide.clock.advance(5_000)
    wide.writes[0]!.finish()
    await settle()
    expect(wide.writes).toHaveLength(1)
    await wide.clock.advance(200)
    expect(wide.writes).toHaveLength(2)
    expect(writes).toHaveLength(1)
  })

  it('with one write in flight at a time, in order', async () => {
    const { batcher, item, writes } = setup({ maxMessages: 2 })
    for (let i = 0; i < 6; i += 1) batcher.add(item())
    expect(writes).toHaveLength(1)
    writes[0]!.finish()
    await settle()
    expect(writes).toHaveLength(2)
    writes[1]!.finish()
    await settle()
    expect(writes.map(({ size }) => size)).toEqual([2, 2, 2])
  })

  it('and is never stuck: whatever waits has a timer or a write that will move it', async () => {
    const { batcher, item, writes, clock } = setup({ maxMessages: 3 })
    for (let i = 0; i < 50; i += 1) {
      batcher.add(item(i % 7 === 0 ? 2000 : 10))
      if (i % 5 === 0) batcher.starved(i % 2 === 0)
      if (i % 3 === 0) writes.at(-1)?.finish()
      await clock.advance(i * 13)
      expect(batcher.stuck).toBe(false)
    }
  })
})

describe('a write that fails', () => {
  it('settles everything that waits as errored (G3) and ends the drain', async () => {
    const { batcher, item, writes, verdicts, failures } = setup({ maxMessages: 1 })
    batcher.add(item())
    batcher.add(item())
    writes[0]!.fail(new Error('gone'))
    await settle()
    expect(verdicts.map(({ kind }) => kind)).toEqual(['errored', 'errored'])
    expect(failures).toHaveLength(1)
    batcher.add(item())
    expect(verdicts.map(({ kind }) => kind)).toEqual(['errored', 'errored', 'errored'])
    expect(writes).toHaveLength(1)
  })
})
