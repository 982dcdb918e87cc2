/** What a session costs beside its mail, and how much mail makes that little. */
import type { Cost } from './cost.ts'
import type { PlanInput } from './plan.ts'

/** As much of a session as opening it, rewriting the mailbox and waiting for the next login may take. */
export const OVERHEAD = 0.05

/** Costs at the mean size of the messages that are left. */
export interface Costs {
  readonly cost: Cost
  /** A message. */
  readonly readMs: number
  readonly octetsPerMessage: number
}

/** Of the messages that are left where the server says so, else of those that were read; 1 at least. */
export const meanOctets = (
  { messages, octets }: Pick<PlanInput, 'messages' | 'octets'>,
  cost: Cost,
): number => (messages > 0 && octets > 0 ? Math.max(1, octets / messages) : cost.octetsPerMessage)

type Opened = Pick<PlanInput, 'messages' | 'openMs' | 'loginDelayMs'>

/** Share of a session of so many messages that is overhead, 0 to 1. */
export function overheadOf(
  { messages, openMs, loginDelayMs }: Opened,
  read: number,
  { cost, readMs }: Costs,
): number {
  const ownMs = openMs + cost.rewriteMs(Math.max(0, messages - read))
  const wholeMs = ownMs + read * (readMs + cost.deleteMs)
  const waitMs = Math.max(0, loginDelayMs - wholeMs)
  return (ownMs + waitMs) / (wholeMs + waitMs)
}

/** Least messages with which the overhead is small enough; Infinity where all of them are too few. */
export function neededFor(opened: Opened, costs: Costs): number {
  if (overheadOf(opened, opened.messages, costs) > OVERHEAD) return Infinity
  let tooFew = 0
  let enough = opened.messages
  while (enough - tooFew > 1) {
    const middle = Math.floor((tooFew + enough) / 2)
    if (overheadOf(opened, middle, costs) > OVERHEAD) tooFew = middle
    else enough = middle
  }
  return enough
}
