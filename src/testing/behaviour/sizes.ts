/** Sizes as real servers announce them, for `announce`. */

type Announce = (index: number, octets: number, raw: () => Buffer) => number | bigint

export const sizes = {
  /** Servers that do not know. */
  zero: (() => 0) as Announce,
  /** Servers that count the terminator, or not the last line end. */
  off:
    (by: number): Announce =>
    (_index, octets) =>
      Math.max(0, octets + by),
  /** Hostile servers: 2^63, beyond what doubles and signed integers hold. */
  huge: (() => 2n ** 63n) as Announce,
  /** Dovecot with `pop3_fast_size_lookups`, Stalwart in RETR: each line end counts one octet. Reads the message. */
  lfCounted: ((_index, octets, raw) => octets - lineEnds(raw())) as Announce,
  /** Exchange: the size as stored, some per cent beside that of the message that is made of it, above and below. */
  stored: ((index, octets) => Math.ceil(octets * (0.95 + ((index * 7) % 11) / 100))) as Announce,
} as const

function lineEnds(raw: Buffer): number {
  let count = 0
  for (let at = raw.indexOf('\r\n'); at !== -1; at = raw.indexOf('\r\n', at + 2)) count += 1
  return count
}
