import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Budget } from '../../../src/pipeline/budget.ts'
import { Collector } from '../../../src/sources/pop3/collector.ts'

const sha = (text: string): string => createHash('sha256').update(text).digest('hex')

describe('the collector of one message', () => {
  it('keeps the exact bytes and hashes them and their header block', () => {
    const collector = new Collector(30, new Budget(1000), 500)
    collector.add(Buffer.from('A: b\r\n\r'))
    collector.add(Buffer.from('\nbody\r\n\r\nmore\r\n'))
    const { raw, sha256, headerSha256 } = collector.finish()
    expect(raw.toString()).toBe('A: b\r\n\r\nbody\r\n\r\nmore\r\n')
    expect(sha256).toBe(sha('A: b\r\n\r\nbody\r\n\r\nmore\r\n'))
    expect(headerSha256).toBe(sha('A: b\r\n\r\n'))
  })

  it('takes more credit for a message that outgrows its announced size (G10)', () => {
    const budget = new Budget(10_000)
    budget.tryTake(10)
    const collector = new Collector(10, budget, 5000)
    collector.add(Buffer.alloc(4000, 65))
    expect(collector.discarded).toBe(false)
    expect(collector.finish().raw).toHaveLength(4000)
    expect(budget.free).toBe(10_000 - collector.credit)
    expect(collector.credit).toBeGreaterThanOrEqual(4000)
  })

  it('discards to the end what outgrows the limit, and holds nothing of it (G10)', () => {
    const budget = new Budget(10_000)
    budget.tryTake(10)
    const collector = new Collector(10, budget, 100)
    for (let i = 0; i < 50; i += 1) collector.add(Buffer.alloc(90, 65))
    expect(collector.discarded).toBe(true)
    expect(collector.octets).toBe(4500)
    expect(collector.credit).toBeLessThanOrEqual(100)
  })

  it('a size that is a lie takes no more memory than the limit (G10)', () => {
    const before = process.memoryUsage().arrayBuffers
    const collector = new Collector(2 ** 31, new Budget(1000), 500)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000)
    collector.add(Buffer.alloc(400, 65))
    expect(collector.finish().raw).toHaveLength(400)
  })

  it('many messages that outgrow their size cannot multiply the budget (G10)', () => {
    const budget = new Budget(1000)
    const collectors = Array.from({ length: 50 }, () => {
      budget.tryTake(1)
      return new Collector(1, budget, 900)
    })
    for (const collector of collectors) collector.add(Buffer.alloc(800, 65))
    expect(budget.free).toBeGreaterThanOrEqual(-900 - 50)
    expect(collectors.filter(({ discarded }) => discarded).length).toBeGreaterThan(40)
  })
})

describe('the byte budget', () => {
  it('gives credit for more than its capacity only to a message that is alone', () => {
    const budget = new Budget(100)
    expect(budget.tryTake(60)).toBe(true)
    expect(budget.tryTake(60)).toBe(false)
    budget.release(60)
    expect(budget.tryTake(500)).toBe(true)
    expect(budget.tryTake(1)).toBe(false)
  })

  it('wakes whoever waits when credit comes back', async () => {
    const budget = new Budget(100)
    budget.tryTake(100)
    const waiting = budget.wait(new AbortController().signal)
    budget.release(50)
    await waiting
    expect(budget.tryTake(50)).toBe(true)
  })

  it('rejects whoever waits when the drain ends', async () => {
    const abort = new AbortController()
    const waiting = new Budget(1).wait(abort.signal)
    abort.abort(new Error('ending'))
    await expect(waiting).rejects.toThrow('ending')
  })
})
