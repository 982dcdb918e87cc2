/** What the planner remembers: plain JSON of a few hundred octets, kept between runs. */
import { z } from 'zod'

export const plannerState = z.strictObject({ version: z.literal(1) })

export type PlannerState = z.output<typeof plannerState>

export const newPlanner = (): PlannerState => ({ version: 1 })

/** What an earlier run kept; what cannot be read, or is of another version, starts anew. */
export function restorePlanner(stored: unknown): PlannerState {
  const parsed = plannerState.safeParse(stored)
  return parsed.success ? parsed.data : newPlanner()
}
