/**
 * `npm run soak -- power-cuts`: mailboxes drained onto a disk whose power fails again and again, until it has failed a
 * hundred times. A mailbox that is done is not done again.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { machine, today } from '../../bench/machine.ts'
import { formatBytes, formatCount, formatSeconds } from '../../src/observe/units.ts'
import { noDiskImage } from '../support/disk-image.ts'
import { type PowerCutRound, powerCutRound } from '../support/power-cut-round.ts'

const CUTS = 100
/** Of a mailbox: so many fall into its drain, one after the other. */
const CUTS_EACH = 10
const MESSAGES = 300

const sum = (rounds: readonly PowerCutRound[], field: keyof PowerCutRound): number =>
  rounds.reduce((all, round) => all + round[field], 0)

/** @returns whether all is well so far */
export async function powerCuts(
  root: string,
  minutes: number,
  say: (line: string) => void,
): Promise<boolean> {
  if (noDiskImage !== undefined) {
    say(noDiskImage)
    return false
  }
  const cache = join(root, '.cache/soak')
  const file = join(cache, 'power-cuts.json')
  await mkdir(cache, { recursive: true })
  const rounds = await load(file)
  const until = performance.now() + minutes * 60_000
  while (sum(rounds, 'cuts') < CUTS && performance.now() < until) {
    const cuts = Math.min(CUTS_EACH, CUTS - sum(rounds, 'cuts'))
    const round = await powerCutRound({ messages: MESSAGES, cuts, seed: rounds.length + 1 })
    rounds.push(round)
    await writeFile(file, JSON.stringify(rounds))
    const { lost, doubled, left } = round
    say(
      `mailbox ${rounds.length}: ${round.cuts} cuts, ${formatSeconds(round.seconds)}, ${lost} lost, ${doubled} doubled, ${left} left`,
    )
    if (lost + doubled + left > 0) break
  }
  if (sum(rounds, 'lost') + sum(rounds, 'doubled') + sum(rounds, 'left') > 0) {
    say(`mail was lost, doubled or left: remove ${file} to begin anew`)
    return false
  }
  if (sum(rounds, 'cuts') < CUTS) {
    say('the goal is not reached yet: run the same command again')
    return true
  }
  await writeFile(join(root, 'docs/measured/soak-power-cuts.md'), report(rounds))
  await rm(file)
  say('wrote docs/measured/soak-power-cuts.md')
  return true
}

async function load(file: string): Promise<PowerCutRound[]> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as PowerCutRound[]
  } catch {
    return []
  }
}

function report(rounds: readonly PowerCutRound[]): string {
  const rows = [
    ['power cuts', formatCount(sum(rounds, 'cuts'))],
    ['of these, after mail had been removed from the server', formatCount(sum(rounds, 'late'))],
    ['mailboxes', formatCount(rounds.length)],
    ['messages', formatCount(sum(rounds, 'messages'))],
    ['octets', formatBytes(sum(rounds, 'octets'))],
    ['lost', formatCount(sum(rounds, 'lost'))],
    ['doubled', formatCount(sum(rounds, 'doubled'))],
    ['left in the mailbox', formatCount(sum(rounds, 'left'))],
    ['time', formatSeconds(sum(rounds, 'seconds'))],
  ]
  return `# Power cuts, into SQLite, ${today()}

The command drains ${MESSAGES} messages with deletion into a SQLite file on an ext4 file system of its own. At a random moment
it is frozen, and the image of that disk is copied as it is: that copy is what a power cut leaves. The process is killed, the
copy is mounted, which replays its journal, and each message that the server has removed must be in the file by its SHA-256,
once. The next run goes on from the copy; up to ${CUTS_EACH} cuts fall into the drain of a mailbox, then a run gets through,
and every message is looked at again. The file system is mounted with \`commit=300\`, so that nothing reaches the disk
that was not synced.

What this does not show: a disk that acknowledges a flush and does not carry it out, and one that writes what was not
flushed in another order.

${machine()}, everything on one machine; the server is maildrain's own test server.

\`npm run soak -- power-cuts\`

| | |
| --- | --- |
${rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}
`
}
