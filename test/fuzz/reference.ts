/**
 * What a server's bytes mean, read the slow way: the whole text at once, by regular expressions, without any state between
 * two bytes. Shares no code with src/pop3; what the client makes of the same bytes in pieces must be the same.
 */

/** What a command's reply is made of. */
export type Expects = 'line' | 'lines' | 'body'

export interface Reply {
  readonly status: 'ok' | 'err' | 'continue'
  readonly text: string
  readonly content: string
  /** Lines of a listing. */
  readonly lines: readonly string[]
  /** The reply was read to its end. */
  readonly whole: boolean
}

type End = 'no reply' | 'line too long' | 'unasked' | 'goodbye' | 'injected' | 'foreign'

export interface Reading {
  readonly replies: readonly Reply[]
  /** Why the session cannot go on; undefined while it can. */
  readonly end: End | undefined
}

export interface Asked {
  readonly expects: Expects
  readonly verb: string
}

interface Rules {
  readonly maxLineBytes: number
  /** Does -ERR with these words end the session? */
  readonly goodbye: (text: string, verb: string) => boolean
}

/** What one command's reply comes to. */
interface Step {
  readonly reply?: Reply
  /** What follows the reply; undefined when there is nothing more to be read. */
  readonly rest?: string
  readonly end?: End | undefined
}

/** @param wire what came, one character a byte @param asked commands in flight */
export function readReplies(wire: string, asked: readonly Asked[], rules: Rules): Reading {
  const replies: Reply[] = []
  let rest = wire
  for (const command of asked) {
    const step = readReply(rest, command, rules)
    if (step.reply !== undefined) replies.push(step.reply)
    if (step.rest === undefined) return { replies, end: step.end }
    rest = step.rest
  }
  return { replies, end: afterAll(rest, rules.maxLineBytes) }
}

function readReply(wire: string, asked: Asked, rules: Rules): Step {
  if (asked.verb === 'GREETING' && /^[\0-\x1f]./s.test(wire)) return { end: 'foreign' }
  const line = firstLine(wire, rules.maxLineBytes)
  if (line === undefined) return {}
  if (line === 'too long') return { end: 'line too long' }
  const status = statusOf(line.text)
  const end = endBy(status, asked.verb, rules)
  if (status === undefined || end !== undefined) return { end }
  const rest = wire.slice(line.length)
  const head = { status: status.kind, text: status.text, content: '', lines: [], whole: true }
  if (status.kind === 'ok' && asked.verb === 'STLS')
    return rest === '' ? { reply: head } : { reply: head, end: 'injected' }
  if (status.kind !== 'ok' || asked.expects === 'line') return { reply: head, rest }
  return readContent(rest, head, asked.expects, rules)
}

/** Does the status line end the session? */
function endBy(
  status: ReturnType<typeof statusOf>,
  verb: string,
  { goodbye }: Rules,
): End | undefined {
  if (status === undefined) return verb === 'GREETING' ? 'foreign' : 'no reply'
  if (status.kind === 'continue' && verb !== 'AUTH') return 'no reply'
  return status.kind === 'err' && goodbye(status.text, verb) ? 'goodbye' : undefined
}

function readContent(wire: string, head: Reply, expects: Expects, rules: Rules): Step {
  const { content, whole, length } = bodyOf(wire)
  const rest = whole ? { rest: wire.slice(length) } : {}
  if (expects === 'body') return { reply: { ...head, content, whole }, ...rest }
  const { lines, tooLong } = linesOf(content, rules.maxLineBytes)
  if (tooLong) return { reply: { ...head, lines, whole: false }, end: 'line too long' }
  return { reply: { ...head, lines, whole }, ...rest }
}

/** Whatever comes when nothing is asked for ends the session as soon as it is a line. */
function afterAll(rest: string, maxLineBytes: number): End | undefined {
  const line = firstLine(rest, maxLineBytes)
  if (line === undefined) return undefined
  if (line === 'too long') return 'line too long'
  return statusOf(line.text)?.kind === 'err' ? 'goodbye' : 'unasked'
}

function firstLine(
  text: string,
  maxLineBytes: number,
): { readonly text: string; readonly length: number } | 'too long' | undefined {
  const end = text.indexOf('\n')
  if ((end < 0 ? text.length : end) > maxLineBytes) return 'too long'
  if (end < 0) return undefined
  return { text: text.slice(0, end).replace(/\r$/, ''), length: end + 1 }
}

function statusOf(
  line: string,
): { readonly kind: Reply['status']; readonly text: string } | undefined {
  const ok = /^\+OK(?![A-Za-z0-9]).?(.*)$/s.exec(line)
  if (ok !== null) return { kind: 'ok', text: ok[1] ?? '' }
  const err = /^-ERR(?![A-Za-z0-9]).?(.*)$/s.exec(line)
  if (err !== null) return { kind: 'err', text: err[1] ?? '' }
  const more = /^\+(?: (.*))?$/s.exec(line)
  return more === null ? undefined : { kind: 'continue', text: more[1] ?? '' }
}

/** RFC 1939 section 3, as far as it has come; a dot that may yet be the end is not content. */
function bodyOf(rest: string): {
  readonly content: string
  readonly whole: boolean
  readonly length: number
} {
  const end = rest.startsWith('.\r\n') ? 0 : rest.indexOf('\r\n.\r\n') + 2
  const whole = rest.startsWith('.\r\n') || end >= 2
  const stuffed = whole ? rest.slice(0, end) : rest.replace(/(^|\r\n)\.\r?$/, '$1')
  const content = stuffed
    .split('\r\n')
    .map((line) => line.replace(/^\./, ''))
    .join('\r\n')
  return { content, whole, length: end + 3 }
}

function linesOf(
  content: string,
  maxLineBytes: number,
): { readonly lines: readonly string[]; readonly tooLong: boolean } {
  const pieces = content.split('\n')
  const long = pieces.findIndex((piece) => piece.length > maxLineBytes)
  const lines = pieces.slice(0, long < 0 ? -1 : long).map((line) => line.replace(/\r$/, ''))
  return { lines, tooLong: long >= 0 }
}

/** `n value` of a listing; undefined when the line is none. */
export function readListingLine(
  line: string,
): { readonly n: number; readonly rest: string } | undefined {
  const found = /^[ \t]*(?:\+OK[ \t]+)?(\d{1,10})(?:[ \t]+(.*?))?[ \t]*$/s.exec(line)
  return found === null ? undefined : { n: Number(found[1]), rest: found[2] ?? '' }
}

/** A unique-id that may be used. */
export const isUidl = (rest: string): boolean => /^[^\0-\x1f\x7f]{1,1024}$/.test(rest)

/** The octets of a listing line; a negative number announces none. */
export function readOctets(rest: string): number | undefined {
  const first = rest.split(/[ \t]/, 1)[0] ?? ''
  if (/^-\d{1,15}$/.test(first)) return 0
  return /^\d{1,15}$/.test(first) ? Number(first) : undefined
}
