import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { jsonLogger, plainLogger } from '../../src/observe/log.ts'
import { barFields, progressLog } from '../../src/observe/progress.ts'
import { RateMeter } from '../../src/observe/rate.ts'
import { formatBytes, formatCount, formatSeconds } from '../../src/observe/units.ts'
import { silentLogger } from '../../src/logger.ts'
import type { Progress } from '../../src/pipeline/receipt.ts'
import { FakeClock } from '../support/fake-clock.ts'

const at = (change: Partial<Progress>): Progress => ({
  ...{ phase: 'reading', messagesTotal: 1000, messagesDone: 0, bytesTotal: 1e6, bytesDone: 0 },
  ...{ deleted: 0, sessions: 1, plan: null },
  ...change,
})

describe('units', () => {
  it.each([
    [999, '999 B'],
    [1000, '1.0 kB'],
    [110_249_999, '110.2 MB'],
    [999_960_000, '1.0 GB'],
  ])('%i bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

  it.each([
    [14.12, '14.1 s'],
    [200, '3 min 20 s'],
    [7500, '2 h 5 min'],
  ])('%d seconds are %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text))

  it('counts have commas', () => expect(formatCount(144_524)).toBe('144,524'))
})

describe('rates', () => {
  it('are those of the last half minute, and the time left follows from the bytes', () => {
    const meter = new RateMeter()
    expect(meter.pace(at({}), 0)).toMatchObject({ messagesPerSecond: 0, secondsLeft: null })
    const half = at({ messagesDone: 100, bytesDone: 500_000 })
    expect(meter.pace(half, 10_000)).toEqual({
      ...{ messagesPerSecond: 10, bytesPerSecond: 50_000, secondsLeft: 10 },
    })
    const later = at({ messagesDone: 100, bytesDone: 500_000 })
    expect(meter.pace(later, 100_000)).toMatchObject({ messagesPerSecond: 0, secondsLeft: null })
  })

  it('the time left follows from the messages where no sizes are known', () => {
    const meter = new RateMeter()
    meter.pace(at({ bytesTotal: null }), 0)
    const pace = meter.pace(at({ bytesTotal: null, messagesDone: 500 }), 10_000)
    expect(pace.secondsLeft).toBe(10)
  })

  it('the bar shows them', () => {
    const meter = new RateMeter()
    meter.pace(at({}), 0)
    const fields = barFields(at({ messagesDone: 250, bytesDone: 250_000 }), meter, 5000)
    expect(fields).toMatchObject({
      ...{ done: ' 25', messages: '250 of 1,000', bytes: '250.0 kB of 1.0 MB' },
      ...{ rate: '50/s 50.0 kB/s', left: '15.0 s', sessions: '  0 deleted, session 1' },
    })
    const { deleted, sessions, ...audited } = at({})
    expect([deleted, sessions, barFields(audited, meter, 5000).sessions]).toEqual([0, 1, ''])
  })
})

it('without a terminal progress is a log line at first, and then every ten seconds', async () => {
  const clock = new FakeClock()
  const lines: object[] = []
  const log = { ...silentLogger, info: (fields: object) => void lines.push(fields) }
  const view = progressLog(clock, log, 10_000)
  for (let second = 0; second <= 25; second += 1) {
    view.update(at({ messagesDone: second }))
    await clock.advance(1000)
  }
  expect(lines).toMatchObject([{ messagesDone: 0 }, { messagesDone: 10 }, { messagesDone: 20 }])
})

describe('logs', () => {
  it('are JSON lines at and above their level, errors with their message', () => {
    const lines: string[] = []
    const out = new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(chunk.toString())
        done()
      },
    })
    const log = jsonLogger('warn', out)
    log.info({}, 'not this one')
    log.warn({ error: new Error('broke'), uidl: 'u1' }, 'kept')
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0]!)).toMatchObject({
      ...{ msg: 'kept', uidl: 'u1', error: { message: 'broke' } },
    })
  })

  it('are plain lines on a terminal, with fields at level debug only', () => {
    const lines: string[] = []
    plainLogger('info', (line) => lines.push(line)).warn({ a: 1 }, 'careful')
    plainLogger('debug', (line) => lines.push(line)).info({ a: 1 }, 'look')
    plainLogger('error', (line) => lines.push(line)).warn({ a: 1 }, 'not this one')
    expect(lines).toEqual(['warn: careful', 'look {"a":1}'])
  })
})
