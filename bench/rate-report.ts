/** What the rates of the main job look like: lines to say, a page, and a plot. */
import { type BarGroup, barsSvg } from './bars.ts'
import { machine, today } from './machine.ts'
import { median } from './median.ts'
import type { Rate } from './rate.ts'

interface Line {
  readonly sink: string
  readonly roundTripMs: number
  readonly ours: Rate
  readonly other: Rate
  readonly ratio: number
}

export function pair(rates: readonly Rate[]): Line[] {
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

export const rateLines = (lines: readonly Line[]): string[] =>
  lines.map(
    (line) =>
      `${lineName(line)}: maildrain ${seconds(line.ours)}, script ${seconds(line.other)}, ${line.ratio.toFixed(2)} times as fast`,
  )

export interface RateReport {
  readonly messages: number
  readonly rounds: number
  /** The words after `npm run bench --`. */
  readonly command: string
  /** Of the page and its plot, without ending. */
  readonly name: string
}

export function rateReport(
  lines: readonly Line[],
  { messages, rounds, command, name }: RateReport,
): string {
  const rows = lines.map(
    (line) =>
      `| ${lineName(line)} | ${seconds(line.ours)} | ${seconds(line.other)} | ${line.ratio.toFixed(1)} |`,
  )
  return `# Rate of the main job, ${today()}

${messages} mixed messages from Dovecot, parsed, each deleted once it is durable; ${machine()}, everything on one
machine. Seconds of the whole process, median of ${rounds} rounds (each round); the two run one after the other in the
same run. The script is [bench/script/everybody.mjs](../../bench/script/everybody.mjs): node-pop3, simpleParser, one
awaited write, DELE.

\`npm run bench -- ${command}\`

| job | maildrain | node-pop3 script | times as fast |
| --- | --- | --- | --- |
${rows.join('\n')}

![messages a second](${name}.svg)
`
}

export function ratePlot(lines: readonly Line[], messages: number): string {
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
