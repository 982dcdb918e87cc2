/** The drain of the demo: the real command in a process of its own, watched from outside, and killed when asked. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type MemorySample, residentBytes } from './memory.ts'
import type { Destination } from './destination.ts'

export interface DrainOptions {
  readonly port: number
  readonly password: string
  readonly directory: string
  readonly destination: Destination
  readonly messages: number
  /** Shown on the terminal by the drain itself; else `onCommitted` tells. */
  readonly bar: boolean
  /** Messages at the destination, whenever that has changed; answers true to have the drain killed. */
  readonly onCommitted: (committed: number) => boolean
}

export interface DrainOutcome {
  /** Null when it was killed. */
  readonly exitCode: number | null
  readonly seconds: number
  readonly memory: readonly MemorySample[]
}

export async function runDrain(options: DrainOptions): Promise<DrainOutcome> {
  const started = performance.now()
  const child = start(options)
  const memory: MemorySample[] = []
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('exit', resolve)
  })
  const over = new AbortController()
  const watching = watch(child, options, memory, over.signal)
  const exitCode = await ended.finally(() => over.abort())
  await watching
  // A killed drain leaves the terminal without its cursor.
  if (options.bar && exitCode === null) process.stderr.write('\u001b[?25h\n')
  return { exitCode, seconds: (performance.now() - started) / 1000, memory }
}

async function watch(
  child: ChildProcess,
  { destination, messages, onCommitted }: DrainOptions,
  memory: MemorySample[],
  over: AbortSignal,
): Promise<void> {
  for (let last = 0; !over.aborted;) {
    const committed = await destination.progress()
    const resident = child.pid === undefined ? null : residentBytes(child.pid)
    if (resident !== null) memory.push({ share: committed / messages, bytes: resident })
    // SIGKILL: no handler runs, nothing is flushed, as in a power cut.
    if (committed !== last && onCommitted(committed)) child.kill('SIGKILL')
    last = committed
    await new Promise((resolve) => setTimeout(resolve, destination.lookMs))
  }
}

function start({ port, password, directory, destination, bar }: DrainOptions): ChildProcess {
  const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
  const from = `pop3://user@127.0.0.1:${port}`
  const receipt = join(directory, 'receipt.json')
  const args = ['drain', '--from', from, '--to', destination.to, '--delete']
  args.push('--receipt', receipt, '--state-dir', join(directory, 'state'))
  if (!bar) args.push('--quiet')
  return spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', bar ? 'inherit' : 'ignore', 'inherit'],
    env: { ...process.env, MAILDRAIN_PASSWORD: password },
  })
}
