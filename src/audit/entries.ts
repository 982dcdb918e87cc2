/** Where the ledger's entries say that each message is accounted for. */
import { type LedgerEntry, isDelivered } from '../ledger/ledger.ts'

/** At the destination, in the dead letter, or still on the server. */
export type Account = 'delivered' | 'deadLettered' | 'filtered' | 'kept'

export function accountOf(entry: LedgerEntry): Account {
  if (isDelivered(entry)) return 'delivered'
  const { state, was, reason } = entry
  if ((state === 'gone' ? was : state) === 'deadLettered') return 'deadLettered'
  return reason === 'filtered' ? 'filtered' : 'kept'
}
