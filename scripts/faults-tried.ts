/**
 * Which faults of the table were tried in a run of the tests: those of which a test passed. What was left out for want of
 * something on this machine (root, loop devices, strace, Java) is said; a fault of which no test ran at all is a failure.
 * Usage: faults-tried.ts REPORT, what vitest's JSON reporter has written.
 */
import { readFileSync } from 'node:fs'
import { rows } from '../test/faults/rows.ts'
import { faultsIn } from '../test/support/fault-titles.ts'

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[]
      readonly title: string
      readonly status: string
    }[]
  }[]
}

const report = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Report
const faultsOf = (wanted: readonly string[]): ReadonlySet<number> =>
  new Set(
    report.testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ status }) => wanted.includes(status))
      .flatMap(({ ancestorTitles, title }) => [...ancestorTitles, title].flatMap(faultsIn)),
  )
const tried = faultsOf(['passed'])
// Their titles say why.
const skipped = faultsOf(['skipped', 'pending'])
const withTests = rows.filter(({ cannot, waitsFor }) => (cannot ?? waitsFor) === undefined)
const leftOut = withTests.filter(({ n }) => !tried.has(n))
for (const { n, fault } of leftOut) console.log(`   not tried here: fault ${n}, ${fault}`)
console.log(`   ${withTests.length - leftOut.length} of ${rows.length} faults tried`)
process.exitCode = leftOut.some(({ n }) => !skipped.has(n)) ? 1 : 0
