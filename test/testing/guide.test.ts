import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import { likenesses } from '../../src/testing/index.ts'
import { RawClient } from './raw-client.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const guide = read('docs/guide/testing-clients.md')
const sections = guide.split(/^## /m).slice(1)
const examples = sections.flatMap((section) => {
  const code = /```js\n(.*?)```/s.exec(section)?.[1]
  return code === undefined ? [] : [[section.split('\n')[0]!, code] as const]
})

describe('docs/guide/testing-clients.md', () => {
  it('has an example in each section but the one without code', () => {
    expect(examples).toHaveLength(sections.length - 1)
  })

  it('the server as a process serves a likeness, and says what is left', async () => {
    const serve = join(root, 'dist/testing/serve.js')
    const child = spawn(process.execPath, [serve, '--messages', '300', '--likeness', 'wildduck'])
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const next = async () => JSON.parse((await lines.next()).value as string) as { port: number }
    const { port } = await next()
    const one = await RawClient.login({ host: '127.0.0.1', port })
    expect(await one.ask('STAT')).toMatch(/^\+OK 250 /)
    child.stdin.write('remaining\n')
    expect(await next()).toEqual({ remaining: 300, sessions: 1 })
    child.stdin.end()
    await once(child, 'exit')
    const wrong = spawnSync(process.execPath, [serve, '--likeness', 'qpopper'], {
      encoding: 'utf8',
    })
    expect(wrong).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('wildduck') as string,
    })
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
