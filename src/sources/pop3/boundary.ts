/**
 * Where mail stays on the server, the old comes before the new on most servers, so that whole listings can be spared: the
 * boundary between both is at the count of what the ledger holds, or it is nowhere. It is accepted when the numbers on its
 * two sides and samples of both parts are what they should be; a binary search could end at no other place.
 */
import type { Ledger } from '../../ledger/ledger.ts'
import type { NumberedListing, Pop3Client } from '../../pop3/index.ts'

/** Samples on each side, besides the numbers at its ends. */
const SAMPLES = 14

export interface BoundaryOptions {
  /** In its reading phase, on a host that answers LIST and UIDL by number. */
  readonly client: Pop3Client
  readonly listing: NumberedListing
  readonly ledger: Ledger
  /** Count of STAT. */
  readonly messages: number
  /** Numbers that the ledger's entries answer for. */
  readonly numbers: number
  readonly random: () => number
}

/** Is the mail up to number `numbers` known, by unique-id and octets, and the mail above it new, as far as samples tell? */
export async function isBoundary(options: BoundaryOptions): Promise<boolean> {
  const { client, listing, messages, numbers, random } = options
  if (numbers > messages || numbers === 0) return false
  const asked = [
    ...samples(1, numbers, random).map((n) => ({ n, known: true })),
    ...samples(numbers + 1, messages, random).map((n) => ({ n, known: false })),
  ]
  const answers = asked.map(async ({ n, known }) => {
    const [message] = await client.window(n, n, listing)
    return message !== undefined && isKnown(options.ledger, message) === known
  })
  return (await Promise.all(answers)).every(Boolean)
}

function samples(from: number, to: number, random: () => number): readonly number[] {
  if (from > to) return []
  const numbers = new Set([from, to])
  for (let i = 0; i < SAMPLES; i += 1) numbers.add(from + Math.floor(random() * (to - from + 1)))
  return [...numbers]
}

/** An entry whose record the destination no longer holds is not known (G5). */
function isKnown(
  ledger: Ledger,
  { uidl, octets }: { readonly uidl: string | null; readonly octets: number },
): boolean {
  if (uidl === null) return false
  return ledger
    .byUidl(uidl)
    .some(
      (entry) =>
        entry.state !== 'gone' &&
        entry.listedOctets === octets &&
        (entry.sha256 === null || entry.state === 'kept' || ledger.holds(entry)),
    )
}
