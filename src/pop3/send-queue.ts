/**
 * Commands that wait and commands in flight, in order. Decides what may be sent: one at a time without PIPELINING (RFC 2449
 * section 6.6), with it as much as the bounds allow. Reads are never paused, so what is asked for must fit into memory.
 */
import type { Command } from './commands.ts'

export interface PipelineLimits {
  /** Octets announced for the RETRs in flight; a single larger message goes alone. */
  readonly maxBytes: number
  /** RETRs and TOPs in flight; other commands are bounded by their own bytes. */
  readonly maxCommands: number
  /** Dovecot disconnects after 21 refusals in a row, whether of bad commands or of messages that another client deleted. */
  readonly maxRefusalsInRow: number
}

/**
 * Twice Dovecot's input buffer, which does not read on while a command runs (pop3-client.h): what is in it, and what follows.
 * A window of 200 messages is listed in one flight or two.
 */
const MAX_COMMAND_BYTES = 4096

export interface Queued {
  readonly command: Command
  /** Octets of the expected reply that count toward the window. */
  readonly octets: number
}

export class SendQueue<T extends Queued> {
  readonly #limits: PipelineLimits
  #waiting: T[] = []
  #nextWaiting = 0
  #inFlight: T[] = []
  #head = 0
  #octets = 0
  #commandBytes = 0
  /** RETRs and TOPs in flight. */
  #contents = 0
  readonly #breather: () => T
  #sent = 0
  #answered = 0
  /** The last command, counted from the first, that was accepted or, being NOOP, will be. */
  #accepted = 0
  /** Several commands may be in flight. */
  pipelining = false

  /** @param breather makes the NOOP that keeps refusals from being too many in a row */
  constructor(limits: PipelineLimits, breather: () => T) {
    this.#limits = limits
    this.#breather = breather
  }

  /** The command whose reply comes next. */
  get head(): T | undefined {
    return this.#inFlight[this.#head]
  }

  get inFlight(): number {
    return this.#inFlight.length - this.#head
  }

  push(item: T): void {
    this.#waiting.push(item)
  }

  /** What may be sent now, in order; it counts as in flight from here on. */
  take(): readonly T[] {
    const taken: T[] = []
    for (;;) {
      const next = this.#waiting[this.#nextWaiting]
      if (next === undefined) break
      const due = this.#isBreatherDue(next)
      const item = due ? this.#breather() : next
      if (!this.#mayFly(item)) break
      if (!due) this.#nextWaiting += 1
      this.#fly(item)
      taken.push(item)
    }
    if (this.#nextWaiting === this.#waiting.length && this.#nextWaiting > 0) {
      this.#waiting = []
      this.#nextWaiting = 0
    }
    return taken
  }

  /** The reply to the head was read to its end. */
  complete(refused: boolean): void {
    const done = this.head
    if (done === undefined) return
    this.#answered += 1
    if (!refused) this.#accepted = Math.max(this.#accepted, this.#answered)
    this.#head += 1
    this.#octets -= done.octets
    this.#commandBytes -= done.command.line.length
    if (hasContent(done.command)) this.#contents -= 1
    // The array is cut now and then, not at every reply: shifting is linear.
    if (this.#head < 1024 && this.#head < this.#inFlight.length) return
    this.#inFlight = this.#inFlight.slice(this.#head)
    this.#head = 0
  }

  /** Takes back what waits and matches: it was never sent. */
  withdraw(matches: (item: T) => boolean): readonly T[] {
    const waiting = this.#waiting.slice(this.#nextWaiting)
    this.#waiting = waiting.filter((item) => !matches(item))
    this.#nextWaiting = 0
    return waiting.filter(matches)
  }

  /** Gives everything up: what is in flight, then what waits. */
  drain(): readonly T[] {
    const all = [...this.#inFlight.slice(this.#head), ...this.#waiting.slice(this.#nextWaiting)]
    this.#inFlight = []
    this.#waiting = []
    this.#head = 0
    this.#nextWaiting = 0
    return all
  }

  #isBreatherDue({ command }: T): boolean {
    if (command.verb === 'NOOP' || !PIPELINED.has(command.verb)) return false
    return this.#sent - this.#accepted >= this.#limits.maxRefusalsInRow
  }

  #fly(item: T): void {
    this.#sent += 1
    if (item.command.verb === 'NOOP') this.#accepted = this.#sent
    this.#inFlight.push(item)
    this.#octets += item.octets
    this.#commandBytes += item.command.line.length
    if (hasContent(item.command)) this.#contents += 1
  }

  #mayFly(next: T): boolean {
    if (this.inFlight === 0) return true
    // QUIT is sent when every earlier reply is known; what ends a phase of the session is never pipelined.
    if (!this.pipelining || !PIPELINED.has(next.command.verb)) return false
    if (this.head !== undefined && !PIPELINED.has(this.head.command.verb)) return false
    if (hasContent(next.command) && this.#contents >= this.#limits.maxCommands) return false
    if (this.#commandBytes + next.command.line.length > MAX_COMMAND_BYTES) return false
    if (next.octets === 0 || this.#octets === 0) return true
    return this.#octets + next.octets <= this.#limits.maxBytes
  }
}

const hasContent = ({ verb }: Command): boolean => verb === 'RETR' || verb === 'TOP'

const PIPELINED: ReadonlySet<string> = new Set([
  ...['STAT', 'LIST', 'UIDL', 'RETR', 'TOP', 'DELE', 'NOOP'],
])
