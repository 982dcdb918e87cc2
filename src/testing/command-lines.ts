/**
 * What the client sends, cut into command lines as RFC 1939 and RFC 2449 section 4 have them: CRLF and nothing else
 * ends a line, a keyword of three or four characters, one space, 255 octets at most.
 */

export interface Command {
  /** Upper case. */
  readonly verb: string
  readonly argument: string
}

/** No client has a reason to send a longer line: SASL responses end at 12 KB (RFC 5034 section 4). */
const LINE_OCTETS = 12_288
const COMMAND_OCTETS = 255 - 2

export class CommandLines {
  #lines: string[] = []
  #next = 0
  #rest = ''

  /** Lines that wait. */
  get length(): number {
    return this.#lines.length - this.#next
  }

  /** False when a line is too long to go on. */
  feed(chunk: Buffer): boolean {
    const parts = (this.#rest + chunk.toString('latin1')).split('\n')
    this.#rest = parts.pop() ?? ''
    for (const part of parts) this.#lines.push(part)
    return this.#rest.length <= LINE_OCTETS
  }

  /** The next line with its CR, without LF. */
  shift(): string | undefined {
    const line = this.#lines[this.#next]
    if (line === undefined) {
      this.#lines = []
      this.#next = 0
      return undefined
    }
    this.#next += 1
    return line
  }

  /** Forgets what came in clear text after STLS (CVE-2011-0411 and its kin). */
  clear(): void {
    this.#lines = []
    this.#next = 0
    this.#rest = ''
  }
}

/** A command, or why a line is none. */
export function parseCommand(line: string): Command | string {
  if (!line.endsWith('\r')) return 'Lines end with CRLF.'
  if (line.length - 1 > COMMAND_OCTETS) return 'Command line too long.'
  const match = /^([A-Za-z0-9]{3,4})(?: (.*))?\r$/s.exec(line)
  if (match?.[1] === undefined) return 'Not a command.'
  return { verb: match[1].toUpperCase(), argument: match[2] ?? '' }
}

/** A message-number; undefined if the argument is not one. */
export function numberOf(argument: string | undefined): number | undefined {
  return argument !== undefined && /^[0-9]{1,10}$/.test(argument) ? Number(argument) : undefined
}
