/**
 * Messages in an mbox, reversible to the byte. Each is a line that begins with `From `, the message in which every line of
 * `>`s and `From ` has one `>` more (mboxrd), and one LF. Nothing else is changed: CRLF stays CRLF, and a message that does
 * not end with a line end still does not, as exactly one LF in front of the next `From ` line is not the message's.
 *
 * A reader splits in front of each line that begins with `From `, drops that line and the last LF before the next, and
 * takes one `>` from each line of `>`s and `From `.
 */

/**
 * The same for every message, as what is restored must not depend on when; this sender and date are what RFC 4155 leaves
 * to writers that know no better.
 */
const FROM_LINE = Buffer.from('From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n', 'latin1')

const LF = 0x0a
const GREATER = 0x3e
const FROM = Buffer.from('From ', 'latin1')
const LINE_END = Buffer.of(LF)

/** The mbox for one message, in order. */
export const mboxrdPieces = (raw: Buffer): Buffer[] => [FROM_LINE, quoted(raw), LINE_END]

/** At once where it belongs: a message of nothing but `From ` lines would be millions of pieces. */
function quoted(raw: Buffer): Buffer {
  const lines = countOf(fromLines(raw))
  if (lines === 0) return raw
  const out = Buffer.allocUnsafe(raw.length + lines)
  let read = 0
  let written = 0
  for (const start of fromLines(raw)) {
    written += raw.copy(out, written, read, start)
    out[written] = GREATER
    written += 1
    read = start
  }
  raw.copy(out, written, read)
  return out
}

/** Where lines of `>`s and `From ` begin. */
function* fromLines(raw: Buffer): Generator<number> {
  for (let at = raw.indexOf(FROM); at >= 0; at = raw.indexOf(FROM, at + FROM.length)) {
    let start = at
    while (start > 0 && raw[start - 1] === GREATER) start -= 1
    if (start === 0 || raw[start - 1] === LF) yield start
  }
}

function countOf(items: Iterator<unknown>): number {
  let count = 0
  while (items.next().done !== true) count += 1
  return count
}
