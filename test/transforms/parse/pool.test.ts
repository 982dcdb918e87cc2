import { mkdtempSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import { parseOptions } from '../../../src/transforms/parse/options.ts'
import { ParsePool } from '../../../src/transforms/parse/pool.ts'

const hostile = new URL('../../support/hostile-worker.mjs', import.meta.url)
const directory = mkdtempSync(join(tmpdir(), 'maildrain-pool-'))

const pools: ParsePool[] = []
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close()
})

function poolOf({ workers = 1, deadlineMs = 300 } = {}, worker = hostile) {
  const options = parseOptions.parse({ deadlineMs, maxHeapBytes: 64 * 1024 * 1024 })
  const pool = new ParsePool({ options: { ...options, workers }, clock: systemClock, worker })
  pools.push(pool)
  return pool
}

const message = (body: string): Buffer => Buffer.from(`Subject: kept\r\n\r\n${body}\r\n`)

/** What became of each message: `ok`, or why it was not parsed. */
async function outcomes(pool: ParsePool, bodies: readonly string[]): Promise<string[]> {
  const fields = await Promise.all(bodies.map((body) => pool.parse(message(body))))
  return fields.map(({ parseStatus, parseReasons }) =>
    parseStatus === 'ok' ? 'ok' : parseReasons.join(),
  )
}

const around = (poison: string): string[] => [
  ...['a', 'b', 'c', poison, 'd', 'e'],
  ...[poison, 'f', 'g', 'h'],
]

const expected = (why: string): string[] => around('!').map((body) => (body === '!' ? why : 'ok'))

describe('G12, fault 111: mail that breaks its parser', () => {
  it.each([
    ['ends its thread', 'EXIT', 'parser crashed', 10_000],
    ['never ends', 'HANG', 'parser timed out', 300],
    ['takes all the memory', 'HEAP', 'parser crashed', 20_000],
  ])(
    'a message that %s costs its own parsed fields, and none of its neighbours',
    async (_, poison, why, deadlineMs) => {
      for (const workers of [1, 2]) {
        const pool = poolOf({ workers, deadlineMs })
        expect(await outcomes(pool, around(poison))).toEqual(expected(why))
      }
    },
    180_000,
  )

  it('the headers of such a message are there all the same', async () => {
    const fields = await poolOf().parse(message('EXIT'))
    expect(fields).toMatchObject({ parseStatus: 'failed', subject: 'kept' })
  })

  it('a crash that does not come again costs nothing', async () => {
    const once = `ONCE ${join(directory, 'once')}`
    expect(await outcomes(poolOf(), ['a', once, 'b'])).toEqual(['ok', 'ok', 'ok'])
  })

  it('many waiting messages are all parsed, each by its own bytes', async () => {
    const bodies = Array.from({ length: 500 }, (_, index) => `body ${index}`)
    const pool = poolOf({ workers: 2 })
    const all = await Promise.all(bodies.map((body) => pool.parse(message(body))))
    expect(all.map(({ text }) => text)).toEqual(bodies.map((body) => message(body).toString()))
  })
})

describe('a pool', () => {
  it('whose worker does not start says so instead of trying for ever', async () => {
    const broken = join(directory, 'broken.mjs')
    writeFileSync(broken, 'throw new Error("no parser here")')
    await expect(poolOf({}, pathToFileURL(broken)).parse(message('a'))).rejects.toMatchObject({
      code: 'MAILDRAIN_INTERNAL',
      message: expect.stringContaining('does not start') as string,
    })
  })

  it.each(['EMFILE', 'EAGAIN', 'ERR_WORKER_INIT_FAILED'])(
    'fault 66: whose worker gets no file or thread (%s) is no bug, and may be tried again',
    async (code) => {
      const starved = join(directory, `${code}.mjs`)
      const error = `Object.assign(new Error('${code}: none left'), { code: '${code}' })`
      writeFileSync(starved, `throw ${error}`)
      await expect(poolOf({}, pathToFileURL(starved)).parse(message('a'))).rejects.toMatchObject({
        code: 'MAILDRAIN_PARSER_NOT_STARTED',
        exitCode: 5,
        retryable: true,
        message: expect.stringContaining(`(${code}: none left): raise the limits`) as string,
      })
    },
  )

  it('fault 66: goes on with the one thread that could be started, and replaces it when it goes down', async () => {
    const [only, taken, starts] = ['only.mjs', 'taken', 'starts'].map((name) =>
      join(directory, name),
    ) as [string, string, string]
    writeFileSync(
      only,
      `import { appendFileSync, mkdirSync } from 'node:fs'
      appendFileSync(${JSON.stringify(starts)}, 'x')
      mkdirSync(${JSON.stringify(taken)})
      await import(${JSON.stringify(hostile.href)})`,
    )
    const pool = poolOf({ workers: 3, deadlineMs: 10_000 }, pathToFileURL(only))
    const bodies = Array.from({ length: 300 }, (_, index) => `body ${index}`)
    expect(await outcomes(pool, bodies)).toEqual(bodies.map(() => 'ok'))
    // Nobody goes on trying while mail is parsed.
    expect(readFileSync(starts, 'utf8').length).toBeLessThanOrEqual(5)
    rmdirSync(taken)
    const once = `ONCE ${join(directory, 'once again')}`
    expect(await outcomes(pool, ['a', once, 'b'])).toEqual(['ok', 'ok', 'ok'])
  })

  it('whose worker file is missing says so', async () => {
    const missing = pathToFileURL(join(directory, 'missing.mjs'))
    await expect(poolOf({}, missing).parse(message('a'))).rejects.toThrow('run npm run build')
  })

  it('that is closed answers everybody who waits', async () => {
    const pool = poolOf({ deadlineMs: 60_000 })
    const waiting = ['HANG', 'a'].map((body) => pool.parse(message(body)))
    const settled = Promise.allSettled(waiting)
    await pool.close()
    for (const each of await settled)
      expect(each).toMatchObject({ status: 'rejected', reason: { code: 'MAILDRAIN_STOPPED' } })
  })
})
