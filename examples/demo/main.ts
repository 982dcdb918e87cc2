/**
 * `npm run demo`: a mailbox is drained into SQLite or Kafka with deletion, the drain is killed half-way and resumed, and every
 * byte is compared. It says what happens, so that somebody who sees maildrain for the first time gets the idea.
 */
import { mkdirSync, mkdtempSync, statfsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseFlags, helpOf } from '../../src/config/flags.ts'
import { MaildrainError } from '../../src/errors.ts'
import { mailboxId } from '../../src/identity.ts'
import { formatBytes, formatCount, formatSeconds } from '../../src/observe/units.ts'
import { type GeneratedMailbox, generateMailbox } from '../../src/testing/index.ts'
import { reportError } from '../../src/cli/report-error.ts'
import { type DrainOutcome, runDrain } from './drain-process.ts'
import type { Destination } from './destination.ts'
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

/** Exit code when all mail is there and only memory grew beyond --max-growth-mb: a second run tells a leak from the collector. */
const GREW = 3

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

async function demo(flags: DemoFlags): Promise<number> {
  const mailbox = generateMailbox({ messages: flags.messages, seed: SEED, profile: flags.profile })
  mkdirSync(flags.dir, { recursive: true })
  announce(mailbox, flags.dir)
  const directory = mkdtempSync(join(flags.dir, 'run-'))
  const { messages, profile } = flags
  const server = await ServerProcess.start({ messages, seed: SEED, profile })
  let destination: Destination | undefined
  try {
    destination = await open(flags, directory)
    return await drainTwiceAndCheck({ flags, mailbox, directory, server, destination })
  } finally {
    await destination?.close()
    await server.stop()
  }
}

async function open({ sink, messages }: DemoFlags, directory: string): Promise<Destination> {
  const path = join(directory, 'mail.db')
  if (sink === 'sqlite') return new MailTable(path, where(path))
  const { noBroker } = await import('../../test/fixtures/kafka-broker.ts')
  if (noBroker !== undefined)
    throw new MaildrainError(
      'MAILDRAIN_CONFIG_INVALID',
      `${noBroker}: set MAILDRAIN_TEST_KAFKA to HOST:PORT, or install one of the two`,
    )
  say('Starting Kafka …')
  const { MailTopic } = await import('./mail-topic.ts')
  return MailTopic.open(messages)
}

interface Demo {
  readonly flags: DemoFlags
  readonly mailbox: GeneratedMailbox
  readonly directory: string
  readonly server: ServerProcess
  readonly destination: Destination
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
  const { flags, destination, server, directory } = demo
  const half = Math.ceil(flags.messages / 2)
  say(`\n1. maildrain drains it into ${destination.shown}, deleting what is durable …`)
  const first = await drainOnce(
    demo,
    (committed) => committed >= half && committed < flags.messages,
  )
  const committed = await destination.count()
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
  say(`\n4. Every message is generated once more and compared with what arrived.\n`)
  const fits = sayMemory(flags, second, killed ? committed / flags.messages : 0)
  if (!(await check(demo, runs, killed))) return 1
  return fits ? 0 : GREW
}

function drainOnce(demo: Demo, kill: (committed: number) => boolean): Promise<DrainOutcome> {
  const { server, flags, directory, destination } = demo
  const bar = process.stderr.isTTY && process.stdout.isTTY
  let next = 10
  return runDrain({
    ...{ port: server.port, password: server.password, directory, destination },
    ...{ messages: flags.messages, bar },
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
  say(`memory ${formatBytes(early)} early in the last run, ${formatBytes(late)} at its end`)
  return flags.maxGrowthMb === undefined || late - early <= flags.maxGrowthMb * 1e6
}

async function check(demo: Demo, runs: readonly DrainOutcome[], killed: boolean): Promise<boolean> {
  const { mailbox, server, destination } = demo
  const { remaining, sessions } = await server.state()
  const id = mailboxId('user', '127.0.0.1', server.port)
  const { equal, lost, duplicated } = await destination.compare(mailbox, id)
  const seconds = runs.reduce((sum, run) => sum + run.seconds, 0)
  const how = killed ? 'killed and resumed once' : 'not killed'
  say(
    `drained ${formatCount(equal)} messages, ${formatBytes(mailbox.totalOctets)} in ${formatSeconds(seconds)}, ${formatCount(sessions)} sessions, ${how}`,
  )
  const left = remaining === 0 ? 'mailbox empty' : `${formatCount(remaining)} left in the mailbox`
  say(
    `checked ${formatCount(equal)} equal by SHA-256 · ${formatCount(lost)} lost · ${formatCount(duplicated)} duplicated · ${left}`,
  )
  say(await destination.look())
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
