/**
 * `npm run soak -- sessions`: a real Dovecot with the mailbox that maildrain was made for, drained in planned sessions and in
 * fixed ones of 500 with complete listings, for each format of storage. A job that is done is not done again.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { SqliteDatabase } from '../../src/ledger/sqlite-database.ts'
import { formatBytes, formatSeconds } from '../../src/observe/units.ts'
import type { Receipt } from '../../src/pipeline/receipt.ts'
import { Pop3Client } from '../../src/pop3/index.ts'
import type { Dovecot } from '../fixtures/dovecot.ts'
import { startDovecotProcess } from '../fixtures/dovecot-process.ts'
import { newDirectory, startCli } from '../support/cli.ts'
import { sha256 } from '../support/topics.ts'
import { type Expected, Mailboxes } from './sessions-mail.ts'
import { type Done, type Job, plot, report } from './sessions-report.ts'

/** The mailbox that maildrain was made for. */
const FOUNDING = 144_524

const MAILBOXES = [
  { format: 'mbox', messages: 20_000 },
  { format: 'mdbox', messages: FOUNDING },
  { format: 'maildir', messages: FOUNDING },
] as const

const JOBS: readonly Job[] = [false, true].flatMap((fixed) =>
  MAILBOXES.map((mailbox) => ({ ...mailbox, fixed })),
)

const FIXED = ['--session-messages', '500', '--listing', 'full']
const idOf = ({ format, messages, fixed }: Job): string =>
  `${format} ${messages} ${fixed ? 'fixed' : 'planned'}`

/** @returns whether all is well so far */
export async function sessionsSoak(
  root: string,
  minutes: number,
  say: (line: string) => void,
): Promise<boolean> {
  const cache = join(root, '.cache/soak')
  const file = join(cache, 'sessions.json')
  await mkdir(cache, { recursive: true })
  const mailboxes = new Mailboxes(join(cache, 'sessions-mail'))
  const done = new Map(Object.entries(await load(file)))
  const until = performance.now() + minutes * 60_000
  for (const job of JOBS) {
    if (done.has(idOf(job))) continue
    if (performance.now() > until) break
    say(`${idOf(job)}: filling`)
    const result = await run(job, { cache, mailboxes, say })
    if (result.lost + result.doubled + result.left > 0) {
      say(`${idOf(job)}: ${result.lost} lost, ${result.doubled} doubled, ${result.left} left`)
      return false
    }
    done.set(idOf(job), result)
    await writeFile(file, JSON.stringify(Object.fromEntries(done)))
  }
  if (done.size < JOBS.length) {
    say(`${done.size} of ${JOBS.length} jobs are done: run the same command again`)
    return true
  }
  const results = [...done.values()]
  await writeFile(join(root, 'docs/measured/sessions.md'), report(results))
  await writeFile(join(root, 'docs/measured/sessions.svg'), plot(results))
  await rm(file)
  await mailboxes.remove()
  say('wrote docs/measured/sessions.md and sessions.svg')
  return true
}

async function load(file: string): Promise<Record<string, Done>> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Record<string, Done>
  } catch {
    return {}
  }
}

async function run(
  job: Job,
  { cache, mailboxes, say }: { cache: string; mailboxes: Mailboxes; say: (line: string) => void },
): Promise<Done> {
  const dovecot = await startDovecotProcess({ mechanisms: 'plain', format: job.format })
  const directory = newDirectory()
  try {
    const expected = await mailboxes.copy(job, dovecot.directory)
    // Indexes and sizes are made once, as they are in a mailbox that has been in use.
    const there = await countOf(dovecot)
    if (there !== job.messages) throw new Error(`${idOf(job)}: ${there} messages are there`)
    say(`${idOf(job)}: draining`)
    const { log, ...drained } = await drain(job, dovecot, directory)
    await writeFile(join(cache, `sessions-${idOf(job).replaceAll(' ', '-')}.log`), log)
    const { lost, doubled } = compare(join(directory, 'mail.db'), expected)
    const left = await countOf(dovecot)
    const { receipt, peakBytes } = drained
    say(
      `${idOf(job)}: ${formatSeconds(receipt.seconds)}, ${receipt.sessions} sessions, ${formatBytes(peakBytes)}`,
    )
    return { ...job, ...drained, lost, doubled, left }
  } finally {
    await dovecot.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

async function countOf({ host, port, user, password }: Dovecot): Promise<number> {
  const auth = { user, password }
  const client = await Pop3Client.connect({ host, port, auth, tls: 'none', allowCleartext: true })
  await client.login()
  const { messages } = await client.stat()
  await client.quit()
  return messages
}

async function drain(
  { fixed }: Job,
  { host, port, user, password }: Dovecot,
  directory: string,
): Promise<Pick<Done, 'receipt' | 'peakBytes' | 'load'> & { readonly log: string }> {
  const file = join(directory, 'receipt.json')
  const from = `pop3://${user}@${host}:${port}`
  const args = ['drain', '--from', from, '--to', `sqlite:${join(directory, 'mail.db')}`]
  args.push('--delete', '--receipt', file, '--log-level', 'info', ...(fixed ? FIXED : []))
  const env = { MAILDRAIN_PASSWORD: password, XDG_STATE_HOME: directory }
  const { child, result } = startCli(args, env)
  let peakBytes = 0
  const loads: number[] = []
  const timer = setInterval(() => {
    loads.push(loadavg()[0] ?? 0)
    void peakOf(child.pid).then((bytes) => (peakBytes = Math.max(peakBytes, bytes)))
  }, 250)
  const { code, stderr: log } = await result
  clearInterval(timer)
  if (code !== 0) throw new Error(`the drain ended with ${code}: ${log}`)
  const receipt = JSON.parse(await readFile(file, 'utf8')) as Receipt
  const load = loads.reduce((sum, each) => sum + each, 0) / loads.length
  return { receipt, peakBytes, load, log }
}

/** Most memory that the process has had (Linux); 0 where that cannot be read. */
async function peakOf(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
}

function compare(path: string, expected: Expected): { lost: number; doubled: number } {
  const found = new Map<string, number>()
  const database = SqliteDatabase.openReader(path, { busyTimeoutMs: 1000 })
  const page = database.prepare('SELECT rowid, raw FROM messages WHERE rowid > ? LIMIT 200')
  for (let after = 0; ;) {
    const rows = page.rows([after])
    for (const [, raw] of rows) {
      const hash = sha256(raw as Buffer)
      found.set(hash, (found.get(hash) ?? 0) + 1)
    }
    if (rows.length === 0) break
    after = Number(rows.at(-1)?.[0])
  }
  database.close()
  let [lost, doubled] = [0, 0]
  for (const hash of new Set([...expected.keys(), ...found.keys()])) {
    const more = (found.get(hash) ?? 0) - (expected.get(hash) ?? 0)
    lost += Math.max(0, -more)
    doubled += Math.max(0, more)
  }
  return { lost, doubled }
}
