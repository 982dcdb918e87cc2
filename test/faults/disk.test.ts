/** Disks that are full, read-only, gone or closed to us while the built command drains onto them. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CliResult, type CliRun, newDirectory, runCli, startCli } from '../support/cli.ts'
import { DiskImage, noDiskImage } from '../support/disk-image.ts'
import { notFull } from '../support/full.ts'
import { KnownMail, NO_LOSS } from '../support/known-mail.ts'
import { until } from '../support/until.ts'

const has = (command: string): boolean => spawnSync(command, ['--version']).status === 0
const noLimits = has('prlimit') ? undefined : 'no prlimit'
const noOtherUser =
  process.getuid?.() === 0 && has('setpriv') ? undefined : 'not root, or no setpriv'
const because = (why: string | undefined): string => (why ? `: ${why}` : '')

/** Reads slowly enough that something is always still to come. */
const slowly = { delayMs: (verb: string) => (verb === 'RETR' ? 15 : 0) }

function expectRefused({ code, lines, stderr }: CliResult, errorCode: string): void {
  expect({ code, lines: lines.length }, stderr).toEqual({ code: 5, lines: 1 })
  expect(lines[0]).toContain(`[${errorCode}]`)
}

/** Where nothing is in the way any more. */
async function expectDrained(mail: KnownMail): Promise<void> {
  const { code, stderr } = await runCli(mail.args())
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(mail.fates()).toEqual(NO_LOSS)
  expect(mail.server.remaining()).toBe(0)
  await mail.close()
}

const retrs = ({ server }: KnownMail): number =>
  server.log.filter(({ verb }) => verb === 'RETR').length

/** A run that has read so many messages. */
async function underWay(mail: KnownMail, read: number): Promise<CliRun> {
  const run = startCli(mail.args())
  await until(() => retrs(mail) >= read || run.child.exitCode !== null)
  return run
}

describe.skipIf(noDiskImage !== undefined)(`a small disk${because(noDiskImage)}`, () => {
  const mounted = (options: string): string => {
    const directory = newDirectory()
    spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory])
    return directory
  }
  const remount = (directory: string, options: string) =>
    spawnSync('mount', ['-o', `remount,${options}`, directory])

  it.skipIf(notFull !== undefined)(
    'fault 60, 61: full in the middle: nothing is deleted while it is, and the same run goes on when there is space',
    async () => {
      const directory = mounted('size=200k')
      const mail = await KnownMail.serve(join(directory, 'mail.db'), { messages: 40 })
      const { child, result } = startCli([...mail.args(), '--log-level', 'warn'])
      let said = ''
      child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
      await until(() => said.includes('MAILDRAIN_SINK_FULL'))
      // All that fits is in; whatever it still deletes, it does within a little longer.
      let [removed, since] = [-1, Date.now()]
      await until(() => {
        if (mail.removed().length !== removed)
          [removed, since] = [mail.removed().length, Date.now()]
        return Date.now() - since > 1500
      })
      expect(removed).toBeLessThan(40)
      remount(directory, 'size=16m')
      const { code, stderr } = await result
      expect(code, stderr).toBe(0)
      expect(stderr).toContain('MAILDRAIN_SINK_FULL')
      await expectDrained(mail)
      spawnSync('umount', ['-l', directory])
    },
    180_000,
  )

  it.skipIf(notFull !== undefined)(
    'fault 64: no inodes are left, whichever file is the first that cannot be made',
    async () => {
      for (const inodes of [2, 4, 5]) {
        const directory = mounted(`size=4m,nr_inodes=${inodes}`)
        const mail = await KnownMail.serve(join(directory, 'mail.db'))
        expectRefused(await runCli(mail.args()), 'MAILDRAIN_SINK_REFUSED')
        expect(mail.server.log).toEqual([])
        remount(directory, 'nr_inodes=100')
        await expectDrained(mail)
        spawnSync('umount', ['-l', directory])
      }
    },
    180_000,
  )

  it.skipIf(notFull !== undefined)(
    'fault 67: read-only from one moment to the next, as after an error of the disk',
    async () => {
      const disk = DiskImage.make(16)
      const behaviour = slowly
      const mail = await KnownMail.serve(join(disk.directory, 'mail.db'), {
        messages: 40,
        behaviour,
      })
      const run = await underWay(mail, 15)
      disk.abort()
      const removed = mail.removed().length
      expectRefused(await run.result, 'MAILDRAIN_SINK_IO_FAILED')
      expect(removed).toBeGreaterThan(0)
      expect(mail.removed()).toHaveLength(removed)
      const mended = disk.cut()
      disk.remove()
      mail.path = join(mended.directory, 'mail.db')
      expect(mail.fates()).toEqual(NO_LOSS)
      await expectDrained(mail)
      mended.remove()
    },
    180_000,
  )

  it.skipIf(notFull !== undefined)('fault 67: read-only from the beginning', async () => {
    const disk = DiskImage.make(8)
    disk.remount('ro')
    const mail = await KnownMail.serve(join(disk.directory, 'mail.db'))
    expectRefused(await runCli(mail.args()), 'MAILDRAIN_SINK_REFUSED')
    disk.remount('rw')
    await expectDrained(mail)
    disk.remove()
  })
})

describe('a directory', () => {
  it('fault 68: that is removed in the middle: nothing more is deleted, and the rest goes elsewhere', async () => {
    const [directory, elsewhere] = [newDirectory(), newDirectory()]
    const path = join(directory, 'mail.db')
    const mail = await KnownMail.serve(path, { messages: 40, behaviour: slowly })
    const run = await underWay(mail, 15)
    const removed = mail.removed()
    rmSync(directory, { recursive: true })
    expectRefused(await run.result, 'MAILDRAIN_SINK_REFUSED')
    expect(removed.length).toBeGreaterThan(0)
    expect(mail.removed()).toEqual(removed)
    mkdirSync(directory)
    mail.path = join(elsewhere, 'mail.db')
    const { code } = await runCli(mail.args())
    // Lost is what was durable when somebody removed it, and not one more.
    expect(code).toBe(0)
    expect(mail.fates()).toEqual({ ...NO_LOSS, lost: removed })
    await mail.close()
  }, 180_000)
})

describe.skipIf(noLimits !== undefined || notFull !== undefined)(
  `limits of the process${because(noLimits ?? notFull)}`,
  () => {
    it('fault 61, 65: the file may not grow: the write that meets the limit is short, the next one EFBIG', async () => {
      for (const bytes of [0, 3000, 20_001, 57_345, 90_001]) {
        const mail = await KnownMail.serve(join(newDirectory(), 'mail.db'))
        const limited = await runCli(mail.args(), {}, ['prlimit', `--fsize=${bytes}`])
        expectRefused(limited, 'MAILDRAIN_SINK_IO_FAILED')
        expect(mail.fates()).toEqual(NO_LOSS)
        await expectDrained(mail)
      }
    }, 360_000)

    it('fault 66: no file can be opened any more', async () => {
      const path = join(newDirectory(), 'mail.db')
      const mail = await KnownMail.serve(path, { behaviour: { delayMs: 20 } })
      const { child, result } = startCli(mail.args())
      await until(() => mail.server.sessions > 0)
      const open = readdirSync(`/proc/${child.pid}/fd`).length
      spawnSync('prlimit', ['--pid', String(child.pid), `--nofile=${open}`])
      // The threads that parse are started when the first mail comes.
      expectRefused(await result, 'MAILDRAIN_PARSER_NOT_STARTED')
      expect(mail.server.remaining()).toBe(24)
      await expectDrained(mail)
    }, 180_000)
  },
)

describe.skipIf(noOtherUser !== undefined || notFull !== undefined)(
  `files whose modes forbid it${because(noOtherUser ?? notFull)}`,
  () => {
    it('fault 69: file, lock or directory may not be read: exit 5, one line that names it', async () => {
      const [directory, state] = [newDirectory(), newDirectory()]
      const mail = await KnownMail.serve(join(directory, 'mail.db'))
      // Root without the right to pass over modes: another user could perhaps not read this checkout.
      const bound = ['setpriv', '--bounding-set=-dac_override,-dac_read_search']
      const run = () => runCli(mail.args(), { XDG_STATE_HOME: state }, bound)
      expect((await run()).code).toBe(0)
      const raw = Buffer.from('Subject: late\r\n\r\nmail\r\n')
      mail.server.add({ uidl: 'late', octets: raw.length, read: () => raw })
      const lock = readdirSync(directory).find((name) => name.endsWith('.lock')) ?? ''
      for (const [name, mode] of [
        ['mail.db', 0o600],
        [lock, 0o600],
        ['', 0o700],
      ] as const) {
        const path = join(directory, name)
        chmodSync(path, 0)
        const refused = await run()
        expectRefused(refused, 'MAILDRAIN_SINK_REFUSED')
        expect(refused.stderr).toContain(join(directory, name === lock ? lock : 'mail.db'))
        expect(mail.server.remaining()).toBe(1)
        chmodSync(path, mode)
      }
      expect((await run()).code).toBe(0)
      expect(mail.server.remaining()).toBe(0)
      await mail.close()
    }, 180_000)
  },
)
