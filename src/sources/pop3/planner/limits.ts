/** What a session may not go beyond, each limit with its reason. */
import { formatBytes, formatCount, formatSeconds } from '../../../observe/units.ts'
import { type Costs, overheadOf } from './overhead.ts'
import type { PlanCode, PlanInput } from './plan.ts'
import { type PlannerState, UNBOUNDED } from './state.ts'

/** How near to where sessions were lost the next ones go, and how far beyond where that is tried. */
const BELOW_CEILING = 0.75
const ABOVE_CEILING = 1.25
/** The client waits 10 minutes for the reply to QUIT (RFC 1939 section 3 lets servers log out then): three quarters of that. */
const QUIT_PATIENCE_MS = 450_000
/** Shorter, and a session might be over before its first listing was answered. */
const SHORTEST_MS = 1000

export interface Reach {
  readonly messages: number
  readonly octets: number
  /** Since STAT. */
  readonly ms: number
}

export interface Limit extends Reach {
  readonly code: PlanCode
  /** Begins the sentence that says why. */
  readonly says: string
}

/** Messages after which the first of the three is reached. */
export const reachOf = (
  { messages, octets, ms }: Reach,
  { readMs, octetsPerMessage }: Costs,
): number => Math.max(1, Math.min(messages, octets / octetsPerMessage, ms / readMs))

/** The smallest of each, and never less than one message. */
export function together(limits: readonly Limit[], bounds: Reach): Reach {
  const smallest = (name: 'messages' | 'octets' | 'ms', floor: number): number => {
    const least = Math.min(...limits.map((limit) => limit[name]), UNBOUNDED)
    return Math.max(Math.min(floor, bounds[name]), least)
  }
  return {
    messages: Math.max(1, Math.floor(smallest('messages', 1))),
    octets: Math.max(1, smallest('octets', 1)),
    ms: Math.max(1, smallest('ms', SHORTEST_MS)),
  }
}

interface Need extends Costs {
  /** Messages that the 5 % needs. */
  readonly needed: number
}

export function limitsOf(state: PlannerState, input: PlanInput, costs: Need): Limit[] {
  const limits = [
    boundLimit(input),
    ...lineLimit(state, input),
    ...ceilingLimit(state, input, costs),
  ]
  return input.deletes ? [...limits, patienceLimit(input, costs)] : limits
}

/** A QUIT that takes too long is not answered: a lost bet. */
function patienceLimit({ messages: left }: PlanInput, { cost }: Costs): Limit {
  const leftMs = cost.rewriteMs(1) - cost.rewriteMs(0)
  const spareMs = QUIT_PATIENCE_MS - cost.rewriteMs(left)
  // Where rewriting alone takes longer nothing helps but to have less to rewrite.
  const shorter =
    spareMs > 0 ? spareMs / Math.max(0, cost.deleteMs - leftMs) : QUIT_PATIENCE_MS / cost.deleteMs
  // As long as it is not known whether it was the DELEs, fewer of them are the safe way to find out.
  const doubtful =
    cost.doubtfulDeleteMs === null ? Infinity : QUIT_PATIENCE_MS / 2 / cost.doubtfulDeleteMs
  const messages = Math.max(1, Math.min(UNBOUNDED, shorter, doubtful))
  const quit = `QUIT is not waited for longer than 10 min, and ${formatCount(messages)} DELEs`
  const says =
    doubtful <= shorter
      ? `${quit} show whether they or the size of the mailbox make it slow`
      : `${quit} are expected to make it last ${formatSeconds(QUIT_PATIENCE_MS / 1000)}`
  return { code: 'update', messages, octets: UNBOUNDED, ms: UNBOUNDED, says }
}

function boundLimit({ bounds }: PlanInput): Limit {
  return { code: 'bound', ...bounds, says: `The bounds that were set allow ${amounts(bounds)}` }
}

/** What may be bet on. Without deletion there is nothing to bet, but after a loss the line is known to be bad. */
function lineLimit({ last, trust, ceiling }: PlannerState, { deletes }: PlanInput): Limit[] {
  const bad = last === 'lost' || Object.values(ceiling).some((at) => at !== null)
  if (!deletes && !bad) return []
  if (last === 'lost')
    return [
      {
        code: 'lost',
        ...trust,
        says: `The last session was lost; half of what it reached is ${amounts(trust)}`,
      },
    ]
  const code = last === 'none' ? 'first' : 'borne'
  const says =
    code === 'first'
      ? `Nothing is known of this line yet, so that ${amounts(trust)} are enough for the first session`
      : `Twice what the line has borne is ${amounts(trust)}`
  return [{ code, ...trust, says }]
}

function ceilingLimit(state: PlannerState, input: PlanInput, costs: Need): Limit[] {
  const { messages, octets, ms } = state.ceiling
  if (messages === null && octets === null && ms === null) return []
  const reach = (factor: number): Reach => ({
    messages: messages === null ? UNBOUNDED : messages * factor,
    octets: octets === null ? UNBOUNDED : octets * factor,
    ms: ms === null ? UNBOUNDED : untilMs(ms * factor, input, costs),
  })
  const where = amounts({
    ...{ messages: messages ?? UNBOUNDED, octets: octets ?? UNBOUNDED, ms: ms ?? UNBOUNDED },
  })
  const below = reach(BELOW_CEILING)
  const reached = Math.min(input.messages, reachOf(below, costs))
  if (costs.needed <= reached || !retryIsDue(state, overheadOf(input, reached, costs)))
    return [
      {
        ...{ code: 'ceiling', ...below },
        says: `Sessions were lost at ${where}; three quarters of that are safer`,
      },
    ]
  const says = `After ${formatCount(state.clean)} good sessions it is tried whether they are still lost at ${where}`
  return [{ code: 'retry', ...reach(ABOVE_CEILING), says }]
}

/** Nothing is tried that nobody needs. Where staying below makes most of a session overhead, one that is lost costs little beside it: tried the sooner. */
const retryIsDue = ({ clean, spacing }: PlannerState, overhead: number): boolean =>
  clean > 0 && clean >= spacing * Math.min(1, (1 - overhead) / overhead)

/** Reading that lets the session end, QUIT answered, so long after connecting. */
function untilMs(wholeMs: number, input: PlanInput, costs: Costs): number {
  const { messages, openMs, deletes } = input
  const { cost, readMs } = costs
  const restMs = wholeMs - openMs
  if (!deletes) return Math.max(0, restMs)
  const perReadMs = 1 + (cost.deleteMs - (cost.rewriteMs(1) - cost.rewriteMs(0))) / readMs
  // Where rewriting what is left outweighs all, a longer reading makes a shorter session: nothing is gained by cutting it.
  if (perReadMs < 0.05) return Math.max(0, restMs)
  return Math.max(0, (restMs - cost.rewriteMs(messages)) / perReadMs)
}

/** `500 messages, 50.0 MB or 20.0 s`, without what has no bound. */
export function amounts({ messages, octets, ms }: Reach): string {
  const parts = [
    ...(messages < UNBOUNDED
      ? [messages === 1 ? '1 message' : `${formatCount(messages)} messages`]
      : []),
    ...(octets < UNBOUNDED ? [formatBytes(octets)] : []),
    ...(ms < UNBOUNDED ? [formatSeconds(ms / 1000)] : []),
  ]
  if (parts.length === 0) return 'everything'
  const end = parts.pop() ?? ''
  return parts.length === 0 ? end : `${parts.join(', ')} or ${end}`
}
