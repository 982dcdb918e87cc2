/**
 * How long the next session is to be: a pure function of what the earlier ones were. Sessions are as long as keeps opening
 * and rewriting at 5 % and the line has shown to bear, and hardly longer: a dropped one is read again (G6).
 */
export { learn } from './learn.ts'
export type * from './plan.ts'
export { planSession } from './plan-session.ts'
export { predict } from './predict.ts'
export type { SessionRecord } from './session-record.ts'
export { newPlanner, plannerState, restorePlanner, type PlannerState } from './state.ts'
