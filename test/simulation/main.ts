/**
 * `npm run simulate [-- --schedules N] [--from SEED]`: drains in a simulated world, each single fault first, then seeds at
 * random; `--record` keeps the figures for docs/guarantees.md. `-- --seed SEED [--choice JSON] [--plan JSON]` runs one again and tells what happened.
 */
import { parseArgs } from 'node:util'
import { formatCount, formatSeconds } from '../../src/observe/units.ts'
import type { Fault } from './engine/faults.ts'
import { record } from './figures.ts'
import { simulate } from './hunt.ts'
import type { Choice } from './setting.ts'
import { simulateMany } from './simulation.ts'

const say = (line: string): void => void process.stdout.write(`${line}\n`)

async function again(seed: number, choice: Choice, plan?: readonly Fault[]): Promise<boolean> {
  const { outcome } = await simulate(seed, choice, plan, true)
  for (const line of outcome.trace) say(line)
  return outcome.violations.length === 0
}

async function many(schedules: number, from: number, processes: number): Promise<boolean> {
  const begun = performance.now()
  let told = begun
  const { sum, found } = await simulateMany({
    ...{ from, to: from + schedules - 1, processes, systematic: from === 1, ms: Infinity },
    onProgress: (soFar, next) => {
      if (performance.now() - told < 15_000) return
      told = performance.now()
      const rate = soFar.schedules / ((told - begun) / 1000)
      const left = `about ${formatSeconds((from + schedules - next) / rate)} left`
      const where = next > from ? left : 'each single fault first'
      say(`${formatCount(soFar.schedules)} schedules, ${rate.toFixed(0)} a second, ${where}`)
    },
    onFound: ({ seed, choice, plan, violations }) => {
      say(`seed ${seed}: ${violations.join('; ')}`)
      say(
        `  npm run simulate -- --seed ${seed} --choice '${JSON.stringify(choice)}' --plan '${JSON.stringify(plan)}'`,
      )
    },
  })
  const seconds = (performance.now() - begun) / 1000
  say(
    `${formatCount(sum.schedules)} schedules in ${formatSeconds(seconds)}: ${formatCount(sum.lives)} runs, ${formatCount(sum.crashes)} crashes, ${formatCount(sum.effects)} effects, ${formatCount(sum.delivered)} messages delivered; ${found.length} broke something`,
  )
  if (values.record) record({ simulation: { sum, seconds, found: found.length } })
  return found.length === 0
}

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '10000' },
    from: { type: 'string', default: '1' },
    processes: { type: 'string', default: '2' },
    seed: { type: 'string' },
    choice: { type: 'string', default: '{}' },
    plan: { type: 'string' },
    record: { type: 'boolean', default: false },
  },
})
const { seed, choice, plan, schedules, from, processes } = values
const sound =
  seed === undefined
    ? await many(Number(schedules), Number(from), Number(processes))
    : await again(
        Number(seed),
        JSON.parse(choice) as Choice,
        plan === undefined ? undefined : (JSON.parse(plan) as Fault[]),
      )
if (!sound) process.exitCode = 1
