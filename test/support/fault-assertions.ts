/** For every test file: a test that is named by the table of faults, and that asserts nothing when it runs, fails. */
import { beforeEach, expect } from 'vitest'
import { faultsIn } from './fault-titles.ts'

beforeEach(({ task }) => {
  const titles = [task.name]
  for (let suite = task.suite; suite !== undefined; suite = suite.suite) titles.push(suite.name)
  if (titles.some((title) => faultsIn(title).length > 0)) expect.hasAssertions()
})
