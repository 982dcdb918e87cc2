/** What servers make of a message's bytes before they send them. */

const LF = 0x0a
const CR = 0x0d
const DOT = 0x2e

export const endsLine = (raw: Buffer): boolean => raw.at(-2) === CR && raw.at(-1) === LF

/** Where the first line of the body begins; the length where there is no empty line. */
function bodyOf(raw: Buffer): number {
  if (raw[0] === CR && raw[1] === LF) return 2
  const empty = raw.indexOf('\r\n\r\n')
  return empty === -1 ? raw.length : empty + 4
}

/** Header block, empty line, and so many lines of the body (RFC 1939 section 7). */
export function topOf(raw: Buffer, lines: number): Buffer {
  let end = bodyOf(raw)
  for (let left = lines; left > 0 && end < raw.length; left -= 1) {
    const next = raw.indexOf('\r\n', end)
    end = next === -1 ? raw.length : next + 2
  }
  return raw.subarray(0, end)
}

/** The first octets of a message, the last two of them CRLF, as a well terminated reply needs them. */
export function shortened(raw: Buffer, octets: number): Buffer {
  if (octets >= raw.length) return raw
  const short = Buffer.from(raw.subarray(0, octets))
  if (octets >= 2) short.write('\r\n', octets - 2, 'latin1')
  return short
}

/** Another bit in the middle; line ends and dots stay what they are. */
export function corrupted(raw: Buffer): Buffer {
  const copy = Buffer.from(raw)
  let at = copy.length >>> 1
  while (at < copy.length && [CR, LF, DOT].includes(copy[at] ?? 0)) at += 1
  if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ 0x40
  return copy
}

export function withoutNul(raw: Buffer, how: 'cuts-line' | 'becomes-x80'): Buffer {
  if (!raw.includes(0)) return raw
  const text = raw.toString('latin1')
  const changed =
    how === 'cuts-line' ? text.replace(/\0[^\r\n]*/g, '') : text.replaceAll('\0', '\x80')
  return Buffer.from(changed, 'latin1')
}

/** A message with 8-bit bytes in its header, inside one without. */
export function wrapped(raw: Buffer): Buffer {
  const head = raw.subarray(0, bodyOf(raw))
  if (head.every((byte) => byte < 0x80)) return raw
  const before = [
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary="=_wrapped"',
    ...['', '--=_wrapped', 'Content-Type: text/plain', ''],
    'The header of this message holds 8-bit characters, which this session cannot carry.',
    ...['--=_wrapped', 'Content-Type: message/rfc822', '', ''],
  ]
  const after = ['', '--=_wrapped--', '']
  return Buffer.concat([
    Buffer.from(before.join('\r\n'), 'latin1'),
    raw,
    Buffer.from(after.join('\r\n'), 'latin1'),
  ])
}

export type Stuffing = 'none' | 'after-crlf' | 'after-lf'

/** Hands on the bytes with their dots stuffed, in pieces. */
export function stuff(raw: Buffer, where: Stuffing, send: (piece: Buffer) => void): void {
  if (where === 'none') {
    send(raw)
    return
  }
  const mark = where === 'after-lf' ? '\n.' : '\r\n.'
  const lineEnd = mark.length - 1
  let from = 0
  if (raw[0] === DOT) send(ONE_DOT)
  for (let at = raw.indexOf(mark); at !== -1; at = raw.indexOf(mark, at + mark.length)) {
    send(raw.subarray(from, at + lineEnd))
    send(ONE_DOT)
    from = at + lineEnd
  }
  send(raw.subarray(from))
}

const ONE_DOT = Buffer.from('.')
