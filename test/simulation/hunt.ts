/** Looks for a schedule that breaks something: seed after seed, until one does or the time is over. */
import type { Fault } from './engine/faults.ts'
import { type Outcome, Schedule } from './schedule.ts'
import { type Choice, planOf, settingOf } from './setting.ts'

// Stacks of errors that nobody reads cost a tenth of the time.
Error.stackTraceLimit = 0

export interface Found {
  readonly seed: number
  readonly plan: readonly Fault[]
  readonly violations: readonly string[]
}

export interface Sum {
  schedules: number
  lives: number
  crashes: number
  effects: number
  delivered: number
  virtualMs: number
}

export const nothing = (): Sum => ({
  ...{ schedules: 0, lives: 0, crashes: 0, effects: 0, delivered: 0, virtualMs: 0 },
})

export function add(sum: Sum, outcome: Outcome): void {
  sum.schedules += 1
  sum.lives += outcome.lives
  sum.crashes += outcome.crashes
  sum.effects += outcome.effects
  sum.delivered += outcome.delivered
  sum.virtualMs += outcome.ms
}

/** One schedule by its seed. */
export async function simulate(
  seed: number,
  choice: Choice = {},
  plan?: readonly Fault[],
  trace = false,
): Promise<{ readonly outcome: Outcome; readonly plan: readonly Fault[] }> {
  const setting = settingOf(seed, choice)
  const faults = plan ?? planOf(setting)
  return { outcome: await new Schedule(setting, faults, { trace }).run(), plan: faults }
}

/** Faults that can be left out while something is still broken are left out, one by one. */
export async function shrink(found: Found, choice: Choice = {}): Promise<Found> {
  let smallest = found
  for (let i = 0; i < smallest.plan.length;) {
    const plan = smallest.plan.filter((_, j) => j !== i)
    const { outcome } = await simulate(found.seed, choice, plan)
    if (outcome.violations.length > 0)
      smallest = { ...smallest, plan, violations: outcome.violations }
    else i += 1
  }
  return smallest
}
