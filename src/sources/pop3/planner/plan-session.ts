/**
 * The plan of one session. Precedence: finish, then overhead of at most 5 %, then UPDATE under a target, then fewer logins;
 * above all of them stand the user's bounds and what the line has shown to bear.
 */
import { formatBytes, formatCount, formatSeconds } from '../../../observe/units.ts'
import { costOf } from './cost.ts'
import { type Limit, type Reach, limitsOf, reachOf, together } from './limits.ts'
import { type Costs, OVERHEAD, meanOctets, neededFor, overheadOf } from './overhead.ts'
import type { PlanCode, PlanInput, SessionPlan } from './plan.ts'
import { type PlannerState, UNBOUNDED } from './state.ts'

/** UPDATE holds the mailbox, and its reply may be lost: as much of it as the DELEs cause stays below. */
const UPDATE_MS = 30_000
/** Reading that is preferred where less would do: servers count logins, and so much is soon read again. */
const PREFERRED_MS = 10_000
/** Shorter times are not worth a word. */
const TOLD_MS = 100
/** Messages may come so many times as fast as expected before they end a session that was to last for a time. */
const FASTER = 2

export function planSession(state: PlannerState, input: PlanInput): SessionPlan {
  const cost = costOf(state)
  const octetsPerMessage = meanOctets(input, cost)
  const costs: Costs = { cost, octetsPerMessage, readMs: cost.readMs(octetsPerMessage) }
  const needed = input.deletes ? neededFor(input, costs) : Infinity
  const limits = limitsOf(state, input, { ...costs, needed })
  const cap = together(limits, input.bounds)
  const most = reachOf(cap, costs)
  if (input.messages <= most) return finish(input.messages, cap, costs)
  if (needed < most) return target(needed, { input, costs, cap, most })
  const binding = limits.reduce((least, limit) =>
    reachOf(limit, costs) < reachOf(least, costs) ? limit : least,
  )
  return { ...cap, why: limited(binding, most, input, costs) }
}

function finish(left: number, cap: Reach, { octetsPerMessage, readMs }: Costs): SessionPlan {
  const messages = Math.max(1, left)
  const size = formatBytes(messages * octetsPerMessage)
  const text = `All that is left, ${count(messages)} of about ${size} in about ${seconds(messages * readMs)}, can be done in this session.`
  return { ...cap, messages, why: { code: 'finish', text } }
}

function limited(
  { code, says }: Limit,
  most: number,
  input: PlanInput,
  costs: Costs,
): SessionPlan['why'] {
  if (!input.deletes) return { code, text: `${says}.` }
  const share = overheadOf(input, most, costs)
  const verdict = share > OVERHEAD ? 'more than the 5 % aimed at' : 'less than 5 %'
  return { code, text: `${says}; overhead is then about ${percent(share)}, ${verdict}.` }
}

interface Room {
  readonly input: PlanInput
  readonly costs: Costs
  readonly cap: Reach
  /** Messages that the limits have room for. */
  readonly most: number
}

/** Nothing hinders: as long as the 5 % needs, or a little longer where the DELEs allow it. */
function target(needed: number, { input, costs, cap, most }: Room): SessionPlan {
  const { readMs, octetsPerMessage, cost } = costs
  const update = cost.deleteMs > 0 ? Math.max(1, Math.floor(UPDATE_MS / cost.deleteMs)) : UNBOUNDED
  const preferred = Math.ceil(PREFERRED_MS / readMs)
  const messages = Math.floor(Math.min(most, Math.max(needed, Math.min(preferred, update))))
  const code = messages <= needed ? 'overhead' : preferred <= update ? 'preference' : 'update'
  // The time makes the overhead small, however fast the mail comes; but faster mail makes more DELEs.
  const faster = messages * FASTER
  return {
    messages: Math.min(cap.messages, Math.max(messages, Math.min(faster, update))),
    octets: Math.min(cap.octets, Math.ceil(faster * octetsPerMessage)),
    ms: Math.min(cap.ms, Math.ceil(messages * readMs)),
    why: { code, text: targetText(code, messages, input, costs) },
  }
}

function targetText(code: PlanCode, messages: number, input: PlanInput, costs: Costs): string {
  const { cost, readMs } = costs
  const length = `${count(messages)}, about ${seconds(messages * readMs)}`
  const share = percent(overheadOf(input, messages, costs))
  if (code === 'update')
    return `The DELEs of ${length}, are expected to keep QUIT ${seconds(messages * cost.deleteMs)}; overhead is about ${share}.`
  if (code === 'preference')
    return `${length}, as fewer and longer sessions are preferred where little can be lost; overhead is about ${share}.`
  const rewriteMs = cost.rewriteMs(Math.max(0, input.messages - messages))
  const reasons = [
    `Opening took ${seconds(input.openMs)}`,
    ...(rewriteMs >= TOLD_MS ? [`QUIT will take ${seconds(rewriteMs)} whatever is deleted`] : []),
    ...(input.loginDelayMs > 0
      ? [`the server wants ${seconds(input.loginDelayMs)} between two logins`]
      : []),
  ]
  return `${reasons.join(', and ')}: with ${length}, overhead is ${share}.`
}

const count = (messages: number): string =>
  messages === 1 ? '1 message' : `${formatCount(messages)} messages`
const seconds = (ms: number): string => formatSeconds(ms / 1000)
const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`
