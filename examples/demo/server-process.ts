/** The mailbox of the demo: the built-in POP3 server in a process of its own, which a killed drain does not take along. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { type Interface, createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { MaildrainError } from '../../src/errors.ts'

export interface ServerState {
  /** Messages still in the mailbox. */
  readonly remaining: number
  /** Logins so far. */
  readonly sessions: number
}

export interface ServerOptions {
  readonly messages: number
  readonly seed: number
  readonly profile: string
}

export class ServerProcess {
  readonly password: string
  readonly port: number
  readonly #child: ChildProcess
  readonly #lines: Interface

  private constructor(child: ChildProcess, lines: Interface, port: number, password: string) {
    this.#child = child
    this.#lines = lines
    this.port = port
    this.password = password
  }

  static async start({ messages, seed, profile }: ServerOptions): Promise<ServerProcess> {
    const script = fileURLToPath(new URL('../../dist/testing/serve.js', import.meta.url))
    const password = randomBytes(12).toString('hex')
    const args = ['--messages', `${messages}`, '--seed', `${seed}`, '--profile', profile]
    const child = spawn(process.execPath, [script, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, MAILDRAIN_SERVE_PASSWORD: password },
    })
    const lines = createInterface({ input: child.stdout })
    const { port } = await answer<{ port: number }>(child, lines)
    return new ServerProcess(child, lines, port, password)
  }

  state(): Promise<ServerState> {
    const state = answer<ServerState>(this.#child, this.#lines)
    this.#child.stdin?.write('remaining\n')
    return state
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.stdin?.end()
    if (this.#child.exitCode === null) await ended
  }
}

/** The next line of the server. */
function answer<T>(child: ChildProcess, lines: Interface): Promise<T> {
  return new Promise((resolve, reject) => {
    const gone = () =>
      reject(
        new MaildrainError('MAILDRAIN_INTERNAL', 'the POP3 server of the demo ended by itself'),
      )
    child.once('exit', gone)
    lines.once('line', (line) => {
      child.off('exit', gone)
      resolve(JSON.parse(line) as T)
    })
  })
}
