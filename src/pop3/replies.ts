/**
 * Status lines: what kind they are, the response code in them (RFC 2449 section 8), and which error a refusal is. The
 * text is the server's, so it is cleaned before anybody sees it (terminal escapes in server text are an old attack).
 */
import { type ErrorCode, ERROR_CODES, Pop3ReplyError } from '../errors.ts'
import type { Capabilities } from './capabilities.ts'

/** Longest server text that errors and logs carry, in characters. */
const MAX_SHOWN = 200

/** `continue` is the `+` of a SASL exchange (RFC 5034 section 4); `other` breaks the protocol. */
export type StatusKind = 'ok' | 'err' | 'continue' | 'other'

export interface Status {
  readonly kind: StatusKind
  /** What follows the indicator, one character a byte, not cleaned; the whole line when the kind is `other`. */
  readonly text: string
}

/** Reads a line without its CRLF. `+OKAY` is not `+OK`. */
export function parseStatus(line: Buffer): Status {
  const text = line.toString('latin1')
  if (text.startsWith('+OK') && endsWord(text, 3)) return { kind: 'ok', text: text.slice(4) }
  if (text.startsWith('-ERR') && endsWord(text, 4)) return { kind: 'err', text: text.slice(5) }
  if (text === '+' || text.startsWith('+ ')) return { kind: 'continue', text: text.slice(2) }
  return { kind: 'other', text }
}

function endsWord(text: string, at: number): boolean {
  return text.length === at || !/[A-Za-z0-9]/.test(text.charAt(at))
}

/**
 * Server text made safe to show: read as UTF-8, without control, escape, bidi and other invisible characters, at most 200
 * characters. `secrets` are replaced wherever the server echoes them.
 * @param text one character a byte
 */
export function cleanText(text: string, secrets: readonly string[] = []): string {
  const decoded = Buffer.from(text, 'latin1').toString('utf8')
  const hide = (shown: string) => secrets.reduce(withoutSecret, shown)
  // Hidden twice: control characters inside an echoed password must not carry it through.
  const cleaned = hide(
    hide(decoded)
      .replace(/\t/g, ' ')
      .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ''),
  )
  const characters = Array.from(cleaned.trim())
  if (characters.length <= MAX_SHOWN) return characters.join('')
  return `${characters.slice(0, MAX_SHOWN - 1).join('')}…`
}

/** A token is echoed in part by servers that cut lines: so much of its beginning gives it away. */
const TELLING_CHARACTERS = 16

function withoutSecret(text: string, secret: string): string {
  if (secret === '') return text
  const rest = text.replaceAll(secret, '***')
  const at =
    secret.length < 2 * TELLING_CHARACTERS ? -1 : rest.indexOf(secret.slice(0, TELLING_CHARACTERS))
  if (at < 0) return rest
  let end = at
  while (end < rest.length && rest[end] === secret[end - at]) end += 1
  return `${rest.slice(0, at)}***${rest.slice(end)}`
}

/** The response code at the beginning of a refusal, upper case, without brackets; null when there is none. */
export function responseCode(text: string): string | null {
  const found = /^\s*\[([A-Za-z0-9/._-]{1,64})\]/.exec(text)
  return found?.[1]?.toUpperCase() ?? null
}

/** Where a refusal came: what it means without a response code depends on it. */
export type ReplyContext = 'greeting' | 'login' | 'session'

const CODES: readonly (readonly [string, ErrorCode])[] = [
  ['IN-USE', 'MAILDRAIN_POP3_MAILDROP_BUSY'],
  ['LOGIN-DELAY', 'MAILDRAIN_POP3_LOGIN_DELAY'],
  ['SYS/TEMP', 'MAILDRAIN_POP3_SERVER_TEMPORARY'],
  ['SYS/PERM', 'MAILDRAIN_POP3_SERVER_PERMANENT'],
  ['UTF8', 'MAILDRAIN_POP3_UTF8_NEEDED'],
]

/** Old servers say it in words only (pop locks of qpopper, InterMail, Cyrus); a locked *account* is no lock. */
const BUSY_TEXT =
  /\block busy\b|\balready locked\b|\b(?:mail ?drop|mailbox|inbox|spool)\b.{0,40}\b(?:lock(?:ed)?|in use|busy)\b|\b(?:lock|open) (?:the |your )?(?:mail ?drop|mailbox|spool)\b|\banother (?:pop3? )?(?:session|client|user)\b|\bunable to (?:get|obtain|acquire) (?:a )?lock\b/i
/** WildDuck: `Download was rate limited`; 163.com: `Download exceed. msg=10`. */
const QUOTA_TEXT =
  /\bdownload(?:s|ing)?\b.{0,20}\b(?:rate[ -]?limit(?:ed)?|exceed(?:ed|s)?|quota)\b|\b(?:rate|download|bandwidth)[ -]?(?:limit|quota)(?: was| is| has been)? (?:exceeded|reached)\b|\brate[ -]?limited\b/i
const TEMPORARY_TEXT =
  /\bwait (?:a few|some|\d+)\b|\btry (?:again )?later\b|\bservice (?:is )?(?:temporarily )?unavailable\b|\btemporar(?:y|ily)\b|\btoo many (?:open )?(?:connections|sessions|logins)\b/i

/** Which error an -ERR is (RFC 2449 section 8.1, RFC 3206, and words where there is no code). */
export function classifyRefusal(
  text: string,
  context: ReplyContext,
  capabilities: Pick<Capabilities, 'authRespCode'>,
): ErrorCode {
  const code = responseCode(text)
  const known = CODES.find(([name]) => code === name || code?.startsWith(`${name}/`) === true)
  if (known !== undefined) return known[1]
  if (code === null && QUOTA_TEXT.test(text)) return 'MAILDRAIN_POP3_QUOTA'
  if (context === 'session') return 'MAILDRAIN_POP3_REFUSED'
  if (context === 'login' && code === 'AUTH') return 'MAILDRAIN_POP3_AUTH_REJECTED'
  if (BUSY_TEXT.test(text)) return 'MAILDRAIN_POP3_MAILDROP_BUSY'
  if (context === 'greeting' || TEMPORARY_TEXT.test(text)) return 'MAILDRAIN_POP3_SERVER_TEMPORARY'
  // RFC 3206 section 4: a server that has [AUTH] and does not use it speaks about something else.
  return capabilities.authRespCode
    ? 'MAILDRAIN_POP3_SERVER_TEMPORARY'
    : 'MAILDRAIN_POP3_AUTH_REJECTED'
}

/**
 * Servers say goodbye unasked (Dovecot: `-ERR Disconnected for inactivity.`); such a line answers no command, whatever is in
 * flight. During login only the plainest form counts: accounts, too, are "disabled for inactivity".
 */
export function isGoodbye(text: string, context: ReplyContext): boolean {
  if (/^(?:\[[^\]]*\] ?)?disconnected\b/i.test(text)) return true
  if (context !== 'session') return false
  return /\bfor inactivity\b|\binactivity time|\bauto-?log-?out\b|\bidle (?:for )?too long\b|\bidle time/i.test(
    text,
  )
}

export interface Refusal {
  /** `host:port`, for the message. */
  readonly server: string
  readonly command: string
  readonly text: string
  readonly context: ReplyContext
  readonly capabilities: Pick<Capabilities, 'authRespCode'>
  readonly clean: (text: string) => string
}

/** The error that an -ERR is. */
export function refusalError(refusal: Refusal): Pop3ReplyError {
  const { server, command, text, context, capabilities, clean } = refusal
  const code = classifyRefusal(text, context, capabilities)
  const replyText = clean(text)
  const what = context === 'greeting' ? 'the connection' : command
  const why = replyText === '' ? ' without a reason' : `: "${replyText}"`
  return new Pop3ReplyError(code, `${server} refused ${what}${why}; ${remedy(code)}`, {
    ...{ command, replyText, responseCode: responseCode(text) },
  })
}

/** What the reader does now, to go on a sentence with. */
export function remedy(code: ErrorCode): string {
  const text = ERROR_CODES[code].remedy
  return text.charAt(0).toLowerCase() + text.slice(1)
}

/**
 * What speaks there, when the first line is no greeting of POP3.
 * @param line beginning of what came
 */
export function describeForeignGreeting(line: Buffer, clean: (text: string) => string): string {
  const text = line.toString('latin1', 0, 200)
  if (/^[\x14-\x17]\x03/.test(text)) return 'it speaks TLS: use pop3s:// or another port'
  if (/^220[ -]/.test(text)) return 'it looks like an SMTP or FTP server'
  if (/^\* (?:OK|PREAUTH|BYE)\b/i.test(text)) return 'it looks like an IMAP server'
  if (/^(?:HTTP\/|<(?:!doctype|html))/i.test(text)) return 'it looks like a web server'
  const shown = clean(text.slice(0, 60))
  return shown === '' ? 'it sent something unreadable' : `it sent "${shown}"`
}
