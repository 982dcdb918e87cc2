/** Seeds in order until something breaks, the last is done, or the time is over; answers with one line of JSON. */
import { simulate } from '../hunt.ts'
import type { Choice } from '../setting.ts'

const [choice = '{}', seconds = '10', last = 'Infinity'] = process.argv.slice(2)
const begun = performance.now()
/** Without what others on this machine took: a second of it is a second of its own at most. */
const elapsed = (): number => {
  const { user, system } = process.cpuUsage()
  return Math.min(performance.now() - begun, (user + system) / 1000)
}

async function hunt() {
  let schedules = 0
  for (let seed = 1; seed <= Number(last) && elapsed() < Number(seconds) * 1000; seed += 1) {
    const { outcome } = await simulate(seed, JSON.parse(choice) as Choice)
    schedules += 1
    if (outcome.violations.length > 0)
      return { seed, violations: outcome.violations, schedules, ms: elapsed() }
  }
  return { seed: null, violations: [], schedules, ms: elapsed() }
}

process.stdout.write(`${JSON.stringify(await hunt())}\n`, () => process.exit(0))
