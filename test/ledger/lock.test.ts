import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { acquireLock } from '../../src/ledger/lock.ts'

const newPath = (): string => join(mkdtempSync(join(tmpdir(), 'maildrain-lock-')), 'a.lock')
const what = 'mailbox a@b into c'

/** Another process that holds the lock until it is killed. */
async function holder(path: string) {
  const script = `import { acquireLock } from ${JSON.stringify(join(import.meta.dirname, '../../dist/ledger/lock.js'))}
acquireLock(process.argv[1], { what: 'x' }); console.log('held'); setInterval(() => {}, 1000)`
  const args = ['--input-type=module', '--eval', script, path]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  return child
}

it('G11: one process at a time, and a killed one lets go', async () => {
  const path = newPath()
  const child = await holder(path)
  expect(() => acquireLock(path, { what })).toThrow(
    expect.objectContaining({ code: 'MAILDRAIN_DRAINER_BUSY', exitCode: 7 }),
  )
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
  const lock = acquireLock(path, { what })
  lock.release()
})

it('G11: within one process as well; released, it can be had again', () => {
  const path = newPath()
  const lock = acquireLock(path, { what })
  expect(() => acquireLock(path, { what })).toThrow(/another drainer .* holds mailbox a@b/)
  lock.release()
  lock.release()
  acquireLock(path, { what }).release()
})

it('the file stays, is empty, and nobody else may read it', () => {
  const path = newPath()
  acquireLock(path, { what }).release()
  expect(existsSync(path)).toBe(true)
  expect(readFileSync(path)).toHaveLength(0)
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

it.runIf(process.platform === 'linux')(
  'a network file system is refused: locks do not hold there',
  () => {
    const nfs = { type: () => 0x6969, mounts: () => '' }
    const mounts = () =>
      '1 1 0:1 / / rw - ext4 /dev/sda rw\n2 1 0:2 / /tmp rw - fuse.sshfs host: rw'
    const sshfs = { type: () => 0x65735546, mounts }
    for (const fileSystem of [nfs, sshfs])
      expect(() => acquireLock(newPath(), { what, fileSystem })).toThrow(
        expect.objectContaining({ code: 'MAILDRAIN_SINK_NETWORK_FILE_SYSTEM' }),
      )
  },
)

it('a directory that is missing is refused by name', () => {
  const path = join(newPath(), 'missing', 'a.lock')
  expect(() => acquireLock(path, { what })).toThrow(
    expect.objectContaining({ code: 'MAILDRAIN_SINK_REFUSED' }),
  )
})
