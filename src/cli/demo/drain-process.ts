/** The drain of the demo: the real command in a process of its own, watched from outside, and killed when asked. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type MemorySample, residentBytes } from './memory.ts'
import type { MailTable } from './mail-table.ts'

export interface DrainOptions {
  readonly port: number
  readonly password: string
  readonly directory: string
  readonly database: string
  readonly messages: number
  readonly table: MailTable
  /** Shown on the terminal by the drain itself; else `onCommitted` tells. */
  readonly bar: boolean
  /** Messages in the database, whenever that has changed; answers true to have the drain killed. */
  readonly onCommitted: (committed: number) => boolean
}

export interface DrainOutcome {
  /** Null when it was killed. */
  readonly exitCode: number | null
  readonly seconds: number
  readonly memory: readonly MemorySample[]
}

const LOOK_MS = 50

export async function runDrain(options: DrainOptions): Promise<DrainOutcome> {
  const started = performance.now()
  const child = start(options)
  const memory: MemorySample[] = []
  let last = 0
  const watch = setInterval(() => {
    const committed = options.table.count()
    const resident = child.pid === undefined ? null : residentBytes(child.pid)
    if (resident !== null) memory.push({ share: committed / options.messages, bytes: resident })
    if (committed === last) return
    last = committed
    // SIGKILL: no handler runs, nothing is flushed, as in a power cut.
    if (options.onCommitted(committed)) child.kill('SIGKILL')
  }, LOOK_MS)
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('exit', resolve)
  })
  clearInterval(watch)
  // A killed drain leaves the terminal without its cursor.
  if (options.bar && exitCode === null) process.stderr.write('\u001b[?25h\n')
  return { exitCode, seconds: (performance.now() - started) / 1000, memory }
}

function start({ port, password, directory, database, bar }: DrainOptions): ChildProcess {
  const main = fileURLToPath(new URL('../main.js', import.meta.url))
  const from = `pop3://user@127.0.0.1:${port}`
  const receipt = join(directory, 'receipt.json')
  const args = ['drain', '--from', from, '--to', `sqlite:${database}`, '--delete']
  args.push('--receipt', receipt, '--state-dir', join(directory, 'state'))
  if (!bar) args.push('--quiet')
  return spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', bar ? 'inherit' : 'ignore', 'inherit'],
    env: { ...process.env, MAILDRAIN_PASSWORD: password },
  })
}
