/**
 * Structured MIME headers: value and parameters (RFC 2045 section 5.1), their continuations and charsets (RFC 2231), and
 * encoded words (RFC 2047). Everything is one pass over the text, since senders choose its length.
 */

import { TextDecoder } from 'node:util'

export interface StructuredHeader {
  /** Before the first parameter, lower case. */
  readonly value: string
  /** By lower-case name; the first of equal names wins. Decoded. */
  readonly parameters: ReadonlyMap<string, string>
}

/** Longest structured header that is read. */
const MAX_LENGTH = 64 * 1024

/** Reads `value; name=value; name="quoted"`, forgiving a missing semicolon after the value (seen: TAB instead). */
export function parseStructured(header: string): StructuredHeader {
  const pieces = split(withoutComments(header.slice(0, MAX_LENGTH)))
  const [value = '', ...rest] = (pieces.shift() ?? '').trim().split(/\s+/)
  const raw = new Map<string, string>()
  for (const piece of [...rest, ...pieces]) {
    const equals = piece.indexOf('=')
    const name = piece.slice(0, Math.max(0, equals)).trim().toLowerCase()
    if (name !== '' && !raw.has(name)) raw.set(name, unquoted(piece.slice(equals + 1).trim()))
  }
  return { value: value.toLowerCase(), parameters: decoded(raw) }
}

/** Comments nest and may stand anywhere but in a quoted string (RFC 5322 section 3.2.2). */
function withoutComments(text: string): string {
  if (!text.includes('(')) return text
  let out = ''
  let depth = 0
  let quoted = false
  for (const [token] of text.matchAll(/\\.?|["()]|[^\\"()]+/gs)) {
    if (token === '"' && depth === 0) quoted = !quoted
    if (token === '(' && !quoted) depth += 1
    if (depth === 0) out += token
    if (token === ')' && !quoted) depth = Math.max(0, depth - 1)
  }
  return out
}

function split(text: string): string[] {
  const pieces: string[] = []
  let start = 0
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at)
    if (char === '\\' && quoted) at += 1
    else if (char === '"') quoted = !quoted
    else if (char === ';' && !quoted) {
      pieces.push(text.slice(start, at))
      start = at + 1
    }
  }
  pieces.push(text.slice(start))
  return pieces
}

function unquoted(text: string): string {
  if (!text.startsWith('"')) return text
  const end = text.length > 1 && text.endsWith('"') ? -1 : text.length
  return text.slice(1, end).replace(/\\(.)/g, '$1')
}

interface Segment {
  readonly index: number
  readonly extended: boolean
  readonly text: string
}

/** Joins `name*0`, `name*1*` … and decodes `name*`; plain values may hold encoded words, as many senders write them. */
function decoded(raw: ReadonlyMap<string, string>): Map<string, string> {
  const plain = new Map<string, string>()
  const extended = new Map<string, Segment[]>()
  for (const [name, text] of raw) {
    const [, base, index, star] = /^([^*]+)(?:\*(\d{1,3}))?(\*)?$/.exec(name) ?? []
    if (base === undefined) continue
    if (index === undefined && star === undefined) plain.set(base, decodeWords(text))
    else {
      const segments = extended.get(base) ?? []
      segments.push({ index: Number(index ?? 0), extended: star !== undefined, text })
      extended.set(base, segments)
    }
  }
  for (const [name, segments] of extended) plain.set(name, joined(segments))
  return plain
}

function joined(segments: Segment[]): string {
  segments.sort((a, b) => a.index - b.index)
  const [first] = segments
  const [, charset = 'utf-8', rest] =
    first?.extended === true ? (/^([^']*)'[^']*'(.*)$/s.exec(first.text) ?? []) : []
  const bytes = segments.map((segment, at) => {
    const text = at === 0 ? (rest ?? segment.text) : segment.text
    return segment.extended ? percentDecoded(text) : Buffer.from(text, 'utf8')
  })
  return decodeCharset(Buffer.concat(bytes), charset === '' ? 'utf-8' : charset)
}

const percentDecoded = (text: string): Buffer =>
  Buffer.from(
    Buffer.from(text, 'utf8')
      .toString('latin1')
      .replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    'latin1',
  )

/** Decodes by charset; by UTF-8 or byte for byte where the charset is not known. */
export function decodeCharset(bytes: Buffer, charset: string): string {
  const decoder = decoderOf(charset)
  if (decoder !== undefined) return decoder.decode(bytes)
  const text = bytes.toString('utf8')
  return text.includes('\ufffd') ? bytes.toString('latin1') : text
}

/** The decoder for a charset label, or undefined when this Node knows none. */
export function decoderOf(charset: string, fatal = false): TextDecoder | undefined {
  try {
    return new TextDecoder(charset, { fatal })
  } catch {
    return undefined
  }
}

const WORD = /=\?([^?\s*]{1,60})(?:\*[^?\s]{0,20})?\?([BbQq])\?([^?]{0,2000})\?=/g

/** Decodes encoded words (RFC 2047); neighbours of one charset are joined first, as they may share a character. */
export function decodeWords(text: string): string {
  if (!text.includes('=?')) return text
  let out = ''
  let end = 0
  let pending: { charset: string; bytes: Buffer[] } | undefined
  const flush = () => {
    if (pending) out += decodeCharset(Buffer.concat(pending.bytes), pending.charset)
    pending = undefined
  }
  for (const match of text.matchAll(WORD)) {
    const [word, charset = '', encoding = '', content = ''] = match
    const between = text.slice(end, match.index)
    const adjacent = pending !== undefined && between.trim() === ''
    if (!adjacent || pending?.charset !== charset.toLowerCase()) flush()
    if (!adjacent) out += between
    pending ??= { charset: charset.toLowerCase(), bytes: [] }
    pending.bytes.push(wordBytes(encoding, content))
    end = match.index + word.length
  }
  flush()
  return out + text.slice(end)
}

const wordBytes = (encoding: string, content: string): Buffer =>
  encoding.toUpperCase() === 'B'
    ? Buffer.from(content, 'base64')
    : Buffer.from(
        content
          .replaceAll('_', ' ')
          .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) =>
            String.fromCharCode(parseInt(hex, 16)),
          ),
        'latin1',
      )
