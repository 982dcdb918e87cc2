/** The code in the guide of the POP3 client is type-checked, and run against a server. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Pop3Server, mailboxOf, startPop3Server } from '../../src/testing/index.ts'

const root = join(import.meta.dirname, '../..')
const guide = readFileSync(join(root, 'docs/guide/pop3-client.md'), 'utf8')
const snippets = Array.from(guide.matchAll(/^## (.+)$|^```ts\n([^]*?)^```$/gm)).reduce<
  { heading: string; code: string }[]
>((found, [, heading, code]) => {
  const last = found.at(-1)
  if (heading !== undefined) return [...found, { heading, code: '' }]
  if (last === undefined || code === undefined) return found
  return last.code === ''
    ? [...found.slice(0, -1), { ...last, code }]
    : [...found, { heading: `${last.heading}, again`, code }]
}, [])
const programs = snippets.filter(({ code }) => code !== '')

// Inside the package, so that its name means this package.
mkdirSync(join(root, '.cache'), { recursive: true })
const directory = mkdtempSync(join(root, '.cache/snippets-'))

const MAIL = Buffer.from('Subject: from the guide\r\n\r\n.dots\r\n', 'latin1')
let server: Pop3Server

beforeAll(async () => {
  server = await startPop3Server({ mailbox: mailboxOf([MAIL, MAIL]), user: 'ann' })
})

afterAll(async () => {
  await server.close()
  rmSync(directory, { recursive: true, force: true })
})

/** Where the guide names a server of the reader's, the test's is meant. */
const here = (code: string): string =>
  code.replaceAll(
    /host: 'mail\.example\.org',.*$/gm,
    `host: '${server.host}', port: ${server.port}, tls: 'none',`,
  )

async function run(code: string): Promise<{ status: number | null; output: string }> {
  const file = join(directory, 'program.ts')
  writeFileSync(file, here(code))
  const running = spawn(process.execPath, ['--import', 'tsx', file], {
    cwd: directory,
    env: { ...process.env, MAILDRAIN_PASSWORD: 'secret' },
  })
  let output = ''
  for (const stream of [running.stdout, running.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const status = await new Promise<number | null>((resolve) => running.once('close', resolve))
  return { status, output }
}

describe('the guide of the POP3 client', () => {
  it('has programs for what it speaks of', () => {
    expect(programs.length).toBeGreaterThanOrEqual(7)
  })

  it('shows code that the compiler accepts', () => {
    const files = programs.map(({ code }, index) => {
      const file = join(directory, `snippet-${index}.ts`)
      writeFileSync(file, code)
      return file
    })
    const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (name) =>
      ts.sys.readFile(name),
    ) as {
      config: { compilerOptions: object }
    }
    const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root)
    const program = ts.createProgram(files, { ...options, noEmit: true })
    const complaints = ts
      .getPreEmitDiagnostics(program)
      .map(
        ({ file, messageText }) =>
          `${file?.fileName.slice(directory.length) ?? ''} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
      )
    expect(complaints).toEqual([])
  }, 180_000)

  it.each(programs.map(({ heading, code }) => [heading, code] as const))(
    'what it shows under "%s" runs',
    async (_, code) => {
      const { status, output } = await run(code)
      expect(output).not.toContain('secret')
      expect(status, output).toBe(0)
    },
    180_000,
  )

  it('reads the exact bytes of a message, and deletes one of two', () => {
    const [name = ''] = readdirSync(directory).filter((file) => file.endsWith('.eml'))
    expect(readFileSync(join(directory, name)).equals(MAIL)).toBe(true)
    expect(server.remaining()).toBe(1)
  })
})
