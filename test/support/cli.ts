/** The built command as a child process. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SqliteDatabase } from '../../src/ledger/sqlite-database.ts'

const main = join(import.meta.dirname, '../../dist/cli/main.js')

export interface CliResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** Of stderr, without the empty one at its end. */
  readonly lines: string[]
}

export interface CliRun {
  readonly child: ChildProcess
  readonly result: Promise<CliResult>
}

export const newDirectory = (): string => mkdtempSync(join(tmpdir(), 'maildrain-cli-'))

/**
 * Runs `maildrain …`; the password is `secret` unless the environment says otherwise.
 * @param under a command that runs it, with its arguments: `strace …`, `prlimit …`
 */
export function startCli(
  args: readonly string[],
  env: Record<string, string> = {},
  under: readonly string[] = [],
): CliRun {
  const { XDG_STATE_HOME = newDirectory() } = env
  const [command = '', ...rest] = [...under, process.execPath, main, ...args]
  const child = spawn(command, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, MAILDRAIN_PASSWORD: 'secret', ...env, XDG_STATE_HOME },
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const result = new Promise<CliResult>((resolve, reject) => {
    child.once('error', reject).once('close', (code) => {
      resolve({ code, stdout, stderr, lines: stderr.split('\n').slice(0, -1) })
    })
  })
  return { child, result }
}

export const runCli = (
  args: readonly string[],
  env?: Record<string, string>,
  under?: readonly string[],
): Promise<CliResult> => startCli(args, env, under).result

/** Messages in a database; 0 while it is not there yet. */
export function messagesIn(path: string): number {
  try {
    const database = SqliteDatabase.openReader(path, { busyTimeoutMs: 1000 })
    try {
      return Number(database.prepare('SELECT count(*) FROM messages').row()?.[0] ?? 0)
    } finally {
      database.close()
    }
  } catch {
    return 0
  }
}

/** A key and a self-signed certificate for `name`, and the file that makes it trusted. */
export function certificateFor(name: string): { key: string; cert: string; file: string } {
  const directory = newDirectory()
  const [keyFile, file] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`],
    ...['-addext', `subjectAltName=DNS:${name}`, '-keyout', keyFile, '-out', file],
  ])
  if (made.status !== 0) throw new Error(`openssl: ${String(made.stderr)}`)
  return { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(file, 'utf8'), file }
}

export const noOpenssl: string | undefined =
  spawnSync('openssl', ['version']).status === 0 ? undefined : 'no openssl to make certificates'
