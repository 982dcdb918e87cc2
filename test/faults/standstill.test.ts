/** Fault 110: a destination that stands still for an hour of a clock on which an hour takes six seconds. */
import { expect, it } from 'vitest'
import { SinkError } from '../../src/errors.ts'
import { awakeClock } from '../support/awake.ts'
import { drainInto, serve, smallMessage } from '../support/drains.ts'
import { fastClock } from '../support/fast-clock.ts'
import { mostHeld } from '../support/live-memory.ts'
import { MemorySink } from '../support/memory-sink.ts'

const COUNT = 40
const BODY = 'x'.repeat(200_000)
const MINUTE = 60_000
/** Of the clock, to one of the machine. */
const TIMES = 600
const fast = fastClock(TIMES)
const hours = (count: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, (count * 60 * MINUTE) / TIMES))

/** Half of what is in the mailbox would not fit, and a machine that is busy is not a server that is late. */
const options = {
  ...{ clock: fast, maxInFlightBytes: 1024 * 1024, maxMessageBytes: 500_000, batchMaxMessages: 2 },
  source: {
    ...{ greetingTimeoutMs: 60 * MINUTE, commandTimeoutMs: 60 * MINUTE },
    ...{ idleTimeoutMs: 60 * MINUTE, capaTimeoutMs: 60 * MINUTE, authTimeoutMs: 60 * MINUTE },
    ...{ quitTimeoutMs: 60 * MINUTE, minBytesPerSecond: 0 },
    ...{ connectTimeoutMs: 60 * MINUTE, openPatienceMs: 60 * MINUTE },
  },
}

/** A server that ends a session after 25 minutes of silence (RFC 1939 section 3: 10 at least), and a sink that fails the third write. */
async function scene(third: () => Promise<void>) {
  const server = await serve(
    COUNT,
    { behaviour: { idleTimeoutMs: (25 * MINUTE) / TIMES }, clock: awakeClock },
    () => BODY,
  )
  const sink = new MemorySink()
  let writes = 0
  sink.beforeWrite = () => ((writes += 1) >= 3 ? third() : undefined)
  const times = (verb: string, session = 1): number =>
    server.log.filter((entry) => entry.verb === verb && entry.session === session).length
  const expectWhole = (): void => {
    const stored = sink.records.map(({ value }) => value.raw.toString('latin1')).sort()
    const sent = Array.from({ length: COUNT }, (_, index) =>
      smallMessage(index, BODY).read().toString('latin1'),
    )
    expect(stored).toEqual(sent.sort())
    expect(server.remaining()).toBe(0)
  }
  return { server, sink, times, expectWhole }
}

it('fault 110: it does not answer for an hour: NOOP keeps the session, hardly anything is read, and the drain goes on', async () => {
  let [asked, held] = [0, 0]
  let stood = false
  const { server, sink, times, expectWhole } = await scene(async () => {
    if (stood) return
    stood = true
    held = await mostHeld(() => hours(1), 1500)
    asked = times('RETR') - sink.records.length
  })
  const receipt = await drainInto(server, sink, options)
  expect(receipt).toMatchObject({ delivered: COUNT, verifiedGone: COUNT })
  expect(times('NOOP')).toBeGreaterThanOrEqual(2)
  expect(times('QUIT')).toBe(1)
  // A mebibyte of credit holds five such messages.
  expect(asked).toBeLessThanOrEqual(6)
  expect(held).toBeLessThan(4e6)
  expectWhole()
})

it('fault 110: it is away for an hour: closed without QUIT when ten minutes of patience are over, exit 5, and drained later', async () => {
  let away = true
  const { server, sink, times, expectWhole } = await scene(() =>
    away
      ? Promise.reject(new SinkError('MAILDRAIN_SINK_UNREACHABLE', 'nobody is there'))
      : Promise.resolve(),
  )
  const began = fast.monotonic()
  await expect(drainInto(server, sink, options)).rejects.toMatchObject({
    ...{ code: 'MAILDRAIN_SINK_UNREACHABLE', exitCode: 5 },
  })
  const minutes = (fast.monotonic() - began) / MINUTE
  expect(minutes).toBeGreaterThanOrEqual(10)
  expect(minutes).toBeLessThan(60)
  expect([times('NOOP') > 0, times('DELE'), times('QUIT')]).toEqual([true, 0, 0])
  expect(times('RETR') - sink.records.length).toBeLessThanOrEqual(6)
  expect(server.remaining()).toBe(COUNT)
  away = false
  await drainInto(server, sink)
  expectWhole()
})
