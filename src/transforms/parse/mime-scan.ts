/**
 * Where the parts of a message lie in its raw bytes: a scanner of our own that stands beside the parser, to locate
 * attachments and to notice what the parser has lost. It looks from the outside in, so an inner multipart that is never
 * closed ends at the outer boundary.
 */
import { readHeaderBlock, valuesOf } from './header-block.ts'
import { type StructuredHeader, parseStructured } from './mime-header.ts'

/** A leaf of the MIME tree. Embedded messages (message/rfc822) are leaves too. */
export interface ScannedPart {
  /** Media type as written, lower case; `text/plain` where none is given (RFC 2045 section 5.2). */
  readonly type: string
  readonly charset: string | null
  /** Transfer encoding, lower case; empty if none. */
  readonly encoding: string
  readonly disposition: string | null
  /** File name, decoded. */
  readonly name: string | null
  /** Where the still encoded content begins, and how many bytes it takes. */
  readonly offset: number
  readonly length: number
}

export interface MimeScan {
  readonly parts: readonly ScannedPart[]
  /** Short stable sentences about a structure that readers disagree on. */
  readonly problems: ReadonlySet<string>
  /** False when the scan gave up (too many parts, nested too deeply): absence of a part then proves nothing. */
  readonly complete: boolean
}

/** As many parts as mailparser takes. */
const MAX_PARTS = 1000
/** Each level looks at its bytes once more; the deepest real mail seen had 105. */
const MAX_DEPTH = 150

const LF = 0x0a
const CR = 0x0d
const DASH = 0x2d

export function scanMime(raw: Buffer): MimeScan {
  const scan = new Scan(raw)
  scan.part(0, raw.length, 0)
  return scan
}

class Scan implements MimeScan {
  readonly parts: ScannedPart[] = []
  readonly problems = new Set<string>()
  complete = true
  readonly #raw: Buffer

  constructor(raw: Buffer) {
    this.#raw = raw
  }

  part(start: number, end: number, depth: number): void {
    if (this.parts.length >= MAX_PARTS || depth > MAX_DEPTH) {
      this.complete = false
      return
    }
    const { fields, bodyOffset } = readHeaderBlock(this.#raw.subarray(start, end))
    const offset = start + bodyOffset
    const [given] = valuesOf(fields, 'content-type')
    const type = parseStructured(given ?? 'text/plain')
    if (type.value.startsWith('multipart/')) this.#multipart(type, offset, end, depth)
    else
      this.parts.push(
        leaf(type, valuesOf(fields, 'content-disposition')[0], {
          encoding: encodingOf(valuesOf(fields, 'content-transfer-encoding')[0]),
          offset,
          length: end - offset,
        }),
      )
  }

  #multipart(type: StructuredHeader, start: number, end: number, depth: number): void {
    const boundary = type.parameters.get('boundary')?.trimEnd() ?? ''
    if (boundary === '') {
      this.problems.add('boundary missing')
      return
    }
    let content = -1
    for (const delimiter of delimiters(this.#raw, Buffer.from(boundary, 'latin1'), start, end)) {
      if (content >= 0) this.part(content, Math.max(content, delimiter.start), depth + 1)
      content = delimiter.next
      if (delimiter.closing || !this.complete) return
    }
    if (content >= 0) this.part(content, end, depth + 1)
    else this.problems.add('boundary not found')
  }
}

const encodingOf = (value: string | undefined): string => parseStructured(value ?? '').value

function leaf(
  type: StructuredHeader,
  dispositionHeader: string | undefined,
  place: Pick<ScannedPart, 'encoding' | 'offset' | 'length'>,
): ScannedPart {
  const disposition = dispositionHeader === undefined ? null : parseStructured(dispositionHeader)
  const name = disposition?.parameters.get('filename') ?? type.parameters.get('name') ?? null
  return {
    type: type.value === '' ? 'text/plain' : type.value,
    charset: type.parameters.get('charset') ?? null,
    disposition: disposition === null || disposition.value === '' ? null : disposition.value,
    name,
    ...place,
  }
}

interface Delimiter {
  /** Where the content before it ends: the line end in front belongs to the delimiter (RFC 2046 section 5.1.1). */
  readonly start: number
  readonly next: number
  readonly closing: boolean
}

function* delimiters(
  raw: Buffer,
  boundary: Buffer,
  from: number,
  end: number,
): Generator<Delimiter> {
  const marker = Buffer.concat([Buffer.from('--'), boundary])
  const region = raw.subarray(0, end)
  let at = region.indexOf(marker, from)
  while (at !== -1) {
    const atLineStart = at === from || raw[at - 1] === LF
    const rest = atLineStart ? restOfLine(raw, at + marker.length, end) : undefined
    if (rest !== undefined) yield { start: contentEnd(raw, at, from), ...rest }
    at = region.indexOf(marker, rest?.next ?? at + 1)
  }
}

function contentEnd(raw: Buffer, at: number, from: number): number {
  let end = at
  if (end > from && raw[end - 1] === LF) end -= 1
  if (end > from && raw[end - 1] === CR) end -= 1
  return end
}

/** White space, and after it nothing but the line end; else the boundary is only the beginning of another one. */
function restOfLine(raw: Buffer, from: number, end: number): Omit<Delimiter, 'start'> | undefined {
  const closing = raw[from] === DASH && raw[from + 1] === DASH
  let at = closing ? from + 2 : from
  while (at < end && (raw[at] === 0x20 || raw[at] === 0x09 || raw[at] === CR)) at += 1
  if (at < end && raw[at] !== LF) return undefined
  return { closing, next: Math.min(end, at + 1) }
}
