/**
 * Carries out what the client sends, one command after the other in the order in which they came, however many came at once;
 * and what servers do wrong when several come at once.
 */
import type { CommandLines } from './command-lines.ts'
import type { Pop3Core } from './pop3-core.ts'
import type { Reply } from './session-state.ts'
import type { Wire } from './wire.ts'

export interface CommandLoopOptions {
  readonly core: Pop3Core
  readonly session: number
  readonly wire: Wire
  readonly lines: CommandLines
  readonly state: () => 'AUTHORIZATION' | 'TRANSACTION' | 'ended'
  readonly handle: (line: string) => Reply
  /** Sends what there is, with a last status line, and ends the connection. */
  readonly end: (line?: string) => null
}

export class CommandLoop {
  readonly #options: CommandLoopOptions
  /** A command is being carried out, or the greeting is on its way. */
  running = false

  constructor(options: CommandLoopOptions) {
    this.#options = options
  }

  /** Until no command waits, or the session has ended. */
  async run(): Promise<void> {
    const { wire, lines, state, end } = this.#options
    this.running = true
    for (;;) {
      const line = state() === 'ended' ? undefined : lines.shift()
      if (line === undefined) break
      if (this.#cannotBearMore('breaksPipelining')) end()
      else if (this.#cannotBearMore('swapsReplies')) await this.#swapped(line)
      else {
        // No turn of the event loop, and no write, between replies that are there at once.
        const busy = this.#carryOut(line)
        if (busy !== undefined) await busy
      }
      if (wire.due) await wire.pause()
    }
    if (wire.out.cut) end()
    wire.out.flush()
    this.running = false
  }

  async #swapped(line: string): Promise<void> {
    const { wire, lines } = this.#options
    const first = wire.out.mark()
    await this.#carryOut(line)
    const second = wire.out.mark()
    await this.#carryOut(lines.shift() ?? '')
    wire.out.swap(first, second)
  }

  /** Does another command wait, in TRANSACTION, and the server not bear it? */
  #cannotBearMore(name: 'breaksPipelining' | 'swapsReplies'): boolean {
    const { core, session, lines, state } = this.#options
    if (state() !== 'TRANSACTION' || lines.length === 0) return false
    return core.switches.of(core.switches.now[name], session) === true
  }

  #carryOut(line: string): Promise<void> | undefined {
    const reply = this.#options.handle(line)
    if (reply instanceof Promise) return reply.then((last) => this.#replied(last))
    this.#replied(reply)
    return undefined
  }

  #replied(last: string | null): void {
    const { core, wire, state, end } = this.#options
    if (last !== null) wire.status(last)
    if (state() !== 'ended') wire.finish()
    const { maxErrors = Infinity } = core.switches.now
    if (state() === 'TRANSACTION' && wire.errors > maxErrors) end('-ERR Too many bad commands.')
    if (wire.out.cut) end()
  }
}
