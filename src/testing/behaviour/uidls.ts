/** Unique-ids as real servers have them, for `uidlOf`. */

type UidlOf = (index: number, uidl: string, session: number) => string

export const uidls = {
  /** A migration, another UIDVALIDITY: all unique-ids are new from this session on. */
  reset:
    (session: number): UidlOf =>
    (_index, uidl, now) =>
      now >= session ? `new-${uidl}` : uidl,
  /** Cyrus after its UIDVALIDITY changed, servers that count per folder: they begin anew after so many messages. */
  reused:
    (after: number): UidlOf =>
    (index) =>
      `reused-${index % after}`,
  /** Servers that hash the header, Dovecot's default for copies: so many neighbours have the same. */
  duplicated:
    (neighbours: number): UidlOf =>
    (index) =>
      `same-${Math.floor(index / neighbours)}`,
  /** Cyrus on old mailboxes: the bare UID. */
  bare: ((index) => String(index + 1)) as UidlOf,
  /** Various, against RFC 1939: spaces inside. */
  spaced: ((_index, uidl) => `a ${uidl}  b`) as UidlOf,
  /** Various, against RFC 1939: 8-bit bytes. */
  eightBit: ((_index, uidl) => `${uidl}-\xe9\xff`) as UidlOf,
  /** Various: longer than the 70 octets of RFC 1939. */
  long:
    (octets: number): UidlOf =>
    (_index, uidl) =>
      uidl.padEnd(octets, '+'),
} as const
