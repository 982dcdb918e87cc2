/**
 * A mailbox drained by the built command onto a disk whose power fails at random moments: the process is frozen, the disk
 * copied as it is, the process killed, and the copy mounted. What the server has removed must be in the copy.
 */
import type { ChildProcess } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Mailbox, generateMailbox, mailboxOf } from '../../src/testing/index.ts'
import { type CliRun, startCli } from './cli.ts'
import { toCrlf } from './corpus.ts'
import { DiskImage } from './disk-image.ts'
import { KnownMail } from './known-mail.ts'

export interface PowerCutRound {
  readonly messages: number
  readonly octets: number
  readonly cuts: number
  /** Cuts at which the server had removed mail already. */
  readonly late: number
  /** At a cut or in the end: gone from the server, and not on the disk. */
  readonly lost: number
  readonly doubled: number
  /** In the end. */
  readonly left: number
  readonly seconds: number
}

export interface PowerCutOptions {
  readonly messages: number
  readonly cuts: number
  readonly seed: number
  readonly random?: () => number
}

/** Room for all mail twice: in the file and in its log. */
const DISK_MIB = 48
const SESSION = 25
/** Of each cut in five: before or while the file is made. */
const EARLY_MS = [100, 700] as const
/** Else after at most so many commands of that run, whatever time a busy machine takes for them: three sessions or four. */
const LATE_COMMANDS = 500
/** And so long after the command, for what is under way between two of them. */
const LATE_MS = [0, 30] as const

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export async function powerCutRound(options: PowerCutOptions): Promise<PowerCutRound> {
  const { messages, cuts: wanted, seed, random = Math.random } = options
  const started = performance.now()
  const mailbox = mailOf(messages, seed)
  let disk = DiskImage.make(DISK_MIB)
  const behaviour = { delayMs: 3 }
  const mail = await KnownMail.serve(join(disk.directory, 'mail.db'), { mailbox, behaviour })
  let [cuts, late, lost, doubled] = [0, 0, 0, 0]
  const count = () => {
    const fates = mail.fates()
    lost += fates.lost.length
    doubled += fates.doubled.length + fates.foreign
  }
  try {
    while (cuts < wanted) {
      const run = await frozenRun(mail, disk, random)
      if (run === undefined) break
      const after = disk.cut()
      // What the process had sent before it froze arrives all the same.
      await pause(20)
      run.child.kill('SIGKILL')
      await run.result
      disk.remove()
      disk = after
      mail.path = join(disk.directory, 'mail.db')
      cuts += 1
      if (mail.removed().length > 0) late += 1
      count()
    }
    const { code, stderr } = await startCli(mail.args(SESSION), stateOn(disk)).result
    if (code !== 0) throw new Error(`the last run ended with ${code}: ${stderr}`)
    count()
    const octets = Array.from({ length: messages }, (_, index) => mailbox.message(index).octets)
    return {
      ...{ messages, octets: octets.reduce((sum, each) => sum + each, 0), cuts, late },
      ...{ lost, doubled, left: mail.server.remaining() },
      seconds: (performance.now() - started) / 1000,
    }
  } finally {
    await mail.close()
    disk.remove()
  }
}

/** Undefined when the run came to its end by itself. */
async function frozenRun(
  mail: KnownMail,
  disk: DiskImage,
  random: () => number,
): Promise<CliRun | undefined> {
  const { server } = mail
  const run = startCli(mail.args(SESSION), stateOn(disk))
  const { child } = run
  const early = random() < 0.2
  const until = server.log.length + 1 + random() * LATE_COMMANDS
  while (!early && server.log.length < until && child.exitCode === null) await pause(1)
  const [least, most] = early ? EARLY_MS : LATE_MS
  await pause(least + random() * (most - least))
  if (child.exitCode === null && child.kill('SIGSTOP') && (await stopped(child))) return run
  const { code, stderr } = await run.result
  if (code !== 0) throw new Error(`a run ended with ${code}: ${stderr}`)
  return undefined
}

/** All threads stand still, calls into the system over. False when it has ended instead. */
async function stopped({ pid }: ChildProcess): Promise<boolean> {
  const tasks = `/proc/${pid}/task`
  const states = (): string[] => {
    try {
      return readdirSync(tasks).map((task) => stateOf(`${tasks}/${task}/stat`))
    } catch {
      return ['X']
    }
  }
  for (;;) {
    const now = states()
    if (now.every((state) => state === 'T')) return true
    if (now.some((state) => state === 'X' || state === 'Z')) return false
    await pause(1)
  }
}

/** A thread that has ended meanwhile does not run, and stands not still either. */
function stateOf(stat: string): string {
  try {
    return /\) (\S)/.exec(readFileSync(stat, 'utf8'))?.[1] ?? 'R'
  } catch {
    return 'R'
  }
}

const stateOn = ({ directory }: DiskImage): Record<string, string> => ({
  XDG_STATE_HOME: join(directory, 'state'),
})

/** The bytes as the wire carries them. */
function mailOf(messages: number, seed: number): Mailbox {
  const mailbox = generateMailbox({ messages, seed, profile: 'small' })
  return mailboxOf(
    Array.from({ length: messages }, (_, index) => {
      const message = mailbox.message(index)
      return { uidl: message.uidl, raw: toCrlf(message.read()) }
    }),
  )
}
