/**
 * `npm run soak -- simulation [--minutes N]`: ten million schedules, or two hours on both cores, in pieces that resume
 * with the next seed.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { machine, today } from '../../bench/machine.ts'
import { formatCount, formatSeconds } from '../../src/observe/units.ts'
import { type Sum, nothing } from '../simulation/hunt.ts'
import { simulateMany } from '../simulation/simulation.ts'

const GOAL_SCHEDULES = 10_000_000
const GOAL_SECONDS = 2 * 60 * 60
const PROCESSES = 2
/** Seeds of CI are below it. */
const FIRST_SEED = 1_000_001
/** Between two saves. */
const PIECE_MS = 120_000

interface State {
  next: number
  seconds: number
  sum: Sum
  /** What must not have happened. */
  found: string[]
}

function load(file: string): State {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as State
  } catch {
    return { next: FIRST_SEED, seconds: 0, sum: nothing(), found: [] }
  }
}

const isReached = ({ sum, seconds }: State): boolean =>
  sum.schedules >= GOAL_SCHEDULES || seconds >= GOAL_SECONDS

async function piece(state: State, ms: number): Promise<void> {
  const begun = performance.now()
  const { sum, next, found } = await simulateMany({
    ...{ from: state.next, to: Infinity, processes: PROCESSES, systematic: false, ms },
  })
  state.next = next
  state.seconds += (performance.now() - begun) / 1000
  for (const name of Object.keys(sum) as (keyof Sum)[]) state.sum[name] += sum[name]
  state.found.push(...found.map((each) => JSON.stringify(each)))
}

function report({ sum, seconds, next, found }: State): string {
  const rows = [
    ['schedules', formatCount(sum.schedules)],
    ['seeds', `${FIRST_SEED} to ${next - 1}`],
    ['runs of a drain', formatCount(sum.lives)],
    ['of them killed', formatCount(sum.crashes)],
    ['effects on server and destination', formatCount(sum.effects)],
    ['messages delivered', formatCount(sum.delivered)],
    ['virtual time', formatSeconds(sum.virtualMs / 1000)],
    ['time, on a machine in use', formatSeconds(seconds)],
    ['schedules in which something was lost, doubled, altered or left', formatCount(found.length)],
  ]
  return `# The whole drain in a simulated world, ${today()}

Each schedule is a mailbox, a server that keeps to the RFCs or does not, a destination (Kafka with its transaction
coordinator, SQLite, and models of a database, of a store by key and of one that only appends) and up to four things that
go wrong at an effect of the drain on its surroundings. docs/guarantees.md says which, and what must hold.

${machine()}.

\`npm run soak -- simulation\`

| | |
| --- | --- |
${rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}
`
}

/** Resolves with false when something was found. */
export async function simulationSoak(
  root: string,
  minutes: number,
  say: (line: string) => void,
): Promise<boolean> {
  const directory = join(root, '.cache/soak')
  const file = join(directory, 'simulation.json')
  mkdirSync(directory, { recursive: true })
  const state = load(file)
  const until = performance.now() + minutes * 60_000
  while (state.found.length === 0 && !isReached(state) && performance.now() < until) {
    await piece(state, Math.min(PIECE_MS, until - performance.now()))
    writeFileSync(file, JSON.stringify(state))
    const { sum, seconds, next } = state
    say(
      `${formatCount(sum.schedules)} schedules in ${formatSeconds(seconds)}, up to seed ${next - 1}; ${state.found.length} broke something`,
    )
  }
  if (state.found.length > 0) {
    for (const found of state.found) say(`found: ${found}`)
    say(`npm run simulate -- --seed … tells what happened; remove ${file} to begin anew`)
    return false
  }
  if (!isReached(state)) {
    say('the goal is not reached yet: run the same command again')
    return true
  }
  writeFileSync(join(root, 'docs/measured/soak-simulation.md'), report(state))
  rmSync(file)
  say('wrote docs/measured/soak-simulation.md')
  return true
}
