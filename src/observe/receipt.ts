/** The receipt as people read it, and as a file. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { ConfigError, describeError } from '../errors.ts'
import type { Receipt } from '../pipeline/receipt.ts'
import type { WatchReceipt } from '../pipeline/watch-receipt.ts'
import { formatBytes, formatCount, formatSeconds } from './units.ts'

/** What each count means, in the order of the table; a row of zero that says nothing is left out. */
const COUNTS: readonly (readonly [keyof Receipt, string, 'always' | 'ifAny'])[] = [
  ['seen', 'messages listed', 'always'],
  ['delivered', 'written by this run, durable', 'always'],
  ['alreadyDelivered', 'durable since an earlier run', 'ifAny'],
  ['filtered', 'left on the server by a filter', 'ifAny'],
  ['deadLettered', 'set aside', 'ifAny'],
  ['kept', 'left on the server, see the log', 'ifAny'],
  ['vanished', 'removed by somebody else before they were read', 'ifAny'],
  ['copies', 'further copies with equal bytes', 'ifAny'],
  ['deleted', 'deleted from the server', 'always'],
  ['verifiedGone', 'of these seen to be gone', 'always'],
  ['undeletable', 'that the server does not delete', 'ifAny'],
  ['remaining', 'still in the mailbox', 'always'],
  ['waiting', 'of these delivered, and not yet to be deleted', 'ifAny'],
  ['unselected', 'of these not asked for', 'ifAny'],
]

type WatchCount = Exclude<
  keyof WatchReceipt,
  | 'mailbox'
  | 'destination'
  | 'polls'
  | 'failedPolls'
  | 'bytes'
  | 'sessions'
  | 'seconds'
  | 'durability'
>

const WATCH_COUNTS: readonly (readonly [WatchCount, string, 'always' | 'ifAny'])[] = [
  ['delivered', 'written, durable', 'always'],
  ['vanished', 'removed by somebody else before they were read', 'ifAny'],
  ['copies', 'further copies with equal bytes', 'ifAny'],
  ['deleted', 'deleted from the server', 'always'],
  ['verifiedGone', 'of these seen to be gone', 'always'],
  ['filtered', 'left on the server by a filter, at the last poll', 'ifAny'],
  ['deadLettered', 'set aside, at the last poll', 'ifAny'],
  ['kept', 'left on the server at the last poll, see the log', 'ifAny'],
  ['undeletable', 'that the server does not delete, at the last poll', 'ifAny'],
  ['remaining', 'still in the mailbox at the last poll', 'always'],
]

export type Row = readonly [name: string, value: string, note: string]

/** A table of two columns and a note. */
export function formatReceipt(receipt: Receipt): string {
  const rows: Row[] = [
    ['mailbox', receipt.mailbox, ''],
    ['destination', receipt.destination, ''],
  ]
  for (const [name, note, when] of COUNTS) {
    const count = Number(receipt[name])
    if (when === 'always' || count > 0) rows.push([name, formatCount(count), note])
  }
  return tableOf([...rows, ...costRows(receipt), ...lastRows(receipt)])
}

/** The same for a watch. */
export function formatWatchReceipt(receipt: WatchReceipt): string {
  const { polls, failedPolls } = receipt
  const rows: Row[] = [
    ['mailbox', receipt.mailbox, ''],
    ['destination', receipt.destination, ''],
    ['polls', formatCount(polls), 'looks at the mailbox that came to their end'],
  ]
  if (failedPolls > 0) rows.push(['failedPolls', formatCount(failedPolls), 'tried again'])
  for (const [name, note, when] of WATCH_COUNTS)
    if (when === 'always' || receipt[name] > 0) rows.push([name, formatCount(receipt[name]), note])
  return tableOf([...rows, ...lastRows(receipt)])
}

/** What the drain cost besides reading and writing mail. */
function costRows({ listingBytes, openSeconds, quitSeconds }: Receipt): readonly Row[] {
  return [
    ['listingBytes', formatBytes(listingBytes), 'of replies to LIST and UIDL'],
    ['openSeconds', formatSeconds(openSeconds), 'from connecting to the answer of STAT'],
    ['quitSeconds', formatSeconds(quitSeconds), 'from the first DELE to the reply to QUIT'],
  ]
}

function lastRows(
  receipt: Pick<Receipt, 'bytes' | 'sessions' | 'seconds' | 'durability'>,
): readonly Row[] {
  const { bytes, sessions, seconds, durability } = receipt
  const perSecond = seconds > 0 ? `${formatBytes(bytes / seconds)}/s` : ''
  return [
    ['bytes', formatBytes(bytes), `${formatCount(bytes)} octets of raw mail written`],
    ['sessions', formatCount(sessions), ''],
    ['seconds', formatSeconds(seconds), perSecond],
    ['durability', durability, ''],
  ]
}

export function tableOf(rows: readonly Row[]): string {
  const widthOf = (column: 0 | 1, of: (row: Row) => boolean) =>
    Math.max(...rows.filter(of).map((row) => row[column].length))
  const name = widthOf(0, () => true)
  const value = widthOf(1, (row) => row[2] !== '')
  return rows
    .map((row) =>
      `${row[0].padEnd(name)}  ${row[2] === '' ? row[1] : row[1].padStart(value)}  ${row[2]}`.trimEnd(),
    )
    .join('\n')
}

/** Whole or not at all: a reader never sees half a receipt. */
export class ReceiptFile {
  readonly #path: string

  /** @throws ConfigError when the file cannot be written, before anything has been done */
  constructor(path: string) {
    this.#path = path
    const probe = this.#partial()
    try {
      closeSync(openSync(probe, 'w', 0o600))
      rmSync(probe)
    } catch (error) {
      throw new ConfigError(
        'MAILDRAIN_CONFIG_INVALID',
        `--receipt ${path} cannot be written: ${describeError(error)}`,
        { cause: error },
      )
    }
  }

  write(receipt: object): void {
    const partial = this.#partial()
    const file = openSync(partial, 'w', 0o600)
    try {
      writeSync(file, `${JSON.stringify(receipt, null, 2)}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(partial, this.#path)
  }

  #partial(): string {
    return join(dirname(this.#path), `.${basename(this.#path)}.${process.pid}.partial`)
  }
}
