/** A destination that has neither mail nor a ledger of a mailbox. */
import { ConfigError } from '../errors.ts'
import type { Ledger } from '../ledger/ledger.ts'

/** A ledger that has forgotten all of its entries knows the mailbox. */
export const hasSeenNothing = ({ size, tally }: Ledger): boolean =>
  size === 0 && (tally === undefined || tally.seen + tally.vanished + tally.accepted === 0)

export const unknownMailbox = (mailbox: string, destination: string): ConfigError =>
  new ConfigError(
    'MAILDRAIN_CONFIG_INVALID',
    `${destination} has neither mail nor a ledger of mailbox ${mailbox}; name destination and mailbox as the receipt of the drain does`,
  )
