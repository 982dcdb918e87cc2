/**
 * `npm run demo`: a mailbox is drained into SQLite with deletion, the drain is killed half-way and resumed, and every
 * byte is compared. It says what happens, so that somebody who sees maildrain for the first time gets the idea.
 */
import { mkdirSync, mkdtempSync, statfsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseFlags, helpOf } from '../../config/flags.ts'
import { MaildrainError } from '../../errors.ts'
import { mailboxId } from '../../identity.ts'
import { formatBytes, formatCount, formatSeconds } from '../../observe/units.ts'
import { type GeneratedMailbox, generateMailbox } from '../../testing/index.ts'
import { reportError } from '../report-error.ts'
import { type DrainOutcome, runDrain } from './drain-process.ts'
import { MailTable } from './mail-table.ts'
import { memoryGrowth } from './memory.ts'
import { type DemoFlags, demoFlags } from './options.ts'
import { ServerProcess } from './server-process.ts'

const SEED = 1
/** Measured with two cores: a drain takes longer for a message and for each byte of it; the check a fifth of that. */
const SECONDS_PER_MESSAGE = 0.0012
const SECONDS_PER_BYTE = 1 / 18e6
/** Of the octets of the mail: raw bytes, text once more in the record, ledger, write-ahead log. */
const DISK_FACTOR = 2
const DISK_PER_MESSAGE = 6000

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

async function demo(flags: DemoFlags): Promise<number> {
  const mailbox = generateMailbox({ messages: flags.messages, seed: SEED, profile: flags.profile })
  mkdirSync(flags.dir, { recursive: true })
  announce(mailbox, flags.dir)
  const directory = mkdtempSync(join(flags.dir, 'run-'))
  const database = join(directory, 'mail.db')
  const { messages, profile } = flags
  const server = await ServerProcess.start({ messages, seed: SEED, profile })
  const table = new MailTable(database)
  try {
    return await drainTwiceAndCheck({ flags, mailbox, directory, database, server, table })
  } finally {
    table.close()
    await server.stop()
  }
}

interface Demo {
  readonly flags: DemoFlags
  readonly mailbox: GeneratedMailbox
  readonly directory: string
  readonly database: string
  readonly server: ServerProcess
  readonly table: MailTable
}

/** What it will take, before anything is done. */
function announce(mailbox: GeneratedMailbox, directory: string): void {
  const { size, totalOctets } = mailbox
  const disk = totalOctets * DISK_FACTOR + size * DISK_PER_MESSAGE
  const seconds = size * SECONDS_PER_MESSAGE + totalOctets * SECONDS_PER_BYTE
  const { bavail, bsize } = statfsSync(directory)
  say(`A POP3 mailbox of ${formatCount(size)} generated messages, ${formatBytes(totalOctets)}.`)
  say(`This takes about ${formatBytes(disk)} of disk and ${formatSeconds(seconds)}.`)
  if (bavail * bsize < disk)
    throw new MaildrainError(
      'MAILDRAIN_CONFIG_INVALID',
      `only ${formatBytes(bavail * bsize)} are free in ${directory}; name another directory by --dir, or fewer --messages`,
    )
}

async function drainTwiceAndCheck(demo: Demo): Promise<number> {
  const { flags, table, server, directory } = demo
  const half = Math.ceil(flags.messages / 2)
  say(`\n1. maildrain drains it into ${where(demo.database)}, deleting what is durable …`)
  const first = await drainOnce(
    demo,
    (committed) => committed >= half && committed < flags.messages,
  )
  const committed = table.count()
  const killed = first.exitCode === null
  if (killed) {
    const { remaining } = await server.state()
    say(`\n2. … and is killed (SIGKILL) half-way. Nothing is lost:`)
    say(
      `   ${formatCount(committed)} messages are durable, each with its ledger entry in one transaction,`,
    )
    say(
      `   ${formatCount(remaining)} are still on the server. None was deleted before it was durable.`,
    )
    say(
      `\n3. The same command again. It reads the ledger, compares what it finds again, and goes on.`,
    )
  } else say(`\n2. It was through before it could be killed; try more --messages.`)
  const second = killed ? await drainOnce(demo, () => false) : first
  const runs = killed ? [first, second] : [second]
  if (second.exitCode !== 0) {
    say(
      `\nthe drain ended with exit code ${String(second.exitCode)}; its files are in ${directory}`,
    )
    return 1
  }
  say(`\n4. Every message is generated once more and compared with the row in the table.\n`)
  const fits = sayMemory(flags, second, killed ? committed / flags.messages : 0)
  return (await check(demo, runs, killed)) && fits ? 0 : 1
}

function drainOnce(demo: Demo, kill: (committed: number) => boolean): Promise<DrainOutcome> {
  const { server, flags, directory, database, table } = demo
  const bar = process.stderr.isTTY && process.stdout.isTTY
  let next = 10
  return runDrain({
    ...{ port: server.port, password: server.password, directory, database },
    ...{ messages: flags.messages, table, bar },
    onCommitted(committed) {
      const percent = Math.floor((100 * committed) / flags.messages)
      if (!bar && percent >= next) {
        say(`   ${percent} %, ${formatCount(committed)} messages durable`)
        next = percent - (percent % 10) + 10
      }
      return kill(committed)
    },
  })
}

/** @returns false when memory grew beyond the limit that was asked for */
function sayMemory(flags: DemoFlags, outcome: DrainOutcome, from: number): boolean {
  const growth = memoryGrowth(outcome.memory, from)
  if (growth === null) {
    if (flags.maxGrowthMb === undefined) return true
    say('memory could not be measured: too few samples')
    return false
  }
  const { early, late } = growth
  say(`memory ${formatBytes(early)} at 10 %, ${formatBytes(late)} at 100 % of the last run`)
  return flags.maxGrowthMb === undefined || late - early <= flags.maxGrowthMb * 1e6
}

async function check(demo: Demo, runs: readonly DrainOutcome[], killed: boolean): Promise<boolean> {
  const { mailbox, server, table, database } = demo
  const { remaining, sessions } = await server.state()
  const id = mailboxId('user', '127.0.0.1', server.port)
  const { equal, lost, duplicated } = await table.compare(mailbox, id)
  const seconds = runs.reduce((sum, run) => sum + run.seconds, 0)
  const how = killed ? 'killed and resumed once' : 'not killed'
  say(
    `drained ${formatCount(equal)} messages, ${formatBytes(mailbox.totalOctets)} in ${formatSeconds(seconds)}, ${formatCount(sessions)} sessions, ${how}`,
  )
  const left = remaining === 0 ? 'mailbox empty' : `${formatCount(remaining)} left in the mailbox`
  say(
    `checked ${formatCount(equal)} equal by SHA-256 · ${formatCount(lost)} lost · ${formatCount(duplicated)} duplicated · ${left}`,
  )
  say(`look sqlite3 ${where(database)} 'select sent_at, subject from messages limit 10'`)
  return lost === 0 && duplicated === 0 && remaining === 0
}

const where = (path: string): string => {
  const short = relative('.', path)
  return short.startsWith('..') ? path : short
}

async function main(argv: readonly string[]): Promise<number> {
  if (argv.includes('--help')) {
    say(`npm run demo -- [flags]\n\n${helpOf(demoFlags)}`)
    return 0
  }
  return demo(parseFlags(demoFlags, argv, 'npm run demo --'))
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) =>
  reportError(error, false),
)
