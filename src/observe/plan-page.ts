/** The plan of a drain as people read it, in lines of a width. */
import type { DrainPlan } from '../sources/pop3/survey/drain-plan.ts'
import { bar, percent } from './bar.ts'
import { formatBytes, formatCount, formatSeconds } from './units.ts'
import { wrapWords } from './wrap.ts'

const LABEL = 14
/** Columns of the table of sizes beside its two bars. */
const SIZE_COLUMNS = 53
const LONGEST_BAR = 24

/** @param width characters of a line at most, 60 or more */
export function formatPlan(plan: DrainPlan, width: number): string {
  return [
    head(plan, width),
    ...(plan.messages === 0 ? [] : [sizeTable(plan, width)]),
    prediction(plan, width),
    ...(plan.destination === null ? [] : [comparison(plan, width)]),
    ...(plan.quirks.length === 0 ? [] : [quirks(plan, width)]),
    wrapWords(untouched(plan), width).join('\n'),
  ].join('\n\n')
}

/** A label and what belongs to it, wrapped beside it. */
function row(label: string, text: string, width: number): string {
  return wrapWords(text, width - LABEL)
    .map((line, index) => (index === 0 ? label : '').padEnd(LABEL) + line)
    .join('\n')
}

const ms = (value: number): string =>
  value < 1000 ? `${value.toFixed(value < 10 ? 1 : 0)} ms` : formatSeconds(value / 1000)

const plural = (n: number, what: string): string => `${formatCount(n)} ${what}${n === 1 ? '' : 's'}`

function head(plan: DrainPlan, width: number): string {
  const { server, stat, messages, octets, largest } = plan
  const { implementation, tls, capabilities } = server
  const mean = messages === 0 ? '' : `, ${formatBytes(octets / messages)} a message`
  const rows: [string, string][] = [
    ['mailbox', plan.mailbox],
    ['server', `${implementation ?? 'does not say what it is'}, ${tls ? 'TLS' : 'no TLS'}`],
    ['capabilities', capabilities === null ? 'not told' : capabilities.join(', ') || 'none'],
    [
      'messages',
      messages === stat.messages
        ? formatCount(messages)
        : `${formatCount(messages)} listed, ${formatCount(stat.messages)} by STAT`,
    ],
    ['octets', `${formatBytes(octets)} (${formatCount(octets)})${mean}`],
    ...(messages === 0
      ? []
      : ([['largest', `${formatBytes(largest.octets)}, number ${formatCount(largest.n)}`]] as [
          string,
          string,
        ][])),
    ['unique-ids', uidlText(plan)],
  ]
  return rows.map(([label, text]) => row(label, text, width)).join('\n')
}

function uidlText({ uidls, messages }: DrainPlan): string {
  if (uidls === null) return 'the server has none'
  const { sharedUidls, sharingNumbers, missing } = uidls
  const shared =
    sharedUidls === 0
      ? messages === 0
        ? 'none'
        : 'all different'
      : `${formatCount(sharingNumbers)} numbers share ${plural(sharedUidls, 'unique-id')}`
  return missing === 0 ? shared : `${shared}, ${plural(missing, 'number')} without`
}

function sizeTable({ sizes, messages, octets }: DrainPlan, width: number): string {
  const length = Math.min(LONGEST_BAR, Math.max(4, Math.floor((width - SIZE_COLUMNS) / 2)))
  // The longest bar fills its column: shares of a whole would all be short.
  const [most, fullest] = [
    Math.max(...sizes.map((range) => range.messages)),
    Math.max(...sizes.map((range) => range.octets)),
  ]
  const title = `${'size'.padEnd(13)}${'messages'.padStart(9)}${' '.repeat(11 + length)}${'octets'.padStart(10)}`
  const rows = sizes.map(({ from, to, messages: count, octets: sum }) => {
    const label =
      to === null
        ? `${bound(from)} and more`
        : from === 0
          ? `under ${bound(to)}`
          : `from ${bound(from)}`
    if (count === 0) return `${label.padEnd(13)}${'0'.padStart(9)}`
    const bytes = octets === 0 ? 0 : sum / octets
    return [
      label.padEnd(13),
      formatCount(count).padStart(9),
      percent(count / messages),
      `  ${bar(count / most, length).padEnd(length)} `,
      formatBytes(sum).padStart(10),
      percent(bytes),
      `  ${bar(fullest === 0 ? 0 : sum / fullest, length)}`,
    ]
      .join('')
      .trimEnd()
  })
  return [title, ...rows].join('\n')
}

/** Bounds are round: `20 kB`, not `20.0 kB`. */
const bound = (octets: number): string => formatBytes(octets).replace('.0 ', ' ')

function prediction(plan: DrainPlan, width: number): string {
  const { prediction: predicted, deletion, measured } = plan
  const { sessions, seconds, readSeconds, openSeconds, quitSeconds } = predicted
  const parts = [
    `${formatSeconds(readSeconds)} reading`,
    `${formatSeconds(openSeconds)} opening`,
    ...(deletion ? [`${formatSeconds(quitSeconds)} deleting`] : []),
  ]
  const looks = deletion ? ', two of them to see that nothing is left' : ''
  const title = deletion
    ? 'A drain with --delete will take about'
    : 'A drain without --delete, which leaves all mail on the server, will take about'
  const listingMs = measured.listMs + (measured.uidlMs ?? 0)
  const known =
    plan.knownSessions > 0
      ? `, and reading in the last ${plan.knownSessions === 1 ? 'session' : plural(plan.knownSessions, 'session')}`
      : ''
  return [
    ...wrapWords(title, width),
    row('sessions', `${formatCount(sessions)}${looks}`, width),
    row('time', `${formatSeconds(seconds)}: ${parts.join(', ')}`, width),
    row(
      'octets',
      `${formatBytes(predicted.octets)} of mail in ${plural(predicted.messages, 'message')}, and ${formatBytes(predicted.listingOctets)} of listings`,
      width,
    ),
    row(
      'measured',
      `opening ${ms(measured.openMs)}, round trip ${ms(measured.roundTripMs)}, listings of ${formatBytes(plan.listingOctets)} in ${ms(listingMs)}${known}`,
      width,
    ),
    ...predicted.assumptions.map((text, index) => row(index === 0 ? 'assumed' : '', text, width)),
  ].join('\n')
}

function comparison({ destination, ledger, deletion }: DrainPlan, width: number): string {
  const title = wrapWords(`Destination ${destination ?? ''}`, width)
  if (ledger === null)
    return [
      ...title,
      row('knows', 'nothing: it has no ledger yet, a drain would make it', width),
    ].join('\n')
  const { entries, known, kept, fresh, headerOctets } = ledger
  const of = ({ messages, octets }: typeof known) =>
    `${plural(messages, 'message')}, ${formatBytes(octets)}`
  const compare = deletion
    ? `full: RETR of ${formatBytes(known.octets)}; headers: TOP of about ${formatBytes(headerOctets)}, at 4 kB a header block`
    : 'nothing: without --delete they are not read again'
  return [
    ...title,
    row(
      'knows',
      `${of(known)}, of ${plural(entries, 'entry').replace('entrys', 'entries')}`,
      width,
    ),
    ...(kept.messages === 0 ? [] : [row('left there', `${of(kept)}, by earlier runs`, width)]),
    row('new', of(fresh), width),
    ...(known.messages === 0 ? [] : [row('comparing', compare, width)]),
  ].join('\n')
}

function quirks(plan: DrainPlan, width: number): string {
  const indent = (lines: string[]) => lines.map((line, i) => (i === 0 ? `- ${line}` : `  ${line}`))
  const items = plan.quirks.flatMap(({ seen, answer }) =>
    indent(wrapWords(`${seen} ${answer}`, width - 2)),
  )
  return ['What is worth knowing', ...items].join('\n')
}

const untouched = ({ destination }: DrainPlan): string =>
  `Nothing was touched: no message was read or marked${destination === null ? '' : ', and nothing was written at the destination'}.`
