/** Table and chart of `npm run soak -- sessions`. */
import { type BarGroup, barsSvg } from '../../bench/bars.ts'
import { machine, today } from '../../bench/machine.ts'
import { formatBytes, formatCount, formatSeconds } from '../../src/observe/units.ts'
import type { Receipt } from '../../src/pipeline/receipt.ts'
import type { MailFormat } from '../fixtures/dovecot-process.ts'

export interface Job {
  readonly format: MailFormat
  readonly messages: number
  readonly fixed: boolean
}

export interface Done extends Job {
  readonly receipt: Receipt
  readonly peakBytes: number
  /** Of the machine, one-minute averages over the drain; the drain and Dovecot are in it. */
  readonly load: number
  readonly lost: number
  readonly doubled: number
  readonly left: number
}

const NAMES: Readonly<Record<MailFormat, string>> = {
  ...{ maildir: 'Maildir', mdbox: 'mdbox', mbox: 'mbox' },
}

const kindOf = ({ fixed }: Job): string => (fixed ? 'fixed, 500' : 'planned')

const overheadOf = ({ receipt }: Done): string =>
  `${((100 * (receipt.openSeconds + receipt.quitSeconds)) / receipt.seconds).toFixed(1)} %`

function rowOf(done: Done): string {
  const { format, messages, receipt, peakBytes } = done
  const cells = [
    `${NAMES[format]}, ${formatCount(messages)}`,
    kindOf(done),
    formatCount(receipt.sessions),
    formatSeconds(receipt.seconds),
    formatSeconds(receipt.openSeconds),
    formatSeconds(receipt.quitSeconds),
    overheadOf(done),
    (receipt.listingBytes / messages).toFixed(1),
    formatBytes(peakBytes),
    done.load.toFixed(1),
  ]
  return `| ${cells.join(' | ')} |`
}

export function report(results: readonly Done[]): string {
  return `# Sessions, planned and fixed, ${today()}

Small generated messages of some 4 kB in a Dovecot, drained into SQLite with deletion by the command. _planned_: as it is.
_fixed_: the same command with \`--session-messages 500 --listing full\`, which is what programs do that delete in batches. After
each drain every message is in the database by its SHA-256, once, and the mailbox is empty.

${machine()}, everything on one machine; Dovecot as a local process. One run each.

\`npm run soak -- sessions\`

| mailbox | sessions | count | time | opening | QUIT | share of both | octets of listings a message | peak memory | load |
| --- | --- | --: | --: | --: | --: | --: | --: | --: | --: |
${results.map(rowOf).join('\n')}

Opening is from connecting to the answer of STAT, QUIT from the first DELE to its reply. Listings are what came in replies to
LIST and UIDL. Memory is that of the process (VmHWM), its parser threads included. Load is the machine's, averaged over the
drain: drain and Dovecot are in it, and whatever else ran.

![time of each drain](sessions.svg)
`
}

export function plot(results: readonly Done[]): string {
  const formats = [...new Set(results.map(({ format }) => format))]
  const groups = formats.map((format): BarGroup => {
    const of = results.filter((done) => done.format === format)
    return {
      heading: `${NAMES[format]}, ${formatCount(of[0]?.messages ?? 0)} messages`,
      bars: of.map((done) => ({
        ...{ label: kindOf(done), value: done.receipt.seconds, highlighted: !done.fixed },
        text: `${formatSeconds(done.receipt.seconds)}, ${formatCount(done.receipt.sessions)} sessions`,
      })),
    }
  })
  return barsSvg('Time of a whole drain from Dovecot into SQLite', groups)
}
