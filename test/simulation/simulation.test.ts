/** The whole drain in a simulated world: a sample of what `npm run simulate` does at length. */
import { describe, expect, it } from 'vitest'
import type { Fault } from './engine/faults.ts'
import { simulate } from './hunt.ts'
import { type Choice, DESTINATIONS } from './setting.ts'
import seeds from './seeds.json' with { type: 'json' }

const SAMPLE = 30

describe('G1, G2, G4, G5, G6, G11: fault 53: whatever happens at any effect of a drain', () => {
  it.each(DESTINATIONS)('nothing is lost, doubled or left: %s', async (destination) => {
    for (let seed = 1; seed <= SAMPLE; seed += 1) {
      const { outcome, plan } = await simulate(seed, { destination })
      expect({ seed, plan, broken: outcome.violations }).toEqual({ seed, plan, broken: [] })
    }
  })

  it('the same seed is the same story', async () => {
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const story = async () =>
        (await simulate(seed, { destination: 'kafka' }, undefined, true)).outcome.trace
      const first = await story()
      expect(first.length).toBeGreaterThan(50)
      expect(await story()).toEqual(first)
    }
  })

  it.each(seeds)('what once broke holds: $why', async ({ seed, choice, plan }) => {
    const { outcome } = await simulate(seed, choice as Choice, plan as Fault[])
    expect(outcome.violations).toEqual([])
  })
})
