import { expect, test } from 'vitest'
import { fit } from '../../../../src/sources/pop3/planner/fit.ts'

const priors = [
  { value: 20, weight: 0.05 },
  { value: 0.0044, weight: 0.01 },
]
const openings = (...pairs: (readonly [messages: number, ms: number])[]) =>
  pairs.map(([messages, ms]) => ({ x: [1, messages], y: ms }))

test('what nobody has seen is as it is believed to be', () => {
  expect(fit([], priors).map((value) => Number(value.toPrecision(6)))).toEqual([20, 0.0044])
})

test('a sum of parts is taken apart', () => {
  const [constant = 0, each = 0] = fit(
    openings([1e6, 20_100], [5e5, 10_100], [1e5, 2100], [1e3, 120]),
    priors,
  )
  expect(each).toBeCloseTo(0.02, 3)
  expect(constant).toBeGreaterThan(60)
  expect(constant).toBeLessThan(130)
})

test('one cold opening in six is hardly seen', () => {
  const warm = [9e5, 8e5, 7e5, 6e5, 5e5].map(
    (messages) => [messages, 20 + messages * 0.004] as const,
  )
  const [, each = 0] = fit(openings([1e6, 50_000], ...warm), priors)
  expect(each).toBeGreaterThan(0.0038)
  expect(each).toBeLessThan(0.0046)
})

test('no part is negative, however contradictory what was seen', () => {
  for (const value of fit(openings([10, 5000], [1000, 100], [100_000, 1]), priors))
    expect(value).toBeGreaterThanOrEqual(0)
})
