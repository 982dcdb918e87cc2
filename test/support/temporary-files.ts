import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** One directory for whatever the tests of a run leave behind; goes with the run. */
export default async function setup(): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'maildrain-tests-'))
  // A mailbox in it is served by another user.
  await chmod(directory, 0o755)
  process.env.TMPDIR = directory
  process.env.MAILDRAIN_TEST_PORTS = join(directory, 'ports')
  await mkdir(process.env.MAILDRAIN_TEST_PORTS)
  return () => rm(directory, { recursive: true, force: true })
}
