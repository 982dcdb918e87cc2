import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { newDirectory } from '../support/cli.ts'

it('the demo drains, is killed, resumes, and proves that nothing was lost', () => {
  const main = join(import.meta.dirname, '../../examples/demo/main.ts')
  const dir = newDirectory()
  const args = ['--import', 'tsx', main, '--messages', '1500', '--profile', 'small', '--dir', dir]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const [drained, checked, look] = stdout.trimEnd().split('\n').slice(-3)
  expect(drained).toMatch(
    /^drained 1,500 messages, 6\.\d MB in [\d.]+ s, \d+ sessions, killed and resumed once$/,
  )
  expect(checked).toBe('checked 1,500 equal by SHA-256 · 0 lost · 0 duplicated · mailbox empty')
  expect(look).toContain(`sqlite3 ${dir}/run-`)
}, 360_000)
