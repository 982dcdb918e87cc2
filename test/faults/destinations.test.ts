/** Destinations that break their contract, or are slow beyond all measure: nothing is deleted on their word. */
import { describe, expect, it } from 'vitest'
import { BatchError, MaildrainError, SinkError } from '../../src/errors.ts'
import type { Sink } from '../../src/sinks/sink.ts'
import { drainInto, serve, smallMessage } from '../support/drains.ts'
import { MemorySink } from '../support/memory-sink.ts'

const COUNT = 12
const small = { batchMaxMessages: 4, sinkPatienceMs: 200 }

const sha = (index: number): string => smallMessage(index).read().toString('latin1')

/** Whatever has left the server is at the destination, each message once. */
function expectWhole(sink: MemorySink, there: readonly number[]): void {
  const stored = sink.records.map(({ value }) => value.raw.toString('latin1'))
  for (let index = 0; index < COUNT; index += 1) {
    const times = stored.filter((text) => text === sha(index)).length
    expect(times, `message ${index}`).toBeLessThanOrEqual(1)
    if (!there.includes(index)) expect(times, `message ${index}`).toBe(1)
  }
}

/** Ends with an error that has a code and takes one line, and a drain into a sound destination gets through after it. */
async function endsAndGoesOn(broken: (sound: MemorySink) => Sink): Promise<string> {
  const server = await serve(COUNT)
  const sound = new MemorySink()
  const error = await drainInto(server, broken(sound), small).then(
    () => undefined,
    (reason: unknown) => reason as SinkError,
  )
  expect(error).toBeInstanceOf(MaildrainError)
  expect(error?.message).not.toContain('\n')
  expect(server.deletions).toEqual([])
  await drainInto(server, sound)
  expect(server.remaining()).toBe(0)
  expectWhole(sound, [])
  return error?.code ?? 'none'
}

/** A sink that is the sound one but for what is given; the sound one's ledger and records stay. */
const but = (sound: MemorySink, change: Partial<Sink>): Sink =>
  new Proxy<Sink>(sound, {
    get: (target, name) => {
      const own = Reflect.get(change, name) as unknown
      if (own !== undefined) return own
      const found = Reflect.get(target, name) as unknown
      return typeof found === 'function' ? (found.bind(target) as unknown) : found
    },
  })

describe('a destination', () => {
  it('fault 103: that takes its time as it likes is asked one batch at a time, so that no answer can overtake another', async () => {
    const server = await serve(COUNT)
    const sink = new MemorySink()
    let [inFlight, most, writes] = [0, 0, 0]
    sink.beforeWrite = async () => {
      most = Math.max(most, (inFlight += 1))
      await new Promise((resolve) => setTimeout(resolve, ((writes += 1) * 7) % 20))
      inFlight -= 1
    }
    const receipt = await drainInto(server, sink, { batchMaxMessages: 2 })
    expect(receipt).toMatchObject({ delivered: COUNT, verifiedGone: COUNT })
    expect(writes).toBeGreaterThan(5)
    expect(most).toBe(1)
    expectWhole(sink, [])
  })

  it('fault 104: that answers twice has answered once', async () => {
    const server = await serve(COUNT)
    const sound = new MemorySink()
    const twice = but(sound, {
      write: (batch) => {
        const written = sound.write(batch)
        const answer = {
          then: (resolve: () => void, reject: (error: unknown) => void) =>
            written.then(() => {
              resolve()
              resolve()
              reject(new SinkError('MAILDRAIN_SINK_REFUSED', 'after all not'))
            }, reject),
        }
        return answer as unknown as Promise<void>
      },
    })
    const receipt = await drainInto(server, twice, small)
    expect(receipt).toMatchObject({ seen: COUNT, delivered: COUNT, verifiedGone: COUNT })
    expectWhole(sound, [])
  })

  it('fault 105: that never answers has nothing deleted, and a stop ends the waiting', async () => {
    const server = await serve(COUNT)
    const sound = new MemorySink()
    const silent = but(sound, { write: () => new Promise<void>(() => undefined) })
    const stop = new AbortController()
    const drained = drainInto(server, silent, {
      ...{ signal: stop.signal, stopGraceMs: 100, source: { keepAliveMs: 100 } },
    })
    const noops = () => server.log.filter(({ verb }) => verb === 'NOOP').length
    while (noops() < 3) await new Promise((resolve) => setTimeout(resolve, 5))
    stop.abort()
    await expect(drained).rejects.toMatchObject({ code: 'MAILDRAIN_STOPPED' })
    expect(server.log.map(({ verb }) => verb)).not.toContain('DELE')
    expect(server.log.map(({ verb }) => verb)).not.toContain('QUIT')
    expect(server.remaining()).toBe(COUNT)
  })

  it('fault 106: that speaks of messages which are not in the batch is believed in nothing', async () => {
    const failure = new SinkError('MAILDRAIN_SINK_RECORD_REJECTED', 'no')
    for (const index of [-1, 4, 99, 0.5]) {
      const write = () => Promise.reject(new BatchError(new Map([[index, failure]])))
      expect(await endsAndGoesOn((sound) => but(sound, { write }))).toBe('MAILDRAIN_SINK_REFUSED')
    }
  })

  it.each(['open', 'write', 'confirmOwner'] as const)(
    'fault 107: whose %s throws at once',
    async (method) => {
      const thrower = () => {
        throw new Error('thrown, not rejected')
      }
      const code = await endsAndGoesOn((sound) => but(sound, { [method]: thrower }))
      expect(code).toMatch(/^MAILDRAIN_SINK_/)
    },
  )

  it('fault 108: that rejects one record keeps that message on the server, and takes the others', async () => {
    const server = await serve(COUNT)
    const sink = new MemorySink()
    const bad = 5
    sink.beforeWrite = (batch) => {
      const names = batch.messages.map(({ entry }) => entry)
      const key = names.find(({ uidl }) => uidl === `uid-${bad}`)?.key
      sink.reject = (each) =>
        each === key ? new SinkError('MAILDRAIN_SINK_RECORD_REJECTED', 'no') : undefined
    }
    const receipt = await drainInto(server, sink, small)
    expect(receipt).toMatchObject({ delivered: COUNT - 1, kept: 1, deleted: COUNT - 1 })
    expect(server.remainingIndexes()).toEqual([bad])
    expectWhole(sink, [bad])
  })
})
