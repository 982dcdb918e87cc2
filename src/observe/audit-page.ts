/** What an audit found, as people read it. */
import type { AuditReport, ManifestReport } from '../audit/report.ts'
import { bar, percent } from './bar.ts'
import { findingsPage } from './findings-page.ts'
import { tableOf } from './receipt.ts'
import { formatBytes, formatCount, formatSeconds } from './units.ts'
import { wrapWords } from './wrap.ts'

/** Columns of the table beside its bars and notes. */
const COLUMNS = 14 + 11 + 10 + 2
const LONGEST_NOTE = 28
const LONGEST_BAR = 24

const SUM = [
  ['delivered', 'verified by SHA-256 and key'],
  ['filtered', 'left by a filter'],
  ['deadLettered', 'set aside'],
  ['kept', 'left for other reasons'],
  ['vanished', 'removed by others before'],
  ['accepted', 'lost entries, accepted'],
] as const

/** @param width characters of a line at most, 60 or more */
export function formatAudit(report: AuditReport, width: number): string {
  const { missing, altered, doubled, unledgered } = report
  return [
    head(report, `${formatCount(report.entries)} entries${notes(report)}`),
    balance(report, width),
    ...findingsPage(
      [
        ['Missing: the ledger says delivered, the destination does not have it', missing],
        ['Altered: the bytes do not give the SHA-256 or key that they should', altered],
        ['Doubled: more than one record of a message', doubled],
        [unledgeredTitle(report), unledgered],
      ],
      width,
    ),
    wrapWords(verdict(report), width).join('\n'),
  ].join('\n\n')
}

function notes({ gone, forgotten }: AuditReport): string {
  const parts = [
    ...(gone > 0 ? [`${formatCount(gone)} of them gone from the server`] : []),
    ...(forgotten > 0 ? [`${formatCount(forgotten)} more forgotten since they were gone`] : []),
  ]
  return parts.map((part) => `, ${part}`).join('')
}

function head(report: AuditReport | ManifestReport, ledger: string): string {
  const { records, bytes, seconds } = report
  const speed = seconds > 0 ? `, ${formatBytes(bytes / seconds)}/s` : ''
  return tableOf([
    ['mailbox', report.mailbox, ''],
    ['destination', report.destination, ''],
    [
      'read back',
      `${formatCount(records)} records, ${formatBytes(bytes)} in ${formatSeconds(seconds)}${speed}`,
      '',
    ],
    ['manifestAt' in report ? 'manifest' : 'ledger', ledger, ''],
  ])
}

function balance(report: AuditReport, width: number): string {
  const { initial } = report
  const withNotes = width >= 80
  const room = width - COLUMNS - (withNotes ? LONGEST_NOTE + 2 : 0)
  const length = Math.min(LONGEST_BAR, Math.max(4, room))
  const sum = SUM.reduce((total, [name]) => total + report[name], 0)
  const whole = Math.max(initial, sum, 1)
  const line = (name: string, value: number): string =>
    `${name.padEnd(14)}${formatCount(value).padStart(11)}`
  const shown = SUM.filter(([name]) => name !== 'accepted' || report.accepted > 0)
  const rows = shown.map(([name, note]) => {
    const share = report[name] / whole
    const text = `${line(name, report[name])}${percent(share).padStart(10)}  ${bar(share, length).padEnd(length)}`
    return `${text}${withNotes ? `  ${note}` : ''}`.trimEnd()
  })
  const equal =
    sum === initial
      ? 'as many as there were'
      : `${formatCount(Math.abs(initial - sum))} ${sum < initial ? 'less' : 'more'} than there were`
  return [line('initial', initial), ...rows, `${line('sum', sum)}  ${equal}`].join('\n')
}

const unledgeredTitle = ({ forgotten }: AuditReport): string =>
  `At the destination, and not delivered by the ledger${forgotten > 0 ? ` (among these ${formatCount(forgotten)} that it has forgotten)` : ''}`

function verdict(report: AuditReport): string {
  if (report.addsUp)
    return `Everything adds up: each message is accounted for once, and what is delivered is there byte for byte.${accepted(report)}`
  return `It does not add up: ${differences(report)}.`
}

const accepted = (report: AuditReport): string =>
  report.accepted > 0
    ? ` What became of ${formatCount(report.accepted)} that were not delivered is not known: the ledger has lost their entries, and a run was told to go on.`
    : ''

/** What is wrong, in numbers, for the end of a sentence. */
export function differences(report: AuditReport | ManifestReport): string {
  const kinds: [number, string][] = [
    [report.missing.count, 'missing'],
    [report.altered.count, 'altered'],
    [report.doubled.count, 'doubled'],
  ]
  if ('addsUp' in report)
    kinds.push(
      [report.missingForgotten, 'missing that the ledger has forgotten'],
      [report.missingFurther, 'further records missing'],
      [report.unledgered.count, 'that the ledger does not know'],
    )
  const counts = kinds.flatMap(([n, what]) => (n > 0 ? [`${formatCount(n)} ${what}`] : []))
  if ('addsUp' in report && !report.forgottenProven && report.missingForgotten === 0)
    counts.push('nobody can tell whether mail that it has forgotten is missing, too')
  return counts.length > 0 ? counts.join(', ') : 'the numbers of the ledger contradict each other'
}

/** @param width characters of a line at most, 60 or more */
export function formatManifestAudit(report: ManifestReport, width: number): string {
  const { messages, held, missing, altered, doubled, added } = report
  const wrong = missing.count + altered.count + doubled.count
  const count = (name: string, value: number, note: string) =>
    [name, formatCount(value), note] as const
  return [
    head(report, `of ${report.manifestAt}, of ${report.manifestDestination}`),
    tableOf([
      count('messages', messages, 'that the manifest calls verified'),
      count('held', held, 'still there, byte for byte'),
      count('missing', missing.count, ''),
      count('altered', altered.count, ''),
      count('doubled', doubled.count, ''),
      count('added', added, 'since then'),
    ]),
    ...findingsPage(
      [
        ['Missing: the manifest has it, the destination does not', missing],
        ['Altered: the bytes do not give the SHA-256 or key that they should', altered],
        ['Doubled: more than one record of a message', doubled],
      ],
      width,
    ),
    wrong === 0
      ? 'Everything that the manifest verified is still there.'
      : wrapWords(`Not everything is as it was: ${differences(report)}.`, width).join('\n'),
  ].join('\n\n')
}
