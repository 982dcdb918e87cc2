/**
 * Which numbers are the newest or the oldest of a mailbox. POP3 promises no order: most servers list the oldest first,
 * Exchange by a setting, and some by nothing at all. So samples are asked for their dates; where these are not in order, all
 * are.
 */

export type ArrivalOrder = 'oldest first' | 'newest first' | 'no order'

/** Of this many numbers at each end of the mailbox, and as many between, the dates are looked at. */
const SAMPLES = 8

/** Dates that are in order by chance must not decide. */
const FEWEST_DATES = 4

/** Ascending, without repetition. */
export function sampleNumbers(messages: number): readonly number[] {
  const numbers = new Set<number>()
  for (let i = 0; i < SAMPLES; i += 1) {
    numbers.add(Math.min(messages, 1 + i))
    numbers.add(Math.max(1, messages - i))
    numbers.add(1 + Math.floor((i * (messages - 1)) / SAMPLES))
  }
  return [...numbers].sort((a, b) => a - b)
}

/** @param dates of samples, by ascending number; undefined where none can be read */
export function orderOf(dates: readonly (number | undefined)[]): ArrivalOrder {
  const known = dates.filter((date) => date !== undefined)
  const steps = known.slice(1).map((date, i) => date - (known[i] ?? date))
  const [up, down] = [steps.some((step) => step > 0), steps.some((step) => step < 0)]
  // Of equal dates nothing follows.
  if (known.length < FEWEST_DATES || up === down) return 'no order'
  return up ? 'oldest first' : 'newest first'
}

export interface Wanted {
  readonly which: 'newest' | 'oldest'
  readonly count: number
}

/** One byte a number: 1 for those that are wanted. */
export function chosenByOrder(
  messages: number,
  { which, count }: Wanted,
  order: Exclude<ArrivalOrder, 'no order'>,
): Uint8Array {
  const chosen = new Uint8Array(messages + 1)
  const atTheEnd = (which === 'newest') === (order === 'oldest first')
  if (atTheEnd) chosen.fill(1, Math.max(1, messages + 1 - count))
  else chosen.fill(1, 1, Math.min(messages, count) + 1)
  return chosen
}

/**
 * As `chosenByOrder`, by the dates themselves; among equal ones higher numbers are newer.
 * @param dates seconds since 1970 UTC by number; 0 where none can be read: those are wanted before all others
 */
export function chosenByDate(dates: Uint32Array, { which, count }: Wanted): Uint8Array {
  const messages = dates.length - 1
  const chosen = new Uint8Array(messages + 1)
  if (count >= messages) return chosen.fill(1, 1)
  const ages = dates.slice(1)
  if (which === 'newest') ages.forEach((date, i) => (ages[i] = date === 0 ? 0xffffffff : date))
  const sorted = ages.slice().sort()
  const last = (which === 'newest' ? sorted[messages - count] : sorted[count - 1]) ?? 0
  let left = count
  const choose = (wanted: (age: number) => boolean): void => {
    for (let i = 0; i < messages && left > 0; i += 1) {
      const at = which === 'newest' ? messages - 1 - i : i
      if (!wanted(ages[at] ?? 0)) continue
      chosen[at + 1] = 1
      left -= 1
    }
  }
  choose((age) => (which === 'newest' ? age > last : age < last))
  choose((age) => age === last)
  return chosen
}
