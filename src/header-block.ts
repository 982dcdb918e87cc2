/**
 * The header block of a message: its octets up to and including the first empty line. It is what TOP n 0 gives of a message
 * (RFC 1939 section 7), and what the ledger keeps a digest of.
 */
import { createHash } from 'node:crypto'

export const sha256 = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex')

/** Undefined where no line is empty. */
export function headerBlock(bytes: Buffer): Buffer | undefined {
  if (bytes[0] === 0x0d && bytes[1] === 0x0a) return bytes.subarray(0, 2)
  const end = bytes.indexOf('\r\n\r\n')
  return end < 0 ? undefined : bytes.subarray(0, end + 4)
}

/** SHA-256 of the header block; of everything where no line is empty. */
export const headerDigest = (raw: Buffer): string => sha256(headerBlock(raw) ?? raw)

/** Was this block stamped by a server on the way? With the time and the number in it no two messages are alike. */
export const hasReceived = (block: Buffer): boolean =>
  /(?:^|\r\n)received[ \t]*:/i.test(block.toString('latin1'))
