/** A rehearsal as people read it. */
import { formatReceipt } from '../../observe/receipt.ts'
import { formatCount, formatSeconds } from '../../observe/units.ts'
import { wrapWords } from '../../observe/wrap.ts'
import type { Rehearsal } from './rehearse.ts'

export function formatRehearsal(rehearsal: Rehearsal, width: number): string {
  const { messages, step, receipt, seconds, predictedSeconds } = rehearsal
  const sample =
    step === 1
      ? ''
      : ` One message in ${formatCount(step)} was taken, and the time is scaled to all of them, also what is done once a drain.`
  const texts = [
    `Rehearsal: ${formatCount(messages)} made-up messages of the sizes above were drained on this machine into a scratch file, which is removed.${sample} Neither the mailbox nor the destination was touched.`,
    `It took ${formatSeconds(receipt.seconds)}${step === 1 ? '' : `, which makes ${formatSeconds(seconds)} for all`}; ${formatSeconds(predictedSeconds)} were predicted for such a drain from nothing. A rehearsal knows what maildrain, this disk and the round trips cost; it does not know how fast the mail server and the line are, and does not wait for LOGIN-DELAY.`,
  ]
  const [before = '', after = ''] = texts.map((text) => wrapWords(text, width).join('\n'))
  return [before, formatReceipt(receipt), after].join('\n\n')
}
