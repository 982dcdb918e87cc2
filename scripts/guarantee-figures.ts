/** The generated part of docs/guarantees.md: figures of the last recorded runs, planted bugs, and faults. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatCount, formatSeconds } from '../src/observe/units.ts'
import { rows } from '../test/faults/rows.ts'
import { plantedBugs } from '../test/simulation/planted/bugs.ts'
import type { Figures } from '../test/simulation/figures.ts'

const BEGIN = '<!-- generated: figures -->'
const END = '<!-- end of generated -->'

const table = (head: readonly string[], lines: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

const LETTERS: Readonly<Record<string, string>> = {
  L: 'lost',
  D: 'doubled',
  B: 'altered',
  P: 'never ends',
  X: 'receipt untrue',
}

const invariants = (letters: string): string =>
  Array.from(letters, (letter) => LETTERS[letter] ?? letter).join(' or ')

/** Long proofs whose pages are there. */
const SOAKS: readonly (readonly [file: string, what: string])[] = [
  ['soak-simulation.md', 'simulated world, at length'],
  ['soak-kills-kafka.md', 'SIGKILLs into Kafka'],
  ['soak-kills-sqlite.md', 'SIGKILLs into SQLite'],
  ['soak-founding-kafka.md', '144,524 messages under kills into Kafka'],
  ['soak-founding-sqlite.md', '144,524 messages under kills into SQLite'],
  ['soak-power-cuts.md', 'power cuts'],
  ['soak-cuts-kafka.md', 'connections cut, into Kafka'],
]

/** @returns the page with its generated part made anew */
export function withFigures(root: string, page: string): string {
  const figures = JSON.parse(
    readFileSync(join(root, 'docs/measured/guarantees.json'), 'utf8'),
  ) as Figures
  const text = [
    BEGIN,
    '',
    figuresOf(figures),
    '',
    soaksOf(root),
    '',
    bugsOf(),
    '',
    faultsOf(),
    '',
    END,
  ]
  const before = page.slice(0, page.indexOf(BEGIN))
  return `${before}${text.join('\n')}\n`
}

function figuresOf({ date, machine, simulation, planted }: Figures): string {
  const { sum, seconds, found } = simulation
  const lines = [
    ['simulated schedules', formatCount(sum.schedules)],
    ['runs of a drain in them', formatCount(sum.lives)],
    ['of them killed', formatCount(sum.crashes)],
    ['effects on server and destination', formatCount(sum.effects)],
    ['messages delivered', formatCount(sum.delivered)],
    ['schedules in which something was lost, doubled, altered or left', formatCount(found)],
    ['time', formatSeconds(seconds)],
    ['planted bugs found', `${planted.found} of ${planted.planted}`],
    ['slowest of them', `${planted.slowestSeconds.toFixed(1)} s`],
  ]
  return `## Figures of the last recorded run\n\n${date}, ${machine}.\n\n${table(['', ''], lines)}`
}

function soaksOf(root: string): string {
  const there = SOAKS.filter(([file]) => existsSync(join(root, 'docs/measured', file)))
  const items = there.map(([file, what]) => `- [${what}](measured/${file})`)
  return `Longer ones, each with machine, command and figures:\n\n${items.join('\n')}`
}

const bugsOf = (): string =>
  `## Planted bugs\n\n${table(
    ['bug', 'planted in', 'found as'],
    plantedBugs.map(({ name, breaks, change }) => [
      ...[name, change === undefined ? 'a model of the tests' : change[0], invariants(breaks)],
    ]),
  )}`

function faultsOf(): string {
  const lines = rows.map(({ n, fault, holds, cannot, waitsFor }) => [
    String(n),
    fault,
    cannot ?? (waitsFor === undefined ? holds : `not yet: ${waitsFor}`),
  ])
  const without = rows.filter(({ cannot, waitsFor }) => cannot ?? waitsFor).length
  return `## Faults\n\n${rows.length - without} of ${rows.length} have a test whose title says \`fault N\`. In every row a whole drain is tried, and\nbesides: nothing is lost, bytes are equal, and the drain gets through once the fault is over. Where the test sees server and\ndestination at the same moment, no \`DELE\` leaves before what it deletes is durable.\n\n${table(
    ['', 'what happens', 'what holds, or why there is no test'],
    lines,
  )}`
}
