/**
 * Delivered mail that has no entry any more has no name either. That it is there is proven by number and sum of keys: what the
 * ledger has counted as delivered, less what still has an entry, is what must be found beside that.
 */
import type { KeySet } from '../ledger/key-set.ts'

export interface ForgottenMail {
  /** Are they exactly those that should be there? */
  readonly proven: boolean
  /** Of those that should be there: how many are not, at least. */
  readonly missing: number
  /** Of those that are there: how many should not be, at least. */
  readonly strange: number
}

export function judgeForgotten(expected: KeySet, found: KeySet): ForgottenMail {
  const proven = expected.count === found.count && expected.sum === found.sum
  // As many, and not the same: at least one is missing, and another in its place.
  const exchanged = expected.count === found.count && !proven ? 1 : 0
  return {
    proven,
    missing: Math.max(exchanged, expected.count - found.count),
    strange: Math.max(exchanged, found.count - expected.count),
  }
}
