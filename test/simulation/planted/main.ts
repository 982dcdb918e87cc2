/**
 * `npm run planted-bugs`: plants each bug in a copy of the sources and demands that the simulation finds it within ten
 * seconds. The sources as they are must pass the same schedules, up to the one that found it, or finding would prove nothing.
 */
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { record } from '../figures.ts'
import type { Choice } from '../setting.ts'
import { type PlantedBug, plantedBugs } from './bugs.ts'

const SECONDS = 10
/** As many at once as there are cores on the smallest machine that this is meant for. */
const AT_ONCE = 2

const root = join(import.meta.dirname, '../../..')

interface Answer {
  readonly seed: number | null
  readonly violations: readonly string[]
  readonly schedules: number
  readonly ms: number
}

/** A copy of what the simulation runs. */
function copy(): string {
  const directory = mkdtempSync(join(tmpdir(), 'maildrain-planted-'))
  for (const name of [
    'src',
    'schemas',
    'test/simulation',
    'test/support',
    'package.json',
    'tsconfig.json',
  ])
    cpSync(join(root, name), join(directory, name), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'))
  return directory
}

function plant(directory: string, { change }: PlantedBug): void {
  if (change === undefined) return
  const [file, as, broken] = change
  const path = join(directory, file)
  const text = readFileSync(path, 'utf8')
  if (!text.includes(as)) throw new Error(`the line to change is no longer in ${file}: ${as}`)
  writeFileSync(
    path,
    text.replace(as, () => broken),
  )
}

/** @param last seed; until then, however long it takes, or for ten seconds when there is none */
function hunt(directory: string, choice: Choice, last = Infinity): Promise<Answer> {
  const args = [
    '--import',
    'tsx',
    'test/simulation/planted/hunt-for.ts',
    JSON.stringify(choice),
    String(last === Infinity ? SECONDS : Infinity),
    String(last),
  ]
  const child = spawn(process.execPath, args, {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(out) as Answer)
      else reject(new Error(`the simulation ended with ${code}: ${out}`))
    })
  })
}

async function attempt(bug: PlantedBug): Promise<string | undefined> {
  const directory = copy()
  try {
    plant(directory, bug)
    const { seed, violations, schedules, ms } = await hunt(directory, bug.choice)
    const [first = ''] = violations
    if (seed === null) return `not found in ${schedules} schedules`
    if (!bug.breaks.includes(first.charAt(0))) return `found as something else: ${first}`
    const asItIs = await hunt(healthy, { ...bug.choice, mistakes: {} }, seed)
    if (asItIs.seed !== null)
      return `as it is, seed ${asItIs.seed} breaks something as well: ${asItIs.violations.join('; ')}`
    slowestSeconds = Math.max(slowestSeconds, ms / 1000)
    say(`found      ${bug.name}: seed ${seed}, ${(ms / 1000).toFixed(1)} s: ${first}`)
    return undefined
  } catch (error) {
    return String(error)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

let slowestSeconds = 0

const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** Runs the work for each, a few at once. */
async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  const take = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, take))
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { record: { type: 'boolean', default: false } },
})
const [only] = positionals
const bugs = plantedBugs.filter(({ name }) => only === undefined || name.includes(only))
let missed = 0
const healthy = copy()
await forEach(bugs, async (bug) => {
  const problem = await attempt(bug)
  if (problem === undefined) return
  missed += 1
  say(`NOT FOUND  ${bug.name}: ${problem}`)
})
const { seed, violations, schedules } = await hunt(healthy, {})
rmSync(healthy, { recursive: true, force: true })
if (seed !== null) say(`as it is, seed ${seed} breaks something: ${violations.join('; ')}`)
else say(`as it is, ${schedules} schedules break nothing`)
say(`${bugs.length - missed} of ${bugs.length} planted bugs found`)
if (values.record)
  record({
    planted: { planted: bugs.length, found: bugs.length - missed, slowestSeconds },
  })
process.exitCode = missed > 0 || seed !== null ? 1 : 0
