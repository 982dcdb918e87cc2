/** Ledger entries from mail that a destination holds, for a ledger that was lost. Only what its own bytes bear out is believed. */
import { headerDigest, sha256 } from '../header-block.ts'
import { messageKey } from '../identity.ts'
import type { LedgerEntry } from './ledger.ts'

/** A record as the destination holds it (`Sink.readBack`). */
export interface Stored {
  readonly key: string
  readonly mailbox: string
  readonly uidl: string | null
  readonly sha256: string
  readonly raw: Buffer
  readonly position: string
  readonly damage: string | null
}

/** `further`: a record beside the first of its message, which has an entry. */
export type Rebuilt = LedgerEntry | 'further' | 'damaged'

/**
 * What LIST announced is not in a record: the octets that came stand for it, and where they differ the message is read again.
 * @param at wall clock, ms since 1970 UTC
 */
export function rebuiltEntry(stored: Stored, at: number): Rebuilt {
  const { key, mailbox, uidl, raw, position, damage } = stored
  if (damage !== null) return 'damaged'
  const digest = sha256(raw)
  const K = messageKey(mailbox, uidl, digest)
  if (digest !== stored.sha256) return 'damaged'
  if (key !== K) return key.startsWith(`${K}.`) ? 'further' : 'damaged'
  return {
    ...{ key, uidl, listedOctets: raw.length, octets: raw.length, sha256: digest },
    ...{ headerSha256: headerDigest(raw), state: 'delivered', was: null, reason: null },
    ...{ fingerprint: null, attempts: 0, copies: 0, place: position, at, goneAt: null },
  }
}
