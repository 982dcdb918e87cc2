/**
 * Identity of a message and of a mailbox. Nothing of the clock, the session or chance goes in: the same bytes in the
 * same mailbox have the same key for ever.
 */
import { createHash } from 'node:crypto'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** Lower-case base32 (RFC 4648 section 6) without padding. */
export function base32(bytes: Uint8Array): string {
  let out = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      out += ALPHABET.charAt((value >>> bits) & 31)
    }
  }
  if (bits > 0) out += ALPHABET.charAt((value << (5 - bits)) & 31)
  return out
}

const digest = (...parts: (string | Uint8Array)[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts)
    hash.update(typeof part === 'string' ? Buffer.from(part, 'latin1') : part)
  return hash.digest()
}

const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8')

/**
 * K: lower-case base32 of SHA-256(mailbox id, 0, UIDL bytes or nothing, 0, SHA-256 of the raw bytes); 52 letters.
 * @param uidl one character a byte (latin1), or null
 * @param sha256 of the raw bytes, hex
 */
export function messageKey(mailbox: string, uidl: string | null, sha256: string): string {
  return base32(digest(utf8(mailbox), '\0', uidl ?? '', '\0', Buffer.from(sha256, 'hex')))
}

/** M: the first 16 letters of base32(SHA-256(mailbox id)). */
export function mailboxKey(mailbox: string): string {
  return base32(digest(utf8(mailbox))).slice(0, 16)
}

/** Ledger key of a message of which there are no whole bytes: `u/` + base32(SHA-256(UIDL, 0, listed octets)). */
export function unfetchedKey(uidl: string, listedOctets: number): string {
  return `u/${base32(digest(uidl, '\0', String(listedOctets)))}`
}

/** `user@host`, host in lower case, with the port unless it is a standard one (110, 995). */
export function mailboxId(user: string, host: string, port: number): string {
  const suffix = port === 110 || port === 995 ? '' : `:${port}`
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  return `${user}@${name.toLowerCase()}${suffix}`
}
