/**
 * Each of the 112 faults has a test that says so in its title, or says why there is none; each asserts something,
 * and one of them runs a whole drain.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import config from '../../vitest.config.ts'
import { faultsIn } from '../support/fault-titles.ts'
import { type ReachingTest, testsOf } from '../support/test-reach.ts'
import { rows } from './rows.ts'

const root = join(import.meta.dirname, '..')

/** By any of which a test runs a whole drain. */
const DRAINS = [
  ...['src/pipeline/drain.ts#drain', 'src/pipeline/watch.ts#watch'],
  ...['test/support/cli.ts#startCli', 'test/support/cli.ts#runCli'],
]
const drains = ({ reaches }: ReachingTest): boolean => DRAINS.some((key) => reaches.has(key))

interface FaultTest extends ReachingTest {
  readonly faults: readonly number[]
}

const faultTests: readonly FaultTest[] = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .filter((name) => /\bfault \d/.test(readFileSync(join(root, name), 'utf8')))
  .flatMap((name) => testsOf(join('test', name)))
  .map((test) => ({ ...test, faults: test.titles.flatMap(faultsIn) }))
  .filter(({ faults }) => faults.length > 0)

const testsFor = (n: number): FaultTest[] => faultTests.filter(({ faults }) => faults.includes(n))
const titles = (tests: readonly ReachingTest[]): string[] => tests.map((test) => test.titles.join())

describe('the table of faults', () => {
  it('has 112 rows, each once', () => {
    const numbers = rows.map(({ n }) => n).sort((a, b) => a - b)
    expect(numbers).toEqual(Array.from({ length: 112 }, (_, index) => index + 1))
  })

  it('has a test or a reason for each row, and not both', () => {
    // The files that are searched are those that run.
    expect(config.test?.include).toEqual(['test/**/*.test.ts'])
    const excused = rows.filter(({ cannot, waitsFor }) => cannot ?? waitsFor)
    const untested = rows.filter(({ n }) => testsFor(n).length === 0)
    expect(untested.map(({ n }) => n)).toEqual(excused.map(({ n }) => n))
    const unknown = faultTests.flatMap(({ faults }) => faults).filter((n) => n < 1 || n > 112)
    expect(unknown).toEqual([])
  })

  it('has no test that asserts nothing', () => {
    expect(titles(faultTests.filter(({ reaches }) => !reaches.has('vitest#expect')))).toEqual([])
  })

  it('has a whole drain for each row that has a test', () => {
    const without = rows.filter(({ n }) => testsFor(n).length > 0 && !testsFor(n).some(drains))
    expect(without.map(({ n }) => n)).toEqual([])
  })
})
