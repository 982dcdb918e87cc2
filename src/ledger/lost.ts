/** A ledger that does not know what it should, and the ways on. */
import { LedgerError } from '../errors.ts'
import { type Tally } from './ledger.ts'
import { prunedEntries } from './tally.ts'

/**
 * - LOST: the ledger or the destination has lost what the other one speaks of.
 * - OLDER: the ledger is a copy of before the last of the mail was written.
 */
export const lostLedger = (
  code: 'MAILDRAIN_LEDGER_LOST' | 'MAILDRAIN_LEDGER_OLDER',
  what: string,
): LedgerError =>
  new LedgerError(
    code,
    `${what}. Restore it; or let the ledger be made anew from the mail that is there by --rebuild-ledger; or go on with what is there by --accept-missing: what is still on the server is delivered again`,
  )

/** Entries that the ledger had, and that nobody has forgotten in order. */
export const missingEntries = (tally: Tally, size: number): number =>
  Math.max(0, tally.seen - prunedEntries(tally) - size)
