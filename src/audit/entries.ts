/** The ledger's entries, in any state, and what each says of its message. */
import type { Ledger, LedgerEntry } from '../ledger/ledger.ts'

/** Where a message is accounted for: at the destination, in the dead letter, or still on the server. */
export type Account = 'delivered' | 'deadLettered' | 'filtered' | 'kept'

export function* allEntries(ledger: Ledger): Iterable<LedgerEntry> {
  yield* ledger.present()
  for (const key of ledger.goneBefore(Number.MAX_SAFE_INTEGER)) {
    const entry = ledger.get(key)
    if (entry) yield entry
  }
}

/** Mail that the server would not delete is kept there, and delivered all the same. */
export function accountOf({ state, was, reason }: LedgerEntry): Account {
  const standing = state === 'gone' ? was : state
  if (standing === 'delivered' || reason === 'undeletable') return 'delivered'
  if (standing === 'deadLettered') return 'deadLettered'
  return reason === 'filtered' ? 'filtered' : 'kept'
}
