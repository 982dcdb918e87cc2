/**
 * A part of a long simulation in a process of its own: `range.ts '{"from":1,"to":1000,"step":2,"systematic":false}'`. Says
 * every second how far it is, and each schedule that breaks something; ends when it is done, or told to by its input.
 */
import type { Fault } from './engine/faults.ts'
import { type Found, type Sum, add, nothing, shrink, simulate } from './hunt.ts'
import type { Choice } from './setting.ts'
import { systematic } from './systematic.ts'

interface RangeOrder {
  readonly from: number
  /** Last seed. */
  readonly to: number
  readonly step: number
  /** First, of each single fault, every `step`th. */
  readonly systematic: boolean
  /** Milliseconds that it may take. */
  readonly ms: number
}

export interface RangeWord {
  readonly sum: Sum
  /** Seeds of this part below it are done. */
  readonly next: number
  readonly found?: Found & { readonly choice: Choice }
  readonly done?: boolean
}

const order = JSON.parse(process.argv[2] ?? '{}') as RangeOrder
const begun = performance.now()
const sum = nothing()
let next = order.from
let said = 0

const say = (more: Partial<RangeWord> = {}): void => {
  said = performance.now()
  process.stdout.write(`${JSON.stringify({ sum, next, ...more } satisfies RangeWord)}\n`)
}

async function one(seed: number, choice: Choice, given?: readonly Fault[]): Promise<void> {
  const { outcome, plan } = await simulate(seed, choice, given)
  add(sum, outcome)
  const { violations } = outcome
  if (violations.length > 0)
    say({ found: { ...(await shrink({ seed, plan, violations }, choice)), choice } })
  if (performance.now() - said > 1000) say()
}

if (order.systematic) {
  let i = 0
  for await (const { seed, choice, plan } of systematic(1)) {
    if (i % order.step === (order.from - 1) % order.step) await one(seed, choice, plan)
    i += 1
  }
}
for (; next <= order.to && performance.now() - begun < order.ms; next += order.step)
  await one(next, {})
say({ done: true })
