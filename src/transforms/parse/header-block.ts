/**
 * The header block of a message or part, read from the raw bytes: every field in order, nothing lost to a charset. Needs
 * no parser library, so a message that no parser takes still has its headers.
 */
import { isUtf8 } from 'node:buffer'
import type { HeaderField } from '../../message.ts'

/** Bytes of a header block that are looked at: as much as mailparser takes. */
export const MAX_HEADER_BYTES = 1024 * 1024

export interface HeaderBlock {
  readonly fields: readonly HeaderField[]
  /** Where the body begins; the length of the bytes when no empty line ends the block. */
  readonly bodyOffset: number
  /** Lines that are neither a field nor its continuation; their text is in no field. */
  readonly malformedLines: number
  /** The block goes on beyond `MAX_HEADER_BYTES`. */
  readonly truncated: boolean
}

const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const TAB = 0x09
const COLON = 0x3a

/** UTF-8 where the bytes are valid UTF-8, else one character a byte, so nothing becomes U+FFFD. */
export function textOf(bytes: Buffer): string {
  return bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1')
}

/** Splits at the first empty line; line ends are CRLF or LF (RFC 5322 section 2.2, and what servers make of it). */
export function readHeaderBlock(raw: Buffer): HeaderBlock {
  const lines = new FieldLines()
  let start = 0
  while (start < raw.length && start < MAX_HEADER_BYTES) {
    const next = nextLine(raw, start)
    const line = raw.subarray(start, contentEnd(raw, start, next))
    if (line.length === 0) {
      const fields = lines.end()
      return { fields, bodyOffset: next, malformedLines: lines.malformed, truncated: false }
    }
    lines.add(line, start === 0)
    start = next
  }
  const truncated = start < raw.length
  return {
    fields: lines.end(),
    bodyOffset: truncated ? bodyAfter(raw, start) : raw.length,
    malformedLines: lines.malformed,
    truncated,
  }
}

/** Puts folded lines together again (RFC 5322 section 2.2.3). */
class FieldLines {
  malformed = 0
  readonly #fields: HeaderField[] = []
  #open: Buffer[] = []

  add(line: Buffer, isFirst: boolean): void {
    const continues = line[0] === SPACE || line[0] === TAB
    if (!continues || this.#open.length === 0) this.#flush()
    if (this.#open.length > 0 || nameEnd(line) > 0) this.#open.push(line)
    // A leading `From ` line is what mbox tools leave behind.
    else if (!isFirst || line.toString('latin1', 0, 5) !== 'From ') this.malformed += 1
  }

  end(): readonly HeaderField[] {
    this.#flush()
    return this.#fields
  }

  #flush(): void {
    if (this.#open.length > 0) this.#fields.push(fieldOf(this.#open))
    this.#open = []
  }
}

function nextLine(raw: Buffer, start: number): number {
  const lineFeed = raw.indexOf(LF, start)
  return lineFeed === -1 ? raw.length : lineFeed + 1
}

function contentEnd(raw: Buffer, start: number, next: number): number {
  let end = next
  if (end > start && raw[end - 1] === LF) end -= 1
  if (end > start && raw[end - 1] === CR) end -= 1
  return end
}

function bodyAfter(raw: Buffer, from: number): number {
  const crlf = raw.indexOf('\r\n\r\n', Math.max(0, from - 4), 'latin1')
  const lf = raw.indexOf('\n\n', Math.max(0, from - 2), 'latin1')
  const ends = [crlf === -1 ? raw.length : crlf + 4, lf === -1 ? raw.length : lf + 2]
  return Math.min(...ends)
}

/** Length of the field name, 0 if there is none: printable ASCII, obsolete white space before the colon allowed. */
function nameEnd(line: Buffer): number {
  const colon = line.indexOf(COLON)
  let end = colon
  while (end > 0 && (line[end - 1] === SPACE || line[end - 1] === TAB)) end -= 1
  for (let at = 0; at < end; at++) {
    const byte = line[at] ?? 0
    if (byte <= SPACE || byte >= 0x7f) return 0
  }
  return Math.max(0, end)
}

function fieldOf(lines: readonly Buffer[]): HeaderField {
  const [first = Buffer.alloc(0)] = lines
  const end = nameEnd(first)
  const colon = first.indexOf(COLON)
  const value = Buffer.concat([first.subarray(colon + 1), ...lines.slice(1)])
  return { name: first.toString('latin1', 0, end), value: textOf(value).trim() }
}

/** Values of a field in order; names compare without regard to case. */
export function valuesOf(fields: readonly HeaderField[], name: string): string[] {
  return fields.filter((field) => field.name.toLowerCase() === name).map((field) => field.value)
}
