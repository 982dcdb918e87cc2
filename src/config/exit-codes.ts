/** What each exit code means, for help and reference. */
export const EXIT_CODES: readonly (readonly [code: string, meaning: string])[] = [
  ['0', 'drained; restored whole; audited, and it adds up'],
  ['1', 'a bug of maildrain'],
  ['2', 'usage or configuration'],
  ['3', 'mailbox refused: credentials, TLS name, cleartext, permanent error'],
  ['4', 'mailbox unreachable or busy after retries'],
  ['5', 'destination refused or unreachable'],
  ['6', 'done, but messages were kept on the server or set aside'],
  ['7', 'another drainer holds the mailbox'],
  ['8', 'ledger damaged, lost or foreign; mail missing, altered or doubled at the destination'],
  ['130, 143', 'stopped by a signal, nothing in doubt'],
]
