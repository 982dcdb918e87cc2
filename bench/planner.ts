/**
 * Sessions as they are planned, beside fixed batches, on servers whose costs are formulas: a virtual clock, so that ten
 * million messages take a second and every run says the same.
 */
import { formatBytes, formatCount, formatSeconds } from '../src/observe/units.ts'
import {
  type CostlyServer,
  type Drained,
  MAILDIR,
  MBOX,
  drainInSessions,
  overheadShare,
} from '../test/support/session-drain.ts'
import { type BarGroup, barsSvg } from './bars.ts'
import { today } from './machine.ts'

const SIZES = [10_000, 100_000, 1_000_000, 10_000_000]
const OCTETS = 4096
const BATCHES = [undefined, 5000, 500] as const
const SERVERS = [
  { name: 'Maildir', server: MAILDIR },
  { name: 'mbox', server: MBOX },
]

interface Line {
  readonly server: string
  readonly messages: number
  readonly batch: number | undefined
  readonly drained: Drained
}

export function drainPlanned(): Line[] {
  return SERVERS.flatMap(({ name, server }) =>
    SIZES.flatMap((messages) =>
      BATCHES.map((batch) => ({
        ...{ server: name, messages, batch },
        drained: drained(server, messages, batch),
      })),
    ),
  )
}

function drained(server: CostlyServer, messages: number, batch?: number): Drained {
  const mailbox = { messages, octetsPerMessage: OCTETS }
  return drainInSessions({
    server,
    mailbox,
    ...(batch === undefined ? {} : { fixedMessages: batch }),
  })
}

const costMs = ({ drained: { ms }, messages }: Line): string => (ms / messages).toFixed(2)
const batchName = (batch: number | undefined): string =>
  batch === undefined ? 'planned' : `batches of ${formatCount(batch)}`
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

export const plannerLines = (lines: readonly Line[]): string[] =>
  lines.map(
    (line) =>
      `${line.server}, ${formatCount(line.messages)} messages, ${batchName(line.batch)}: ${costMs(line)} ms a message, ${formatCount(line.drained.sessions)} sessions, ${percent(overheadShare(line.drained))} overhead`,
  )

/** Messages a second, which stay what they are where the cost of a message does. */
export function plannerPlot(lines: readonly Line[]): string {
  const groups = SERVERS.flatMap(({ name }) =>
    SIZES.map((messages): BarGroup => {
      const bars = lines.filter((line) => line.server === name && line.messages === messages)
      return {
        heading: `${name}, ${formatCount(messages)} messages`,
        bars: bars.map((line) => {
          const rate = (line.messages / line.drained.ms) * 1000
          return {
            ...{ label: batchName(line.batch), value: rate, highlighted: line.batch === undefined },
            text: `${formatCount(rate)}/s, ${costMs(line)} ms each`,
          }
        }),
      }
    }),
  )
  return barsSvg('Messages a second over a whole drain (simulated)', groups)
}

function costTable(lines: readonly Line[], server: string): string {
  const rows = SIZES.map((messages) => {
    const cells = lines.filter((line) => line.server === server && line.messages === messages)
    const [planned] = cells
    const share = planned === undefined ? '' : percent(overheadShare(planned.drained))
    const sessions = planned === undefined ? '' : formatCount(planned.drained.sessions)
    return `| ${[formatCount(messages), ...cells.map(costMs), sessions, share].join(' | ')} |`
  })
  const head = ['messages', ...BATCHES.map(batchName), 'planned sessions', 'planned overhead']
  return `| ${head.join(' | ')} |\n|${' --- |'.repeat(head.length)}\n${rows.join('\n')}`
}

const LIMITS = [
  { name: '20 s', limit: { dropsAfterMs: 20_000 } },
  { name: '50 MB', limit: { dropsAfterOctets: 50e6 } },
]

function lossTable(): string {
  const rows = LIMITS.flatMap(({ name, limit }) =>
    [100_000, 300_000, 1_000_000].map((messages) => {
      const done = drained({ ...MAILDIR, ...limit }, messages)
      const twice = `${formatBytes(done.twiceOctets)}, ${percent(done.twiceOctets / done.octets)}`
      return `| ${[name, formatCount(messages), formatCount(done.sessions), done.lost, twice, formatSeconds(done.ms / 1000)].join(' | ')} |`
    }),
  )
  return `| dropped after | messages | sessions | of them lost | read twice | whole drain |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}`
}

function whyList(lines: readonly Line[], server: string): string {
  const line = lines.find(
    (one) => one.server === server && one.messages === 1_000_000 && one.batch === undefined,
  )
  const { whys = [], lengths = [] } = line?.drained ?? {}
  return whys
    .map(
      ({ code, text }, at) => `${at + 1}. ${code}, ${formatCount(lengths[at] ?? 0)} read: ${text}`,
    )
    .join('\n')
}

export function plannerReport(lines: readonly Line[], name: string, command: string): string {
  return `# Sessions as they are planned, ${today()}

Simulated: no server was run. A drain at the granularity of sessions with a virtual clock, every message of
${formatBytes(OCTETS)}; what a server costs is a formula ([test/support/session-drain.ts](../../test/support/session-drain.ts)).
Opening costs 20 ms, reading 0.35 ms a message and 40 ns an octet. The first session is cold, the later ones are warm, and
the two closing looks are counted.

\`npm run bench -- ${command}\`

## Maildir: opening grows with the mailbox

Opening 50 µs a message cold and 4 µs warm, QUIT 0.6 ms a DELE. Milliseconds a message, over the whole drain:

${costTable(lines, 'Maildir')}

## mbox: QUIT writes anew what is left

Opening 55 µs a message cold and 1 µs warm, QUIT 4 µs a DELE and 45 µs a message that is left:

${costTable(lines, 'mbox')}

What is more than 5 % comes of two things. The cold opening of the first session is some 5 % of such a drain on Maildir and 10 %
on mbox, at any size, and nothing can avoid it. And on a line of which nothing is known, the first sessions are shorter than
5 % would need: 256 MiB, then twice as much each time. On mbox each of them writes the rest of the file anew.

![messages a second](${name}.svg)

## Servers that drop every session

Maildir as above, but every session is dropped after so much time since connecting, or so many octets:

${lossTable()}

## Why: 1,000,000 messages

Maildir:

${whyList(lines, 'Maildir')}

mbox:

${whyList(lines, 'mbox')}
`
}
