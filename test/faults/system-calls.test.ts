/**
 * Each call to the disk of a small drain fails, one after the other, or is the last that the process makes: the built
 * command under strace, and then once more without a fault.
 */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CliResult, newDirectory, runCli } from '../support/cli.ts'
import { notFull } from '../support/full.ts'
import { KnownMail, NO_LOSS } from '../support/known-mail.ts'
import { type Injection, filesOf, injectedIn, noStrace, straced } from '../support/strace.ts'

const MESSAGES = 9
const SESSION = 5
/** Most of such a drain is waiting. */
const AT_ONCE = 4
const SYNCS = 'fsync,fdatasync'
const WRITES = 'pwrite64'

interface Faulty {
  readonly mail: KnownMail
  readonly result: CliResult
  /** The call that failed; undefined when the drain makes fewer. */
  readonly call?: string
  /** The calls after it. */
  readonly later: readonly string[]
}

async function faulty(
  injection: Pick<Injection, 'calls' | 'fault'>,
  { onFilesOnly = false } = {},
): Promise<Faulty> {
  const directory = newDirectory()
  const [path, log] = [join(directory, 'mail.db'), join(directory, 'calls')]
  const mail = await KnownMail.serve(path, { messages: MESSAGES })
  const files = onFilesOnly ? filesOf(path) : []
  const under = straced({ ...injection, files, log })
  const result = await runCli(mail.args(SESSION), {}, under)
  return {
    ...{ mail, result },
    ...(result.code === null ? { call: 'killed', later: [] } : injectedIn(log)),
  }
}

/** What the fault has left is whole, and the next run brings the drain to its end. */
async function expectWhole({ mail, result, call }: Faulty): Promise<void> {
  expect(mail.fates(), call).toEqual(NO_LOSS)
  const { code, stderr } = await runCli(mail.args(SESSION))
  expect({ code, stderr }, `${call} ${result.stderr}`).toEqual({ code: 0, stderr: '' })
  expect(mail.fates(), call).toEqual(NO_LOSS)
  expect(mail.server.remaining()).toBe(0)
  await mail.close()
}

/**
 * The fault at the first, the next … call, until the drain makes no further one. `step` leaves calls out.
 * @returns how often it failed
 */
async function atEach(
  attempt: (n: number) => Promise<Faulty>,
  check: (run: Faulty) => void,
  step = 1,
): Promise<number> {
  for (let n = 1, times = 0; ; n += step * AT_ONCE) {
    const numbers = Array.from({ length: AT_ONCE }, (_, index) => n + index * step)
    const runs = await Promise.all(numbers.map(attempt))
    for (const run of runs) if (run.call !== undefined) check(run)
    await Promise.all(runs.map(expectWhole))
    times += runs.filter(({ call }) => call !== undefined).length
    if (runs.some(({ call }) => call === undefined)) return times
  }
}

/**
 * What may fail unnoticed: SQLite ignores a failed sync of the directory, and we sync it once more before anything is
 * committed; and what fails when the log is copied into the file at the end is in the log.
 */
const mayFail = (call: string | undefined, { path }: KnownMail): boolean =>
  [join(path, '..'), path].some((file) => call?.includes(`<${file}>`))

/** The last of all, before the log is copied into the file: what is in the log was synced at each commit. */
function expectClosing({ mail, call, later }: Faulty): void {
  const log = `<${mail.path}-wal>`
  expect(call).toContain(log)
  expect(later.filter((line) => line.includes(log))).toEqual([])
}

function expectStopped(run: Faulty): void {
  const { code, lines, stderr } = run.result
  if (code !== 0) {
    expect({ code, lines: lines.length }, stderr).toEqual({ code: 5, lines: 1 })
    expect(lines[0]).toContain('[MAILDRAIN_SINK_IO_FAILED]')
  } else if (!mayFail(run.call, run.mail)) expectClosing(run)
}

/** But for a file that was still being made. */
function expectGoneOn({ mail, result: { code, stderr } }: Faulty): void {
  if (code === 0) return
  expect({ code, stderr }).toEqual({
    code: 5,
    stderr: expect.stringContaining('a write-ahead log') as string,
  })
  expect(mail.server.log).toEqual([])
}

const title = noStrace ? `: ${noStrace}` : ''

describe.skipIf(noStrace !== undefined)(`system calls that fail${title}`, () => {
  it('fault 59: fsync fails with EIO when the first mail is committed: exit 5, and nothing is deleted', async () => {
    const run = await faulty({ calls: SYNCS, fault: 'error=EIO:when=13' })
    expect(run.call).toContain('mail.db-wal')
    expectStopped(run)
    expect(run.result.code).toBe(5)
    expect(run.mail.server.deletions).toEqual([])
    await expectWhole(run)
  })

  describe.skipIf(notFull !== undefined)(`each of them${notFull ? `: ${notFull}` : ''}`, () => {
    it('fault 59, 99: whichever fsync fails with EIO, the file is not used again', async () => {
      const attempt = (n: number) => faulty({ calls: SYNCS, fault: `error=EIO:when=${n}` })
      expect(await atEach(attempt, expectStopped)).toBeGreaterThan(15)
    }, 540_000)

    it('fault 54: killed at any fsync', async () => {
      const attempt = (n: number) => faulty({ calls: SYNCS, fault: `signal=SIGKILL:when=${n}` })
      const times = await atEach(attempt, ({ result }) => expect(result.code).toBeNull())
      expect(times).toBeGreaterThan(15)
    }, 540_000)

    it('fault 60: a write that fails with ENOSPC is written again, and the drain goes on', async () => {
      const fault = (n: number) => ({ calls: WRITES, fault: `error=ENOSPC:when=${n}` })
      const attempt = (n: number) => faulty(fault(n), { onFilesOnly: true })
      expect(await atEach(attempt, expectGoneOn, 9)).toBeGreaterThan(6)
    }, 540_000)

    it('fault 65, 67, 99: whichever write fails with EDQUOT, EROFS or EIO, the file is not used again', async () => {
      const errors = ['EDQUOT', 'EROFS', 'EIO']
      const fault = (n: number) => `error=${errors[n % errors.length]}:when=${n}`
      const attempt = (n: number) =>
        faulty({ calls: WRITES, fault: fault(n) }, { onFilesOnly: true })
      expect(await atEach(attempt, expectStopped, 10)).toBeGreaterThan(6)
    }, 540_000)

    it('fault 62: every other call is interrupted', async () => {
      const calls = 'pread64,pwrite64,openat,ftruncate,fallocate'
      const run = await faulty({ calls, fault: 'error=EINTR:when=1+2' }, { onFilesOnly: true })
      expect(run.call).toBeDefined()
      expect(run.result.code, run.result.stderr).toBe(0)
      await expectWhole(run)
    })

    it('fault 63: each fsync of the log takes two seconds', async () => {
      const run = await faulty({ calls: SYNCS, fault: 'delay_enter=2000000:when=12..14' })
      expect(run.result.code, run.result.stderr).toBe(0)
      await expectWhole(run)
    }, 180_000)
  })
})
