/** Clocks that lie: the wall clock decides nothing, and a monotonic clock that jumps costs a session at most. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../src/clock.ts'
import { newDirectory, runCli } from '../support/cli.ts'
import { drainInto, serve, smallMessage } from '../support/drains.ts'
import { notFull } from '../support/full.ts'
import { KnownMail, NO_LOSS } from '../support/known-mail.ts'
import { MemorySink } from '../support/memory-sink.ts'

const COUNT = 20
const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR

/** The wall clock as given, asked for the first, second … time. */
const wall = (at: (asked: number) => number): Clock => {
  let asked = 0
  return { ...systemClock, now: () => at((asked += 1)) }
}

/** A machine that sleeps for an hour each time so many looks at the clock were taken. */
function sleepy(looks: number): Clock {
  let [asked, slept] = [0, 0]
  return {
    ...systemClock,
    now: () => Date.now() + slept,
    monotonic: () => {
      if ((asked += 1) % looks === 0) slept += HOUR
      return performance.now() + slept
    },
  }
}

async function drainTwice(clock: Clock): Promise<void> {
  const server = await serve(COUNT)
  const sink = new MemorySink()
  const run = () => drainInto(server, sink, { clock, batchMaxMessages: 4 })
  // Whose patience was over in no time may be run again.
  const error = await run().then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error !== undefined) expect(error).toMatchObject({ retryable: true })
  if (error !== undefined) await drainInto(server, sink)
  expect(server.remaining()).toBe(0)
  const stored = sink.records.map(({ value }) => value.raw.toString('latin1')).sort()
  const sent = Array.from({ length: COUNT }, (_, index) =>
    smallMessage(index).read().toString('latin1'),
  )
  expect(stored).toEqual(sent.sort())
}

describe('a clock', () => {
  it.each([
    ['goes back a year in the middle', (asked: number) => Date.now() - (asked > 10 ? YEAR : 0)],
    ['goes ahead ten years in the middle', (n: number) => Date.now() + (n > 10 ? 10 * YEAR : 0)],
    ['goes back and forth', (asked: number) => Date.now() + (asked % 2 === 0 ? YEAR : -YEAR)],
  ])('fault 100: that %s: each message once', (_, at) => drainTwice(wall(at)))

  it('fault 101: that stands still: each message once', () => drainTwice(wall(() => 1.7e12)))

  it.each([5, 17, 61])(
    'fault 102: of a machine that sleeps for an hour, every %i looks at the clock: each message once',
    (looks) => drainTwice(sleepy(looks)),
  )
})

const noFaketime =
  spawnSync('faketime', ['2001-01-01', 'true']).status === 0 ? notFull : 'no faketime'

describe.skipIf(noFaketime !== undefined)(
  `the clock of the machine${noFaketime ? `: ${noFaketime}` : ''}`,
  () => {
    it('fault 100: set back and ahead between the runs of the built command: each message once', async () => {
      const path = join(newDirectory(), 'mail.db')
      const mail = await KnownMail.serve(path, { messages: 20 })
      const keep = mail.args().filter((arg) => arg !== '--delete')
      for (const at of ['+10y', '-1y']) {
        const { code, stderr } = await runCli(keep, {}, ['faketime', '-f', at])
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
        expect(mail.fates()).toEqual(NO_LOSS)
      }
      const { code, stderr } = await runCli(mail.args(), {}, ['faketime', '-f', '-20y'])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(mail.fates()).toEqual(NO_LOSS)
      expect(mail.server.remaining()).toBe(0)
      await mail.close()
    }, 180_000)
  },
)
