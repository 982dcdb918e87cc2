import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type PlanInput,
  type SessionRecord,
  learn,
  newPlanner,
  planSession,
  plannerState,
  predict,
} from '../../../../src/sources/pop3/planner/planner.ts'

/** Figures as they come, and as they must never come. */
const figure = fc.oneof(
  fc.nat(14_000_000),
  fc.double({ min: 0, max: 1e15 }),
  fc.constantFrom(0, -1, NaN, Infinity),
)
const record: fc.Arbitrary<SessionRecord> = fc.record({
  ...{ openMs: figure, messages: figure, octets: figure, readMs: figure, read: figure },
  ...{ readOctets: figure, deleted: figure, quitMs: fc.option(figure) },
  end: fc.constantFrom('quit', 'closed', 'lost'),
})
const bound = fc.oneof(fc.constant(Infinity), fc.integer({ min: 1, max: 1_000_000_000 }))
const bounds = fc.record({ messages: bound, octets: bound, ms: bound })
const input: fc.Arbitrary<PlanInput> = fc.record({
  messages: fc.nat(14_000_000),
  octets: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e15, noNaN: true })),
  openMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
  bounds,
  loginDelayMs: fc.constantFrom(0, 300_000, 86_400_000),
  deletes: fc.boolean(),
})
const records = fc.array(record, { maxLength: 40 })

test('whatever was seen, a plan is finite, of one message at least, and within the bounds', () => {
  fc.assert(
    fc.property(records, input, (seen, given) => {
      const plan = planSession(seen.reduce(learn, newPlanner()), given)
      for (const name of ['messages', 'octets', 'ms'] as const) {
        expect(plan[name]).toBeGreaterThanOrEqual(1)
        expect(plan[name]).toBeLessThanOrEqual(
          Math.min(given.bounds[name], Number.MAX_SAFE_INTEGER),
        )
      }
      expect(Number.isInteger(plan.messages)).toBe(true)
      expect(plan.why.text).toMatch(/^[A-Z\d].*\.$/)
      expect(plan.why.text).not.toMatch(/NaN|Infinity|undefined|9,007,199/)
    }),
    { numRuns: 2000 },
  )
})

test('what is remembered stays small and readable', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 20, maxLength: 60 }), (seen) => {
      const state = seen.reduce(learn, newPlanner())
      expect(plannerState.parse(JSON.parse(JSON.stringify(state)))).toEqual(state)
      expect(JSON.stringify(state).length).toBeLessThan(1000)
    }),
  )
})

test('a prediction ends, and its parts are its sum', () => {
  fc.assert(
    fc.property(records, input, fc.nat(70), (seen, given, uidlOctets) => {
      const told = predict(seen.reduce(learn, newPlanner()), { ...given, uidlOctets })
      const parts = told.readSeconds + told.openSeconds + told.quitSeconds
      expect(Number.isFinite(told.seconds)).toBe(true)
      expect(told.sessions).toBeGreaterThanOrEqual(given.messages > 0 ? 3 : 2)
      expect(Math.abs(parts - told.seconds)).toBeLessThanOrEqual(1e-6 * Math.max(1, told.seconds))
    }),
    { numRuns: 300 },
  )
})
