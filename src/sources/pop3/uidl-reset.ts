/**
 * Has the server given all its mail new unique-ids (a migration, a lost UIDVALIDITY)? Then everything would count as new and
 * be delivered once more. It is suspected in a complete look in which hardly anything is known, hardly anything that was
 * delivered is there any more, and what is there has the sizes of what is missing. It is certain when one of these messages
 * has the very bytes of a missing one.
 */
import { createHash } from 'node:crypto'
import { Pop3ReplyError } from '../../errors.ts'
import type { LedgerEntry } from '../../ledger/ledger.ts'
import type { Pop3Client } from '../../pop3/index.ts'

/** With fewer messages on either side nothing is guessed. */
const FEWEST = 20
/** Share of unknown messages, of missing ones, and of sizes that are found again. */
const NEARLY_ALL = 0.9
/** Messages that are read to be sure, none of them large. */
const SAMPLES = 3
const SAMPLE_OCTETS = 1024 * 1024

export type ResetVerdict = 'no' | 'yes' | 'no, but messages were read'

interface Listed {
  readonly n: number
  readonly octets: number
}

export class UidlReset {
  readonly #expected: number
  readonly #sizes = new Map<number, number>()
  readonly #samples: Listed[] = []
  #listed = 0
  #unknown = 0

  /** @param expected unique-ids that the ledger holds and has not seen gone */
  constructor(expected: number) {
    this.#expected = expected
  }

  see(message: Listed, known: boolean): void {
    this.#listed += 1
    if (known) return
    this.#unknown += 1
    this.#sizes.set(message.octets, (this.#sizes.get(message.octets) ?? 0) + 1)
    const small = message.octets <= SAMPLE_OCTETS
    if (small && this.#samples.length < SAMPLES) this.#samples.push(message)
  }

  /**
   * To be asked after a complete listing, in the reading phase of its session. Where messages were read for it, that session
   * must not QUIT: nobody answers for them (G2).
   * @param missing entries whose unique-id was not listed; the iterable is gone through once
   * @param count of these unique-ids
   */
  async happened(
    client: Pop3Client,
    count: number,
    missing: Iterable<LedgerEntry>,
  ): Promise<ResetVerdict> {
    if (this.#listed < FEWEST || this.#expected < FEWEST) return 'no'
    if (this.#unknown < NEARLY_ALL * this.#listed || count < NEARLY_ALL * this.#expected)
      return 'no'
    const { found, hashes } = this.#compare(missing)
    if (found < NEARLY_ALL * Math.min(this.#unknown, count)) return 'no'
    for (const sample of this.#samples) {
      const digest = await digestOf(client, sample)
      if (digest !== undefined && hashes.has(digest)) return 'yes'
    }
    return this.#samples.length > 0 ? 'no, but messages were read' : 'no'
  }

  /** How many sizes are found again, and the hashes that a sample may have. */
  #compare(missing: Iterable<LedgerEntry>): { found: number; hashes: ReadonlySet<string> } {
    const sizes = new Map(this.#sizes)
    const sampled = new Set(this.#samples.map(({ octets }) => octets))
    const hashes = new Set<string>()
    let found = 0
    for (const { listedOctets, sha256 } of missing) {
      const left = sizes.get(listedOctets) ?? 0
      if (left > 0) found += 1
      if (left > 0) sizes.set(listedOctets, left - 1)
      if (sha256 !== null && sampled.has(listedOctets)) hashes.add(sha256)
    }
    return { found, hashes }
  }
}

async function digestOf(client: Pop3Client, { n, octets }: Listed): Promise<string | undefined> {
  const hash = createHash('sha256')
  try {
    await client.retr(n, { octets, onData: (chunk) => hash.update(chunk) })
    return hash.digest('hex')
  } catch (error) {
    if (error instanceof Pop3ReplyError) return undefined
    throw error
  }
}
