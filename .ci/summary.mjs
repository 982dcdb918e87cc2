// The closing line of a CI run: tests by vitest's report, and the other steps as one each.
import { existsSync, readFileSync } from 'node:fs'

const [file, passedSteps, failedSteps] = process.argv.slice(2)
const report = existsSync(file)
  ? JSON.parse(readFileSync(file, 'utf8'))
  : { numPassedTests: 0, numFailedTests: 1, numPendingTests: 0, numTodoTests: 0, testResults: [] }

for (const { name, assertionResults } of report.testResults)
  for (const test of assertionResults)
    if (test.status !== 'passed') console.log(`${test.status}: ${name}: ${test.fullName}`)

const passed = report.numPassedTests + Number(passedSteps)
const failed = report.numFailedTests + Number(failedSteps)
const skipped = report.numPendingTests + report.numTodoTests
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = failed > 0 || report.numPassedTests === 0 ? 1 : 0
