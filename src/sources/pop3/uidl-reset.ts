/**
 * Has the server given all its mail new unique-ids (a migration, a lost UIDVALIDITY)? Then everything would count as new and
 * be delivered once more. It is suspected in a complete look in which hardly anything is known, hardly anything that was
 * delivered is there any more, and what is there has the sizes of what is missing. It is certain when one of these messages
 * has the very bytes of a missing one.
 */
import { createHash } from 'node:crypto'
import { Pop3ReplyError } from '../../errors.ts'
import type { Ledger, LedgerEntry } from '../../ledger/ledger.ts'
import type { Pop3Client } from '../../pop3/index.ts'

/** With fewer messages on either side nothing is guessed. */
const FEWEST = 20
/** Share of unknown messages, of missing ones, and of sizes that are found again. */
const NEARLY_ALL = 0.9
/** Messages that are read to be sure, none of them large. */
const SAMPLES = 3
const SAMPLE_OCTETS = 1024 * 1024
/** Of so many of the first messages the unique-id is kept, to choose the samples among them. */
const CANDIDATES = 100

export type ResetVerdict = 'no' | 'yes' | 'no, but messages were read'

interface Candidate {
  readonly n: number
  readonly uidl: string
  readonly octets: number
}

export class UidlReset {
  readonly #ledger: Ledger
  readonly #suspected: boolean
  readonly #candidates: Candidate[] = []
  #sizes = new Uint32Array(256)
  #listed = 0

  /**
   * @param suspected something else already says so, and most of what the ledger holds is rightly gone: numbers and sizes
   * prove nothing then, and bytes alone decide, those of more than one message
   */
  constructor(ledger: Ledger, suspected: boolean) {
    this.#ledger = ledger
    this.#suspected = suspected
  }

  see(uidl: string, { n, octets }: { readonly n: number; readonly octets: number }): void {
    if (this.#listed === this.#sizes.length) {
      const larger = new Uint32Array(2 * this.#sizes.length)
      larger.set(this.#sizes)
      this.#sizes = larger
    }
    this.#sizes[this.#listed] = octets
    this.#listed += 1
    if (octets <= SAMPLE_OCTETS && this.#candidates.length < CANDIDATES)
      this.#candidates.push({ n, uidl, octets })
  }

  /**
   * To be asked after a complete listing, in the reading phase of its session. Where messages were read for it, that session
   * must not QUIT: nobody answers for them (G2).
   * @param isListed is this unique-id in the listing?
   */
  async happened(client: Pop3Client, isListed: (uidl: string) => boolean): Promise<ResetVerdict> {
    if (!this.#suspected && !this.#isLikely(isListed)) return 'no'
    const samples = this.#candidates
      .filter(({ uidl }) => this.#ledger.byUidl(uidl).every(({ state }) => state === 'gone'))
      .slice(0, SAMPLES)
    const { found, unknown, missing, hashes } = this.#compare(isListed, samples)
    if (!this.#suspected && found < NEARLY_ALL * Math.min(unknown, missing)) return 'no'
    let equal = 0
    for (const sample of samples) {
      const digest = await digestOf(client, sample)
      if (digest !== undefined && hashes.has(digest)) equal += 1
      if (equal >= (this.#suspected ? 2 : 1)) return 'yes'
    }
    return samples.length > 0 ? 'no, but messages were read' : 'no'
  }

  /** Hardly anything is known, and hardly anything that was delivered is there. */
  #isLikely(isListed: (uidl: string) => boolean): boolean {
    if (this.#listed < FEWEST || this.#ledger.size < FEWEST) return false
    const { expected, missing } = this.#count(isListed)
    const unknown = this.#unknown(expected, missing)
    if (expected < FEWEST) return false
    return unknown >= NEARLY_ALL * this.#listed && missing >= NEARLY_ALL * expected
  }

  #unknown(expected: number, missing: number): number {
    return Math.max(0, this.#listed - (expected - missing))
  }

  #count(isListed: (uidl: string) => boolean): { expected: number; missing: number } {
    let expected = 0
    let missing = 0
    for (const { uidl } of this.#ledger.present()) {
      if (uidl === null) continue
      expected += 1
      missing += Number(!isListed(uidl))
    }
    return { expected, missing }
  }

  /** How many sizes of missing messages are found again, and the hashes that a sample may have. */
  #compare(
    isListed: (uidl: string) => boolean,
    samples: readonly Candidate[],
  ): { found: number; unknown: number; missing: number; hashes: ReadonlySet<string> } {
    const sizes = new Map<number, number>()
    for (const size of this.#sizes.subarray(0, this.#listed))
      sizes.set(size, (sizes.get(size) ?? 0) + 1)
    const sampled = new Set(samples.map(({ octets }) => octets))
    const hashes = new Set<string>()
    let found = 0
    for (const entry of this.#missing(isListed)) {
      const left = sizes.get(entry.listedOctets) ?? 0
      if (left > 0) found += 1
      if (left > 0) sizes.set(entry.listedOctets, left - 1)
      if (entry.sha256 !== null && sampled.has(entry.listedOctets)) hashes.add(entry.sha256)
    }
    const { expected, missing } = this.#count(isListed)
    return { found, unknown: this.#unknown(expected, missing), missing, hashes }
  }

  *#missing(isListed: (uidl: string) => boolean): Iterable<LedgerEntry> {
    for (const entry of this.#ledger.present())
      if (entry.uidl !== null && !isListed(entry.uidl)) yield entry
  }
}

async function digestOf(client: Pop3Client, { n, octets }: Candidate): Promise<string | undefined> {
  const hash = createHash('sha256')
  try {
    await client.retr(n, { octets, onData: (chunk) => hash.update(chunk) })
    return hash.digest('hex')
  } catch (error) {
    if (error instanceof Pop3ReplyError) return undefined
    throw error
  }
}
