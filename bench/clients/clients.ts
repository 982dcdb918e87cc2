/**
 * `npm run bench -- clients [--only WORDS] [--write NAME]`: the npm POP3 clients and maildrain's own through the same
 * torture, one process for each client and case.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatBytes } from '../../src/observe/units.ts'
import { machine, today } from '../machine.ts'
import { PASSWORD, type StepResult, type TortureCase, cases } from './cases.ts'
import { type Certificates, makeCertificates } from './certificates.ts'
import { serveScript } from './server.ts'

const CLIENTS = ['maildrain', 'node-pop3', 'poplib', 'mailpop3', 'yapople'] as const
export type Client = (typeof CLIENTS)[number]

export interface Waits {
  /** Milliseconds that clients are told to wait at most, where they can be told. */
  readonly timeoutMs: number
  /** Milliseconds after which a client is killed. */
  readonly limitMs: number
}

const WAITS: Waits = { timeoutMs: 1500, limitMs: 8000 }

interface Outcome {
  readonly outcome: 'done' | 'crash' | 'absent' | 'hang'
  readonly results?: readonly StepResult[]
  readonly error?: string
  readonly ms?: number
  readonly maxRss?: number
}

export interface Cell {
  readonly mark: 'ok' | 'wrong' | 'hang' | 'crash' | 'not offered'
  readonly note: string
}

interface Row {
  readonly name: string
  readonly cells: ReadonlyMap<Client, Cell>
}

function child(client: Client, job: object, ca: string, limitMs: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const script = join(import.meta.dirname, 'child.mjs')
    const running = spawn(process.execPath, [script, client, JSON.stringify(job)], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: { ...process.env, NODE_EXTRA_CA_CERTS: ca, NODE_NO_WARNINGS: '1' },
    })
    let outcome: Outcome | undefined
    const limit = setTimeout(() => {
      outcome ??= { outcome: 'hang', error: `no end in ${limitMs / 1000} s` }
      running.kill('SIGKILL')
    }, limitMs)
    running.on('message', (message) => (outcome ??= message as Outcome))
    running.on('exit', (code) => {
      clearTimeout(limit)
      // Node.js ends so when nothing is left to wait for, and somebody still waits.
      const unsettled: Outcome = { outcome: 'hang', error: 'never answers, the process ends' }
      const ended: Outcome = { outcome: 'crash', error: `exit code ${code ?? 'none'}` }
      resolve(outcome ?? (code === 13 ? unsettled : ended))
    })
  })
}

/** One line, without what differs from run to run or machine to machine. */
const short = (text: string): string =>
  (text.split(/\n| {4}at |\\n/, 1)[0] ?? '')
    .replace(/(?:localhost|127\.0\.0\.1|::1):\d+/g, 'server')
    .replace(/[^\x20-\x7e]/g, '?')
    .replaceAll(PASSWORD, '***')
    .slice(0, 110)

function judge(one: TortureCase, got: Outcome, commands: readonly string[]): Cell {
  if (got.outcome === 'absent') return { mark: 'not offered', note: '' }
  if (got.outcome === 'hang') return { mark: 'hang', note: got.error ?? '' }
  if (got.outcome === 'crash') return { mark: 'crash', note: short(got.error ?? '') }
  const wrong = one.judge(got.results ?? [], commands)
  if (wrong !== undefined) return { mark: 'wrong', note: short(wrong) }
  const figures = `${Math.round(got.ms ?? 0)} ms, ${formatBytes(got.maxRss ?? 0)}`
  return { mark: 'ok', note: one.measured === true ? figures : '' }
}

function cellText(cell: Cell | undefined): string {
  if (cell === undefined) return ''
  const { mark, note } = cell
  if (note === '') return mark
  return `${mark}: ${note.replaceAll('|', '\\|').replaceAll('<', '&lt;')}`
}

function version(client: Client): string {
  const file =
    client === 'maildrain' ? '../../package.json' : `../../node_modules/${client}/package.json`
  const text = readFileSync(join(import.meta.dirname, file), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

function report(rows: readonly Row[]): string {
  const right = CLIENTS.map(
    (client) =>
      `${rows.filter(({ cells }) => cells.get(client)?.mark === 'ok').length} of ${rows.length}`,
  )
  const table = rows.map(
    ({ name, cells }) =>
      `| ${name} | ${CLIENTS.map((client) => cellText(cells.get(client))).join(' | ')} |`,
  )
  return `# POP3 clients through the same torture, ${today()}

A scripted server on loopback, one process for each client and case, killed after ${WAITS.limitMs / 1000} s; ${machine()}. Clients are told
to wait ${WAITS.timeoutMs} ms at most where they can be told. A client that gives text is right when UTF-8 or Latin-1 makes the exact
bytes of it, and may leave out a message's last CRLF. Time, on a machine in use, and memory
(largest resident set, Node.js included) are of one run. The cases are in [bench/clients/cases.ts](../../bench/clients/cases.ts).

\`npm run bench -- clients --write clients\`

| case | ${CLIENTS.map((client) => `${client} ${version(client)}`).join(' | ')} |
| --- | ${CLIENTS.map(() => '---').join(' | ')} |
${table.join('\n')}
| **right** | ${right.join(' | ')} |
`
}

export interface ClientsOptions {
  /** Words in the name of the cases to run; all unless given. */
  readonly only?: string | undefined
  /** Name under docs/measured. */
  readonly write?: string | undefined
  readonly say: (line: string) => void
}

/** Runs a client through one case. */
export async function torture(
  client: Client,
  one: TortureCase,
  certificates: Certificates,
  { timeoutMs, limitMs }: Waits = WAITS,
): Promise<Cell> {
  const certificate = one.certificate && certificates[one.certificate]
  const server = await serveScript({ ...one.script, certificate })
  const account = { host: 'localhost', port: server.port, user: 'ann', password: PASSWORD }
  const job = { tls: 'none', timeoutMs, ...account, ...one.job }
  try {
    return judge(one, await child(client, job, certificates.file, limitMs), server.commands)
  } finally {
    server.close()
  }
}

/** Resolves with false when maildrain is wrong in one of them. */
export async function benchClients({ only = '', write, say }: ClientsOptions): Promise<boolean> {
  const directory = mkdtempSync(join(tmpdir(), 'maildrain-clients-'))
  const rows: Row[] = []
  try {
    const certificates = makeCertificates(directory)
    for (const one of cases.filter(({ name }) => name.includes(only))) {
      say(one.name)
      const cells = new Map<Client, Cell>()
      for (const client of CLIENTS) {
        const cell = await torture(client, one, certificates)
        cells.set(client, cell)
        say(`  ${client.padEnd(10)} ${cellText(cell)}`)
      }
      rows.push({ name: one.name, cells })
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  if (write !== undefined) {
    writeFileSync(join(import.meta.dirname, `../../docs/measured/${write}.md`), report(rows))
    say(`wrote docs/measured/${write}.md`)
  }
  const bad: readonly (string | undefined)[] = ['wrong', 'hang', 'crash']
  return !rows.some(({ cells }) => bad.includes(cells.get('maildrain')?.mark))
}
