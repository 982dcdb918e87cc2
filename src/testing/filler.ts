/**
 * Bodies by the block: text, HTML and attachment bytes are made once, and a message copies lines out of them, so that
 * a mailbox of gigabytes costs little more than its memcpy. Rule: `fill` writes exactly the octets asked for, whole
 * lines with CRLF, and never cuts an encoded character, an escape sequence or a base64 quantum.
 */
import { PHRASE_BOOKS } from './phrases.ts'
import { Random } from './random.ts'
import { WORDS } from './words.ts'

export interface Block {
  readonly bytes: Buffer
  /** Where each line starts, the end of the last line included. */
  readonly starts: Uint32Array
}

const TEXT_OCTETS = 96 * 1024
const BINARY_LINES = 16 * 1024
/** 57 octets are one base64 line of 76 letters and CRLF. */
export const BASE64_LINE = 78

function blockOf(lines: readonly string[]): Block {
  const starts = new Uint32Array(lines.length + 1)
  const parts = lines.map((line) => Buffer.from(`${line}\r\n`, 'latin1'))
  let at = 0
  parts.forEach((part, i) => {
    starts[i] = at
    at += part.length
  })
  starts[parts.length] = at
  return { bytes: Buffer.concat(parts), starts }
}

/** Lines of words up to about 72 columns; some begin with dots, a few are only a dot: byte-stuffing's hard cases. */
function proseLines(random: Random, pieces: readonly string[], decorate: Decorate): string[] {
  const lines: string[] = []
  for (let octets = 0; octets < TEXT_OCTETS;) {
    let line = ''
    while (line.length < 60) line += (line === '' ? '' : ' ') + random.pick(pieces)
    const finished = decorate(line, random)
    lines.push(finished)
    octets += finished.length + 2
  }
  return lines
}

type Decorate = (line: string, random: Random) => string

const DOTTED = ['.', '..', '...', '.hidden line', '..two dots', '. ', '.\t', '.=20', '+OK', '-ERR']

const decorateText: Decorate = (line, random) => {
  const kind = random.below(40)
  if (kind < 2) return random.pick(DOTTED)
  if (kind < 5) return ''
  if (kind < 8) return `> ${line}`
  if (kind === 8) return `https://www.example.net/a/${random.hex(8)}?utm=${random.hex(6)}`
  if (kind === 9) return `From ${line}`
  return line
}

const decorateHtml: Decorate = (line, random) => {
  const kind = random.below(12)
  if (kind === 0) return `<img src="https://img.example.org/${random.hex(8)}.png" alt="">`
  if (kind === 1) return `.style-${random.hex(4)} { color: #${random.hex(6)}; margin: 0 }`
  if (kind < 4) return `<tr><td class="c${random.below(9)}" style="padding:4px">${line}</td></tr>`
  if (kind === 4) return `<a href="https://click.example.org/${random.hex(8)}">${line}</a><br>`
  return `<p style="font-family:Arial,sans-serif">${line}</p>`
}

const decorateQuoted: Decorate = (line, random) => {
  const kind = random.below(30)
  if (kind === 0) return '.=20'
  if (kind === 1) return ''
  return kind < 15 ? `${line}=` : line
}

/** Eight-bit bytes of no charset in particular, with NUL here and there: what spam engines send. */
const decorateBinary: Decorate = (line, random) => {
  const kind = random.below(12)
  if (kind === 0) return `${line.slice(0, 20)}\0${line.slice(20)}`
  if (kind === 1) return `\0${line}\0\0`
  if (kind === 2) return String.fromCharCode(0x80 + random.below(128)).repeat(70)
  return line
}

/** Bare LF inside lines, also before a dot: a server that stuffs after LF, or a client that ends there, is wrong. */
const decorateBareLf: Decorate = (line, random) => {
  const kind = random.below(8)
  if (kind === 0) return `${line}\n.\n+OK 12 octets`
  if (kind === 1) return `${line}\n`
  if (kind < 5) return line.replaceAll(' a', '\na')
  return line
}

function phrases(charset: string): string[] {
  const book = PHRASE_BOOKS.find((one) => one.charset === charset)
  if (book === undefined) throw new RangeError(`no phrases in ${charset}`)
  return book.phrases.map((phrase) => Buffer.from(phrase, 'base64').toString('latin1'))
}

const quoted = (text: string): string =>
  text.replace(/[=\x80-\xff]/g, (c) => `=${c.charCodeAt(0).toString(16).toUpperCase()}`)

function base64Lines(random: Random): string[] {
  const line = Buffer.alloc(57)
  return Array.from({ length: BINARY_LINES }, () => {
    for (let i = 0; i < 56; i += 4) line.writeUInt32LE(random.next(), i)
    line[56] = random.below(256)
    return line.toString('base64')
  })
}

function base64TextLines(random: Random, charset: string): string[] {
  const text = proseLines(random, [...WORDS, ...phrases(charset)], decorateText).join('\r\n')
  const bytes = Buffer.from(text, 'latin1')
  const lines: string[] = []
  for (let at = 0; at + 57 <= bytes.length; at += 57)
    lines.push(bytes.toString('base64', at, at + 57))
  return lines
}

const MAKERS = {
  ascii: (r: Random) => proseLines(r, WORDS, decorateText),
  html: (r: Random) => proseLines(r, WORDS, decorateHtml),
  utf8: (r: Random) => proseLines(r, [...WORDS, ...phrases('utf-8')], decorateText),
  latin1: (r: Random) => proseLines(r, [...WORDS, ...phrases('iso-8859-1')], decorateText),
  koi8: (r: Random) => proseLines(r, phrases('koi8-r'), decorateText),
  cp1251: (r: Random) => proseLines(r, phrases('windows-1251'), decorateText),
  japanese: (r: Random) => proseLines(r, phrases('iso-2022-jp'), decorateText),
  chinese: (r: Random) => proseLines(r, phrases('gb2312'), decorateText),
  quotedUtf8: (r: Random) =>
    proseLines(r, [...WORDS, ...phrases('utf-8').map(quoted)], decorateQuoted),
  quotedLatin1: (r: Random) =>
    proseLines(r, [...WORDS, ...phrases('iso-8859-1').map(quoted)], decorateQuoted),
  quotedHtml: (r: Random) => proseLines(r, WORDS, (l, x) => quoted(decorateHtml(l, x))),
  binary: (r: Random) => proseLines(r, WORDS, decorateBinary),
  bareLf: (r: Random) => proseLines(r, WORDS, decorateBareLf),
  base64: base64Lines,
  base64Utf8: (r: Random) => base64TextLines(r, 'utf-8'),
} as const

export type FillKind = keyof typeof MAKERS

const blocks = new Map<FillKind, Block>()

/** The block of a kind, made at its first use. */
export function block(kind: FillKind): Block {
  let made = blocks.get(kind)
  if (made === undefined) {
    const ordinal = Object.keys(MAKERS).indexOf(kind)
    made = blockOf(MAKERS[kind](new Random(0x6d61696c + ordinal * 7919)))
    blocks.set(kind, made)
  }
  return made
}

/** The largest number of octets up to `octets` that base64 lines with a whole last quantum can take. */
export function base64Octets(octets: number): number {
  const rest = octets % BASE64_LINE
  const whole = octets - rest
  return rest < 6 ? whole : whole + 2 + ((rest - 2) & ~3)
}

/** Copies `octets` octets of whole lines of a block, beginning at the line that `choice` picks. */
export function fill(
  target: Buffer,
  at: number,
  octets: number,
  kind: FillKind,
  choice: number,
): void {
  const { bytes, starts } = block(kind)
  let from = starts[choice % (starts.length - 1)] ?? 0
  const end = at + octets
  for (let to = at; to < end;) {
    const take = Math.min(end - to, bytes.length - from)
    bytes.copy(target, to, from, from + take)
    to += take
    from = 0
  }
  finishLine(target, at, end, kind)
}

/** Makes what the cut has left of a last line whole: base64 stays base64, anything else becomes a rule of `_`. */
function finishLine(target: Buffer, at: number, end: number, kind: FillKind): void {
  if (end - at < 2 || (target[end - 2] === 13 && target[end - 1] === 10)) return
  if (!kind.startsWith('base64')) {
    let line = end - 3
    while (line >= at && target[line] !== 10) line -= 1
    target.fill(0x5f, line + 1, end - 2)
  }
  target[end - 2] = 13
  target[end - 1] = 10
}
