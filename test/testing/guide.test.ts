import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { likenesses } from '../../src/testing/index.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const guide = read('docs/guide/testing-clients.md')
const examples = [...guide.matchAll(/^## (.*?)$(?:(?!^## ).)*?```js\n(.*?)```/gms)].map(
  ([, title, code]) => [title!, code!] as const,
)

describe('docs/guide/testing-clients.md', () => {
  it('has an example in each section', () => {
    expect(examples).toHaveLength([...guide.matchAll(/^## /gm)].length)
  })

  it.each(examples)('the example of "%s" runs', (_title, code) => {
    const args = ['--input-type=module', '--eval', code]
    const { status, stderr } = spawnSync(process.execPath, args, {
      ...{ cwd: root, encoding: 'utf8', timeout: 20_000 },
    })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })
})

it('docs/reference/test-server.md: every switch says which server it models, and no likeness is missing', () => {
  const page = read('docs/reference/test-server.md')
  const rows = [...page.matchAll(/^\| `(\w+)` +\| `.*?` +\| +(.*?) +\| +(.*?) +\|$/gm)]
  expect(rows.length).toBeGreaterThan(60)
  for (const [, name, models, what] of rows)
    expect({ name, said: models !== '' && what !== '' }).toEqual({ name, said: true })
  for (const name of Object.keys(likenesses)) expect(page).toContain(`| \`${name}\``)
})
