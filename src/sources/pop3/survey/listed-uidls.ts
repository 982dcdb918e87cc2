/** What is odd about the unique-ids of a mailbox, packed: their lengths and who shares one, six octets of memory a message. */
import { UidlCensus } from './uidl-census.ts'

/** RFC 1939 section 7: one to 70 characters from 0x21 to 0x7e. */
const LONGEST = 70
const OTHER_CHARACTERS = /[^\x21-\x7e]/
const MAX_LENGTH = 0xffff

export class ListedUidls {
  readonly census: UidlCensus
  readonly #lengths: Uint16Array
  readonly #firsts: Uint32Array
  /** Numbers that have one. */
  named = 0
  /** Numbers that UIDL named without a usable unique-id. */
  missing = 0
  /** Longer than 70 octets, or of characters that RFC 1939 does not allow. */
  odd = 0
  /** Octets that the listing took on the wire. */
  listingOctets = 0
  /** Octets of the unique-ids. */
  total = 0

  constructor(messages: number, random: () => number) {
    this.census = new UidlCensus(random)
    this.#lengths = new Uint16Array(messages + 1)
    this.#firsts = new Uint32Array(messages + 1)
  }

  see(n: number, uidl: string): void {
    this.named += 1
    this.#lengths[n] = Math.min(uidl.length, MAX_LENGTH)
    this.#firsts[n] = this.census.see(n, uidl)
    this.total += uidl.length
    this.listingOctets += String(n).length + uidl.length + 3
    if (uidl.length > LONGEST || OTHER_CHARACTERS.test(uidl)) this.odd += 1
  }

  miss(n: number): void {
    this.missing += 1
    this.listingOctets += String(n).length + 3
  }

  /** Octets of a number's unique-id; 0 where it has none. */
  length(n: number): number {
    return this.#lengths[n] ?? 0
  }

  /** The lowest number that was listed with the same unique-id; 0 where there is none. */
  first(n: number): number {
    return this.#firsts[n] ?? 0
  }
}
