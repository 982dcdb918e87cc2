/**
 * `npm run soak -- sessions`: a real Dovecot with the mailbox that maildrain was made for, drained in planned sessions and in
 * fixed ones of 500 with complete listings, for each format of storage. A job that is done is not done again.
 */
import { execFile } from 'node:child_process'
import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type BarGroup, barsSvg } from '../../bench/bars.ts'
import { machine, today } from '../../bench/machine.ts'
import { SqliteDatabase } from '../../src/ledger/sqlite-database.ts'
import { formatBytes, formatCount, formatSeconds } from '../../src/observe/units.ts'
import type { Receipt } from '../../src/pipeline/receipt.ts'
import { Pop3Client } from '../../src/pop3/index.ts'
import { generateMailbox } from '../../src/testing/index.ts'
import type { Dovecot } from '../fixtures/dovecot.ts'
import { type MailFormat, startDovecotProcess } from '../fixtures/dovecot-process.ts'
import { Maildir, mailUser } from '../fixtures/maildir.ts'
import { Mbox } from '../fixtures/mbox.ts'
import { newDirectory, startCli } from '../support/cli.ts'
import { toCrlf } from '../support/corpus.ts'
import { sha256 } from '../support/topics.ts'

/** The mailbox that maildrain was made for. */
const FOUNDING = 144_524

interface Job {
  readonly format: MailFormat
  readonly messages: number
  readonly fixed: boolean
}

interface Done extends Job {
  readonly receipt: Receipt
  readonly peakBytes: number
  readonly lost: number
  readonly doubled: number
  readonly left: number
}

const MAILBOXES = [
  { format: 'mbox', messages: 20_000 },
  { format: 'mdbox', messages: FOUNDING },
  { format: 'maildir', messages: FOUNDING },
] as const

const JOBS: readonly Job[] = [false, true].flatMap((fixed) =>
  MAILBOXES.map((mailbox) => ({ ...mailbox, fixed })),
)

const FIXED = ['--session-messages', '500', '--listing', 'full']
const NAMES: Readonly<Record<MailFormat, string>> = {
  ...{ maildir: 'Maildir', mdbox: 'mdbox', mbox: 'mbox' },
}

const idOf = ({ format, messages, fixed }: Job): string =>
  `${format} ${messages} ${fixed ? 'fixed' : 'planned'}`

/** @returns whether all is well so far */
export async function sessionsSoak(
  root: string,
  minutes: number,
  say: (line: string) => void,
): Promise<boolean> {
  const file = join(root, '.cache/soak/sessions.json')
  await mkdir(join(root, '.cache/soak'), { recursive: true })
  const done = new Map(Object.entries(await load(file)))
  const until = performance.now() + minutes * 60_000
  for (const job of JOBS) {
    if (done.has(idOf(job))) continue
    if (performance.now() > until) break
    say(`${idOf(job)}: filling`)
    const result = await run(job, say)
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

async function run(job: Job, say: (line: string) => void): Promise<Done> {
  const dovecot = await startDovecotProcess({ mechanisms: 'plain', format: job.format })
  const directory = newDirectory()
  try {
    const expected = await fill(job, dovecot)
    const path = join(directory, 'mail.db')
    say(`${idOf(job)}: draining`)
    const { receipt, peakBytes } = await drain(job, dovecot, directory)
    const { lost, doubled } = compare(path, expected)
    const left = await countOf(dovecot)
    say(
      `${idOf(job)}: ${formatSeconds(receipt.seconds)}, ${receipt.sessions} sessions, ${formatBytes(peakBytes)}`,
    )
    return { ...job, receipt, peakBytes, lost, doubled, left }
  } finally {
    await dovecot.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

/** How often each message is in the mailbox, by SHA-256. */
async function fill(
  { format, messages }: Job,
  dovecot: Awaited<ReturnType<typeof startDovecotProcess>>,
): Promise<Map<string, number>> {
  const mail = join(dovecot.directory, 'mail')
  const mailbox = generateMailbox({ messages, seed: 1, profile: 'small' })
  const expected = new Map<string, number>()
  const maildir = format === 'mbox' ? undefined : await Maildir.make(mail)
  const mbox = format === 'mbox' ? await Mbox.make(mail, 'inbox') : undefined
  const keeps = (bytes: Buffer) => format !== 'mbox' || fitsMbox(bytes)
  for (let from = 0; from < messages; from += 500) {
    const some = Array.from({ length: Math.min(500, messages - from) }, (_, i) =>
      toCrlf(mailbox.message(from + i).read()),
    )
    for (const bytes of some.filter(keeps)) {
      const hash = sha256(mbox ? quoted(bytes) : bytes)
      expected.set(hash, (expected.get(hash) ?? 0) + 1)
      await maildir?.add(bytes)
    }
    await mbox?.add(some.filter(keeps))
  }
  if (format === 'mdbox') await intoMdbox(dovecot.directory, mail)
  // Indexes and sizes are made once, as they are in a mailbox that has been in use.
  await countOf(dovecot)
  return expected
}

/** An mbox marks lines that look like its separators, and nothing takes the mark off again. */
const quoted = (bytes: Buffer): Buffer =>
  Buffer.from(bytes.toString('latin1').replace(/^From /gm, '>From '), 'latin1')

/** A message of headers alone gets an empty line: 4 of 2,000. */
const fitsMbox = (bytes: Buffer): boolean => bytes.includes('\r\n\r\n')

async function intoMdbox(directory: string, mail: string): Promise<void> {
  await mkdir(join(mail, 'mdbox'))
  await chown(join(mail, 'mdbox'), mailUser.uid, mailUser.gid)
  const args = ['-c', join(directory, 'conf'), 'backup', '-R', `maildir:${mail}/Maildir`]
  // As the mail's owner and without -u: no question to the user database.
  await promisify(execFile)('doveadm', args, {
    ...mailUser,
    env: { ...process.env, USER: 'user', HOME: join(directory, 'home') },
  })
  await rm(join(mail, 'Maildir'), { recursive: true })
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
): Promise<{ receipt: Receipt; peakBytes: number }> {
  const from = `pop3://${user}@${host}:${port}`
  const args = ['drain', '--from', from, '--to', `sqlite:${join(directory, 'mail.db')}`]
  const { child, result } = startCli(
    [...args, '--delete', '--json', '--log-level', 'error', ...(fixed ? FIXED : [])],
    { MAILDRAIN_PASSWORD: password, XDG_STATE_HOME: directory },
  )
  let peakBytes = 0
  const timer = setInterval(() => {
    void peakOf(child.pid).then((bytes) => (peakBytes = Math.max(peakBytes, bytes)))
  }, 250)
  const { code, stdout, stderr } = await result
  clearInterval(timer)
  if (code !== 0) throw new Error(`the drain ended with ${code}: ${stderr}`)
  return { receipt: JSON.parse(stdout) as Receipt, peakBytes }
}

/** Most memory that the process has had (Linux); 0 where that cannot be read. */
async function peakOf(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
}

function compare(
  path: string,
  expected: ReadonlyMap<string, number>,
): { lost: number; doubled: number } {
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

const kindOf = ({ fixed }: Job): string => (fixed ? 'fixed, 500' : 'planned')

const overheadOf = ({ receipt }: Done): string =>
  `${((100 * (receipt.openSeconds + receipt.quitSeconds)) / receipt.seconds).toFixed(1)} %`

function rowOf(done: Done): string {
  const { format, messages, receipt, peakBytes } = done
  const cells = [
    `${NAMES[format]}, ${formatCount(messages)}`,
    kindOf(done),
    formatCount(receipt.sessions),
    formatSeconds(receipt.seconds),
    formatSeconds(receipt.openSeconds),
    formatSeconds(receipt.quitSeconds),
    overheadOf(done),
    (receipt.listingBytes / messages).toFixed(1),
    formatBytes(peakBytes),
  ]
  return `| ${cells.join(' | ')} |`
}

function report(results: readonly Done[]): string {
  return `# Sessions, planned and fixed, ${today()}

Small generated messages of some 4 kB in a Dovecot, drained into SQLite with deletion by the command. _planned_: as it is.
_fixed_: the same command with \`--session-messages 500 --listing full\`, which is what programs do that delete in batches. After
each drain every message is in the database by its SHA-256, once, and the mailbox is empty.

${machine()}, everything on one machine; Dovecot as a local process. One run each.

\`npm run soak -- sessions\`

| mailbox | sessions | count | time | opening | QUIT | share of both | octets of listings a message | peak memory |
| --- | --- | --: | --: | --: | --: | --: | --: | --: |
${results.map(rowOf).join('\n')}

Opening is from connecting to the answer of STAT, QUIT from the first DELE to its reply. Listings are what came in replies to
LIST and UIDL. Memory is that of the process (VmHWM), its parser threads included.

![time of each drain](sessions.svg)
`
}

function plot(results: readonly Done[]): string {
  const formats = [...new Set(results.map(({ format }) => format))]
  const groups = formats.map((format): BarGroup => {
    const of = results.filter((done) => done.format === format)
    return {
      heading: `${NAMES[format]}, ${formatCount(of[0]?.messages ?? 0)} messages`,
      bars: of.map((done) => ({
        ...{ label: kindOf(done), value: done.receipt.seconds, highlighted: !done.fixed },
        text: `${formatSeconds(done.receipt.seconds)}, ${formatCount(done.receipt.sessions)} sessions`,
      })),
    }
  })
  return barsSvg('Time of a whole drain from Dovecot into SQLite', groups)
}
