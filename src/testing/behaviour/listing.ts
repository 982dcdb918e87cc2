import type { PerMessage, PerSession } from './per-session.ts'

/** STAT, LIST and UIDL. */
export interface ListingBehaviour {
  /**
   * Exchange, Dovecot with `pop3_fast_size_lookups`: other sizes in STAT, LIST and the reply to RETR than those of the bytes
   * that come. `sizes` has the usual ones.
   */
  announce?: ((index: number, octets: number, raw: () => Buffer) => number | bigint) | undefined
  /** Stalwart and Cyrus (modulo 4 GiB), others: the octets of STAT are wrong, absent, or followed by more. */
  statOctets?: PerSession<'modulo-4-gib' | 'negative' | 'absent' | 'followed-by-text'> | undefined
  /** Mailpit before 1.26.1, Twisted: `LIST n` and `UIDL n` give the whole listing, or the value without the number. */
  oneLine?: PerSession<'whole-listing' | 'value-only'> | undefined
  /** Cyrus, hash-based servers, migrations: another unique-id. `uidls` has reset, reused, duplicated and odd ones. */
  uidlOf?: ((index: number, uidl: string, session: number) => string) | undefined
  /** Maillennium (two spaces), servers that K-9 met (`+OK` before each line): how the lines of UIDL look. */
  uidlLines?: PerSession<'two-spaces' | 'ok-first' | 'tab' | 'space-last'> | undefined
  /** Various: UIDL leaves a message out, or gives its number and no unique-id; so the counts of LIST and UIDL differ. */
  omitUidl?: PerMessage<'line' | 'value'> | undefined
  /** Various: LIST leaves a message out. */
  omitSize?: PerMessage<boolean> | undefined
  /**
   * Dovecot when a unique-id cannot be made (`cut`: the connection ends in the middle), various: the whole UIDL listing names
   * a number twice, one beyond STAT, or zero.
   */
  uidlListing?: PerSession<'cut' | 'repeats' | 'beyond-stat' | 'zero'> | undefined
  /** Old servers: no UIDL, neither in CAPA nor as a command. */
  noUidl?: PerSession<boolean> | undefined
  /** WildDuck: multi-line LIST and UIDL number what is left after DELE anew, while RETR and DELE keep the old numbers. */
  renumberListings?: boolean | undefined
  /** Stalwart: LIST and UIDL go on showing what was deleted in the session. */
  listsDeleted?: PerSession<boolean> | undefined
}
