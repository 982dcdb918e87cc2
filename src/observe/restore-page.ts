/** What a restore did, as people read it. */
import type { RestoreReceipt } from '../restore/receipt.ts'
import { findingsPage } from './findings-page.ts'
import { type Row, tableOf } from './receipt.ts'
import { formatBytes, formatCount, formatSeconds } from './units.ts'

/** @param width characters of a line at most, 60 or more */
export function formatRestore(receipt: RestoreReceipt, width: number): string {
  const { damaged, occupied, missing, missingForgotten, bytes, seconds } = receipt
  const count = (name: string, value: number, note: string, always = false): Row[] =>
    always || value > 0 ? [[name, formatCount(value), note]] : []
  const table = tableOf([
    ['mailbox', receipt.mailbox, ''],
    ['from', receipt.from, ''],
    ['to', receipt.to, ''],
    ...count('records', receipt.records, 'read', true),
    ...count('written', receipt.written, 'verified by SHA-256 and key, then written', true),
    ...count('alreadyThere', receipt.alreadyThere, 'with the same bytes'),
    ...count('repeated', receipt.repeated, 'further records of the same messages'),
    ...count('damaged', damaged.count, 'not restored'),
    ...count('occupied', occupied.count, 'not restored'),
    ...(missing === null
      ? ([['missing', 'unknown', 'there is no ledger that can be asked']] as Row[])
      : count('missing', missing.count, 'delivered by the ledger, and not there', true)),
    ...count('forgotten', missingForgotten ?? 0, 'not there, and forgotten by the ledger'),
    ['bytes', formatBytes(bytes), `${formatCount(bytes)} octets of raw mail written`],
    ['seconds', formatSeconds(seconds), seconds > 0 ? `${formatBytes(bytes / seconds)}/s` : ''],
  ])
  return [
    table,
    ...findingsPage(
      [
        ['Damaged records', damaged],
        ['Names that other files have', occupied],
        ...(missing === null ? [] : [['Missing messages', missing] as const]),
      ],
      width,
    ),
  ].join('\n\n')
}
