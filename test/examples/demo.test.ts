import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { newDirectory } from '../support/cli.ts'

const main = join(import.meta.dirname, '../../examples/demo/main.ts')

function demo(dir: string): string {
  const args = ['--import', 'tsx', main, '--messages', '1500', '--profile', 'small', '--dir', dir]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
}

it('the demo drains, is killed, resumes, and proves that nothing was lost', () => {
  let [dir, stdout, tries] = ['', '', 0]
  // Half of so little is over in a moment, which whoever is to kill it may miss on a busy machine.
  do {
    dir = newDirectory()
    stdout = demo(dir)
    tries += 1
  } while (stdout.includes('before it could be killed') && tries < 10)
  const [drained, checked, look] = stdout.trimEnd().split('\n').slice(-3)
  expect(drained).toMatch(
    /^drained 1,500 messages, 6\.\d MB in [\d.]+ s, \d+ sessions, killed and resumed once$/,
  )
  expect(checked).toBe('checked 1,500 equal by SHA-256 · 0 lost · 0 duplicated · mailbox empty')
  expect(look).toContain(`sqlite3 ${dir}/run-`)
}, 360_000)
