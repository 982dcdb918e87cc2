/** Transfer encodings (RFC 2045 section 6), decoded as mailparser decodes them, so that equal content has an equal hash. */

/** Encodings whose content is the bytes themselves. */
const IDENTITY = new Set(['', '7bit', '8bit', 'binary'])

/** Can the content be decoded? x-uuencode and misspelt names cannot. */
export function isKnownEncoding(encoding: string): boolean {
  return IDENTITY.has(encoding) || encoding === 'base64' || encoding === 'quoted-printable'
}

/** Decoded content; that of unknown encodings as it is. */
export function decodeTransfer(content: Buffer, encoding: string): Buffer {
  if (encoding === 'base64') return Buffer.from(content.toString('latin1'), 'base64')
  if (encoding === 'quoted-printable') return decodeQuotedPrintable(content)
  return content
}

function decodeQuotedPrintable(content: Buffer): Buffer {
  const out = Buffer.allocUnsafe(content.length)
  let length = 0
  let at = 0
  while (at < content.length) {
    const byte = content[at] ?? 0
    if (isBlank(byte)) {
      // The run is looked at once: one look a byte would be quadratic on a megabyte of spaces.
      const end = endOfBlanks(content, at)
      if (!isLineEnd(content, end)) length += content.copy(out, length, at, end)
      at = end
      continue
    }
    const soft = byte === 0x3d ? softBreakLength(content, at) : 0
    const code = byte === 0x3d ? hexAt(content, at + 1) : -1
    if (soft === 0) out[length++] = code >= 0 ? code : byte
    at += soft > 0 ? soft : code >= 0 ? 3 : 1
  }
  return out.subarray(0, length)
}

const isBlank = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x09

function endOfBlanks(content: Buffer, start: number): number {
  let at = start
  while (isBlank(content[at])) at += 1
  return at
}

/** White space before a line end is transport padding (RFC 2045 section 6.7, rule 3). */
function isLineEnd(content: Buffer, at: number): boolean {
  const next = content[at]
  return next === undefined || next === 0x0a || (next === 0x0d && content[at + 1] === 0x0a)
}

function softBreakLength(content: Buffer, start: number): number {
  const at = endOfBlanks(content, start + 1)
  if (at >= content.length) return at - start
  if (content[at] === 0x0d && content[at + 1] === 0x0a) return at + 2 - start
  return content[at] === 0x0a ? at + 1 - start : 0
}

/** Value of each hex digit's byte, -1 for all others. */
const HEX = Int8Array.from({ length: 256 }, (_, byte) => {
  const digit = parseInt(String.fromCharCode(byte), 16)
  return Number.isNaN(digit) ? -1 : digit
})

function hexAt(content: Buffer, at: number): number {
  const high = HEX[content[at] ?? 0] ?? -1
  const low = HEX[content[at + 1] ?? 0] ?? -1
  return high < 0 || low < 0 ? -1 : high * 16 + low
}
