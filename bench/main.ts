/**
 * `npm run bench -- [JOB] [flags]` measures beside something else in the same run, and prints ratios; with --write NAME also
 * docs/measured/NAME.md.
 *
 *   rate     the main job beside the script that everybody writes [--sink kafka|sqlite]; with a plot
 *   reading  the POP3 client by itself beside a bare reader that only counts bytes
 *   planner  sessions as they are planned beside fixed batches, simulated; always writes its page and plot
 *   clients  the npm POP3 clients and maildrain's through the same torture [--only CASE]
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { benchClients } from './clients/clients.ts'
import { drainPlanned, plannerLines, plannerPlot, plannerReport } from './planner.ts'
import { pair, rateLines, ratePlot, rateReport } from './rate-report.ts'
import { measureRates } from './rate.ts'
import { measureReading, readingLines, readingReport } from './reading.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    messages: { type: 'string', default: '2000' },
    sink: { type: 'string', multiple: true, default: ['kafka', 'sqlite'] },
    'round-trip-ms': { type: 'string', multiple: true, default: ['0', '20'] },
    only: { type: 'string' },
    write: { type: 'string' },
  },
})

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

/** A word that means nothing must not measure something else. */
function wrong(what: string): never {
  say(`${what} is not understood`)
  process.exit(2)
}

const number = (flag: string, value: string): number =>
  /^\d+$/.test(value) ? Number(value) : wrong(`--${flag} ${value}`)

const sinkOf = (value: string): 'kafka' | 'sqlite' =>
  value === 'kafka' || value === 'sqlite' ? value : wrong(`--sink ${value}`)

const common = {
  messages: number('messages', values.messages),
  rounds: number('rounds', values.rounds),
  roundTripsMs: values['round-trip-ms'].map((ms) => number('round-trip-ms', ms)),
  say,
}
const command = process.argv.slice(2).join(' ')

function write(ending: string, text: string, name = values.write): void {
  if (name === undefined) return
  const path = join(import.meta.dirname, '../docs/measured', `${name}.${ending}`)
  writeFileSync(path, text)
  say(`wrote ${path}`)
}

async function rate(): Promise<void> {
  const lines = pair(await measureRates({ ...common, sinks: values.sink.map(sinkOf) }))
  rateLines(lines).forEach(say)
  write('md', rateReport(lines, { ...common, command, name: values.write ?? 'rate' }))
  write('svg', ratePlot(lines, common.messages))
}

async function reading(): Promise<void> {
  const readings = await measureReading(common)
  readingLines(readings).forEach(say)
  write('md', readingReport(readings, common, command))
}

async function clients(): Promise<void> {
  const right = await benchClients({ only: values.only, write: values.write, say })
  process.exitCode = right ? 0 : 1
}

/** Simulated: the same on every machine, so that it is written without being asked to. */
function planner(): Promise<void> {
  const lines = drainPlanned()
  plannerLines(lines).forEach(say)
  const name = values.write ?? 'planner'
  write('md', plannerReport(lines, name, command), name)
  write('svg', plannerPlot(lines), name)
  return Promise.resolve()
}

const jobs = new Map([
  ['clients', clients],
  ['planner', planner],
  ['rate', rate],
  ['reading', reading],
])
const job = positionals[0] ?? 'rate'
await (jobs.get(job) ?? wrong(job))()
