/** Ledger entries from mail that a destination holds, for a ledger that was lost. Only what its own bytes bear out is believed. */
import { headerDigest } from '../header-block.ts'
import type { LedgerEntry } from '../ledger/ledger.ts'
import type { StoredRecord } from './sink.ts'
import { verifyRecord } from './verify-record.ts'

/** `further`: a record beside the first of its message, which has an entry. */
export type Rebuilt = LedgerEntry | 'further' | 'damaged'

/**
 * What LIST announced is not in a record: the octets that came stand for it, and where they differ the message is read again.
 * @param at wall clock, ms since 1970 UTC
 */
export function rebuiltEntry(record: StoredRecord, at: number): Rebuilt {
  const { key, first, why } = verifyRecord(record)
  if (why !== null) return 'damaged'
  if (!first) return 'further'
  const { uidl, sha256, raw, position } = record
  return {
    ...{ key, uidl, listedOctets: raw.length, octets: raw.length, sha256 },
    ...{ headerSha256: headerDigest(raw), state: 'delivered', was: null, reason: null },
    ...{ fingerprint: null, attempts: 0, copies: 0, place: position, at, goneAt: null },
  }
}
