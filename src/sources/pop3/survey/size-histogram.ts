/** How many messages there are of each size, and how many octets they hold. */

export interface SizeRange {
  /** Octets from which the range begins. */
  readonly from: number
  /** Octets at which the next one begins; null for the last. */
  readonly to: number | null
  readonly messages: number
  readonly octets: number
}

/** 1, 2 and 5 in each decade: about powers of two, and round in the units that are printed. */
const BOUNDS = [0, ...[1e3, 1e4, 1e5, 1e6, 1e7].flatMap((at) => [at, 2 * at, 5 * at]), 1e8]

/** @param sizes octets of each message */
export function sizeHistogram(sizes: Iterable<number>): SizeRange[] {
  const counts = BOUNDS.map((from, index) => ({
    ...{ from, to: BOUNDS[index + 1] ?? null },
    ...{ messages: 0, octets: 0 },
  }))
  for (const octets of sizes) {
    let index = BOUNDS.length - 1
    while (index > 0 && (BOUNDS[index] ?? 0) > octets) index -= 1
    const range = counts[index]
    if (range === undefined) continue
    range.messages += 1
    range.octets += octets
  }
  const filled = ({ messages }: SizeRange) => messages > 0
  return counts.slice(counts.findIndex(filled), counts.findLastIndex(filled) + 1)
}
