/**
 * `npm run bench -- [--rounds N] [--messages N] [--sink kafka|sqlite] [--round-trip-ms N]`: the rate of the main job beside
 * the script that everybody writes. Prints the ratios; with --write NAME also docs/measured/NAME.md and its plot.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { benchClients } from './clients/clients.ts'
import { type BarGroup, barsSvg } from './bars.ts'
import { machine, today } from './machine.ts'
import { type Rate, measureRates } from './rate.ts'

if (process.argv[2] === 'clients') {
  const { only, write } = parseArgs({
    args: process.argv.slice(3),
    options: { only: { type: 'string' }, write: { type: 'string' } },
  }).values
  const right = await benchClients({
    only,
    write,
    say: (line) => process.stdout.write(`${line}\n`),
  })
  process.exit(right ? 0 : 1)
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    messages: { type: 'string', default: '2000' },
    sink: { type: 'string', multiple: true, default: ['kafka', 'sqlite'] },
    'round-trip-ms': { type: 'string', multiple: true, default: ['0', '20'] },
    write: { type: 'string' },
  },
})

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN

interface Line {
  readonly sink: string
  readonly roundTripMs: number
  readonly ours: Rate
  readonly other: Rate
  readonly ratio: number
}

function pair(rates: readonly Rate[]): Line[] {
  const ours = rates.filter(({ who }) => who === 'maildrain')
  return ours.flatMap((our) => {
    const { sink, roundTripMs } = our
    const other = rates.find(
      (rate) => rate !== our && rate.sink === sink && rate.roundTripMs === roundTripMs,
    )
    if (other === undefined) return []
    const ratio = median(other.seconds) / median(our.seconds)
    return [{ sink, roundTripMs, ours: our, other, ratio }]
  })
}

const lineName = ({ sink, roundTripMs }: Line): string =>
  `into ${sink === 'kafka' ? 'Kafka' : 'SQLite'}, mailbox ${roundTripMs === 0 ? 'on the same machine' : `${roundTripMs} ms away`}`

const seconds = ({ seconds: all }: Rate): string =>
  `${median(all).toFixed(1)} s (${all.map((each) => each.toFixed(1)).join(', ')})`

function report(lines: readonly Line[], messages: number, rounds: number): string {
  const rows = lines.map(
    (line) =>
      `| ${lineName(line)} | ${seconds(line.ours)} | ${seconds(line.other)} | ${line.ratio.toFixed(1)} |`,
  )
  return `# Rate of the main job, ${today()}

${messages} mixed messages from Dovecot, parsed, each deleted once it is durable; ${machine()}, everything on one
machine. Seconds of the whole process, median of ${rounds} rounds (each round); the two run one after the other in the
same run. The script is [bench/script/everybody.mjs](../../bench/script/everybody.mjs): node-pop3, simpleParser, one
awaited write, DELE.

\`npm run bench -- ${process.argv.slice(2).join(' ')}\`

| job | maildrain | node-pop3 script | times as fast |
| --- | --- | --- | --- |
${rows.join('\n')}

![messages a second](${values.write ?? 'rate'}.svg)
`
}

function plot(lines: readonly Line[], messages: number): string {
  const groups: BarGroup[] = lines.map((line) => ({
    heading: lineName(line),
    bars: [line.ours, line.other].map((rate) => {
      const value = messages / median(rate.seconds)
      const highlighted = rate === line.ours
      const times = highlighted ? `, ${line.ratio.toFixed(1)} times` : ''
      return { label: rate.who, value, text: `${value.toFixed(0)} messages/s${times}`, highlighted }
    }),
  }))
  return barsSvg(`Messages a second, ${messages} mixed messages, parsed`, groups)
}

/** A word that means nothing must not measure something else. */
function wrong(flag: string, value: string): never {
  say(`--${flag} ${value} is not understood`)
  process.exit(2)
}

const number = (flag: string, value: string): number =>
  /^\d+$/.test(value) ? Number(value) : wrong(flag, value)

const sinkOf = (value: string): 'kafka' | 'sqlite' =>
  value === 'kafka' || value === 'sqlite' ? value : wrong('sink', value)

const [messages, rounds] = [number('messages', values.messages), number('rounds', values.rounds)]
const rates = await measureRates({
  ...{ messages, rounds, say },
  sinks: values.sink.map(sinkOf),
  roundTripsMs: values['round-trip-ms'].map((ms) => number('round-trip-ms', ms)),
})
const lines = pair(rates)
for (const line of lines)
  say(
    `${lineName(line)}: maildrain ${seconds(line.ours)}, script ${seconds(line.other)}, ${line.ratio.toFixed(2)} times as fast`,
  )
if (values.write !== undefined) {
  const path = join(import.meta.dirname, '../docs/measured', values.write)
  writeFileSync(`${path}.md`, report(lines, messages, rounds))
  writeFileSync(`${path}.svg`, plot(lines, messages))
  say(`wrote ${path}.md and .svg`)
}
