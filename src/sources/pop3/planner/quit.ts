/** What QUIT costs: a constant, a part for each DELE, and a part for each message that is left, which mbox writes anew. */
import { fit } from './fit.ts'
import type { Sample } from './state.ts'

export type QuitCost = readonly [constantMs: number, deletedMs: number, leftMs: number]

/**
 * Dovecot on Maildir: 0.010–0.012 s for 500 DELEs of 10,000 messages, 0.038–0.055 s for 500 of 144,524, 1.6 s for all of
 * them, and 3.5 µs for the command itself. mbox takes 0.045 ms for each message that is left.
 */
export const DOVECOT_QUIT: QuitCost = [5, 0.015, 2.6e-4]
/** Heavy for the constant: on no server was one seen that large mailboxes would notice. */
const WEIGHTS: QuitCost = [0.5, 0.002, 0.002]

/** Numbers of DELEs that lie no further apart show nothing of what they cost. */
const VARIED = 1.5
/** Shorter times are noise, ms. */
const SHORTEST_MS = 0.1

/** Sessions without DELE say nothing of those with: mbox is not written then. */
const answered = (samples: readonly Sample[]): readonly Sample[] =>
  samples.filter(([, , , , , deleted, quitMs]) => deleted > 0 && quitMs > 0)

/**
 * What was believed before stays where the samples leave it open: as sessions shrink with the mailbox, DELEs and what is left
 * grow together, and cannot be told apart.
 */
export function fitQuit(samples: readonly Sample[], believed: QuitCost): QuitCost {
  const points = answered(samples).map(([messages, , , , , deleted, quitMs]) => ({
    ...{ x: [1, deleted, Math.max(0, messages - deleted)], y: Math.max(quitMs, SHORTEST_MS) },
  }))
  if (points.length === 0) return believed
  const priors = believed.map((value, at) => ({ value, weight: WEIGHTS[at] ?? 1 }))
  const [constant = 0, deleted = 0, left = 0] = fit(points, priors).map((value) =>
    Number(value.toPrecision(5)),
  )
  return [constant, deleted, left]
}

/** ms a DELE if QUIT took so long for nothing else; null once the number of DELEs has varied enough to know better. */
export function doubtfulDeleteMs(samples: readonly Sample[]): number | null {
  const quits = answered(samples)
  const deleted = quits.map((sample) => sample[5])
  if (quits.length === 0 || Math.max(...deleted) > VARIED * Math.min(...deleted)) return null
  return Math.max(...quits.map((sample) => sample[6] / sample[5]))
}
