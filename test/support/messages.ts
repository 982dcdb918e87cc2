import { createHash } from 'node:crypto'
import { messageKey } from '../../src/identity.ts'
import type { LedgerEntry } from '../../src/ledger/ledger.ts'
import type { RawMessage } from '../../src/message.ts'

export const MAILBOX = 'user@mail.example'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** A raw message with this body under this unique-id. */
export function rawMessage(uidl: string | null, body: string, mailbox = MAILBOX): RawMessage {
  const raw = Buffer.from(`Subject: test\r\n\r\n${body}\r\n`, 'latin1')
  const digest = sha256(raw)
  return {
    ...{ mailbox, uidl, listedOctets: raw.length, octets: raw.length, sha256: digest },
    headerSha256: sha256(raw.subarray(0, 17)),
    key: messageKey(mailbox, uidl, digest),
    raw,
    fetchedAt: 1_700_000_000_000,
  }
}

/** A ledger entry of that message. */
export function entryFor(message: RawMessage, change: Partial<LedgerEntry> = {}): LedgerEntry {
  const { key, uidl, listedOctets, octets, sha256: digest, headerSha256 } = message
  return {
    ...{ key, uidl, listedOctets, octets, sha256: digest, headerSha256, state: 'delivered' },
    ...{ was: null, reason: null, fingerprint: null, attempts: 0, copies: 0 },
    ...{ place: null, at: 1_600_000_000_000, goneAt: null },
    ...change,
  }
}
