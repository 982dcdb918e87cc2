/**
 * Lines of LIST and UIDL (RFC 1939 sections 5 and 7): forgiving in spacing, strict in numbers. A listing in which a number
 * is repeated or beyond the count of STAT is no basis for deleting anything, so it is rejected as a whole (G9).
 */
import { type ErrorCode, Pop3ProtocolError } from '../errors.ts'

const SPACE = 0x20
const TAB = 0x09

export interface ListingLine {
  readonly n: number
  /** What follows the number, without spaces around it; one character a byte. */
  readonly rest: string
}

/** `n value`, however many spaces; a leading `+OK` on each line is seen in the field. Undefined when it is no such line. */
export function parseListingLine(line: string): ListingLine | undefined {
  let at = skipSpace(line, 0)
  if (line.startsWith('+OK', at) && isSpace(line, at + 3)) at = skipSpace(line, at + 3)
  const begin = at
  let n = 0
  for (; at < line.length; at += 1) {
    const digit = line.charCodeAt(at) - 0x30
    if (digit < 0 || digit > 9) break
    n = n * 10 + digit
  }
  // Ten digits hold every 32-bit number, and no more than a double can count.
  if (at === begin || at - begin > 10) return undefined
  if (at < line.length && !isSpace(line, at)) return undefined
  let end = line.length
  while (end > at && isSpace(line, end - 1)) end -= 1
  return { n, rest: line.slice(Math.min(skipSpace(line, at), end), end) }
}

/** The unique-id, or undefined when it is absent, too long, or holds control characters. */
export function usableUidl(rest: string, maxBytes: number): string | undefined {
  if (rest === '' || rest.length > maxBytes) return undefined
  for (let at = 0; at < rest.length; at += 1) {
    const code = rest.charCodeAt(at)
    if (code < SPACE || code === 0x7f) return undefined
  }
  return rest
}

/**
 * The octets at the beginning, or undefined. What follows them is ignored, as RFC 1939 section 5 wants. A negative number
 * announces nothing: GreenMail lists -1 for a message that it cannot measure, and gives its bytes all the same.
 */
export function parseOctets(rest: string): number | undefined {
  const found = /^(-?)(\d{1,15})(?![^ \t])/.exec(rest)
  if (found === null) return undefined
  return found[1] === '-' ? 0 : Number(found[2])
}

/** Watches over one listing: each number once, none beyond the limit, no line too many. */
export class ListingGuard {
  readonly #verb: string
  readonly #limit: number
  readonly #clean: (text: string) => string
  #lines = 0
  /** One bit a number; grows with the numbers that come, not with what STAT claimed. */
  #seen = new Uint8Array(1024)

  /**
   * @param limit highest number and most lines: the count of STAT
   * @param clean makes server text safe to show
   */
  constructor(verb: string, limit: number, clean: (text: string) => string) {
    this.#clean = clean
    this.#verb = verb
    this.#limit = limit
  }

  /** @throws Pop3ProtocolError when the listing cannot be trusted */
  read(line: string): ListingLine {
    this.#lines += 1
    if (this.#lines > this.#limit)
      throw this.#reject('has more lines than STAT counted messages', 'MAILDRAIN_POP3_LIMIT')
    const parsed = parseListingLine(line)
    if (parsed === undefined) throw this.#reject(`holds the line "${this.#clean(line)}"`)
    const { n } = parsed
    if (n < 1 || n > this.#limit)
      throw this.#reject(`names message ${n} where STAT counted ${this.#limit}`)
    if (this.#mark(n)) throw this.#reject(`names message ${n} twice`)
    return parsed
  }

  /** The error for a line whose value cannot be used. */
  unusable({ n, rest }: ListingLine): Pop3ProtocolError {
    return this.#reject(`has no usable value for message ${n}: "${this.#clean(rest)}"`)
  }

  #mark(n: number): boolean {
    const index = n >> 3
    const bit = 1 << (n & 7)
    if (index >= this.#seen.length) {
      const grown = new Uint8Array(Math.max(index + 1, this.#seen.length * 2))
      grown.set(this.#seen)
      this.#seen = grown
    }
    const byte = this.#seen[index] ?? 0
    this.#seen[index] = byte | bit
    return (byte & bit) !== 0
  }

  #reject(what: string, code: ErrorCode = 'MAILDRAIN_POP3_PROTOCOL'): Pop3ProtocolError {
    return new Pop3ProtocolError(
      code,
      `the ${this.#verb} listing ${what}; it is discarded, and maildrain asks again in a new session`,
    )
  }
}

function isSpace(line: string, at: number): boolean {
  const code = line.charCodeAt(at)
  return code === SPACE || code === TAB
}

function skipSpace(line: string, from: number): number {
  let at = from
  while (isSpace(line, at)) at += 1
  return at
}
