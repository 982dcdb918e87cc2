/**
 * The 110 numbered cases of a POP3 client that drains a mailbox: each has a test whose title begins with `case N` (or
 * `case N, M`). A number without a test fails here.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const CASES = 110

/** Proven by a whole file: real servers, and 144,524 messages of a real Dovecot. */
const PROVEN_BY_FILE: ReadonlyMap<number, string> = new Map([
  [109, 'integration/servers.test.ts'],
  [110, 'soak/soaks.ts'],
])

const root = join(import.meta.dirname, '..')

function proven(): Set<number> {
  const found = new Set<number>()
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  for (const file of files.filter((name) => name.endsWith('.test.ts'))) {
    const text = readFileSync(join(root, file), 'utf8')
    for (const [, list = ''] of text.matchAll(/['"`]case (\d+(?:, (?:case )?\d+)*)[:,]/g))
      for (const [number] of list.matchAll(/\d+/g)) found.add(Number(number))
  }
  for (const [n, file] of PROVEN_BY_FILE) if (existsSync(join(root, file))) found.add(n)
  return found
}

it('each of the 110 cases has a test', () => {
  const found = proven()
  const numbers = Array.from({ length: CASES }, (_, index) => index + 1)
  expect(numbers.filter((n) => !found.has(n))).toEqual([])
})
