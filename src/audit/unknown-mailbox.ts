/** A destination that has neither mail nor a ledger of a mailbox. */
import { ConfigError } from '../errors.ts'

export const unknownMailbox = (mailbox: string, destination: string): ConfigError =>
  new ConfigError(
    'MAILDRAIN_CONFIG_INVALID',
    `${destination} has neither mail nor a ledger of mailbox ${mailbox}; name destination and mailbox as the receipt of the drain does`,
  )
