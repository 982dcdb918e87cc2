/**
 * `npm run soak -- cuts-kafka`: the built command drains 20 messages into a real broker, once for each place where the line
 * is cut. A cut that is done is not done again.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { machine, today } from '../../bench/machine.ts'
import { formatCount, formatSeconds } from '../../src/observe/units.ts'
import { startBroker } from '../fixtures/kafka-broker.ts'
import {
  type KafkaCutResult,
  KafkaCuts,
  MESSAGES,
  RANDOM_OCTETS,
  type Uncut,
  kafkaCutsOf,
} from '../support/cuts-kafka.ts'

/** Cuts after which the topic is read, and what was found is written down. */
const PIECE = 20

interface State {
  readonly with: string
  /** Measured once, so that each piece of the soak has the same cuts. */
  readonly uncut: Uncut
  readonly results: KafkaCutResult[]
  readonly seconds: number
}

/** @returns whether all is well so far */
export async function cutsKafkaSoak(
  root: string,
  minutes: number,
  say: (line: string) => void,
): Promise<boolean> {
  const cache = join(root, '.cache/soak')
  const file = join(cache, 'cuts-kafka.json')
  await mkdir(cache, { recursive: true })
  const until = performance.now() + minutes * 60_000
  const broker = await startBroker()
  try {
    const kafka = new KafkaCuts(broker)
    const uncut = await kafka.measure()
    let state = (await load(file)) ?? { with: broker.how, uncut, results: [], seconds: 0 }
    const cuts = kafkaCutsOf(state.uncut)
    while (state.results.length < cuts.length && isSound(state) && performance.now() < until) {
      const begun = performance.now()
      const done = state.results.length
      const results = [...state.results, ...(await kafka.prove(cuts.slice(done, done + PIECE)))]
      const seconds = state.seconds + (performance.now() - begun) / 1000
      state = { ...state, results, seconds }
      await writeFile(file, JSON.stringify(state))
      say(`${results.length} of ${cuts.length} cuts, ${wrongOf(state).length} wrong`)
    }
    return await finish(root, file, state, say)
  } finally {
    await broker.stop()
  }
}

const wrongOf = ({ results }: State): string[] => results.flatMap(({ wrong }) => wrong)
const isSound = (state: State): boolean => wrongOf(state).length === 0

async function finish(
  root: string,
  file: string,
  state: State,
  say: (line: string) => void,
): Promise<boolean> {
  if (!isSound(state)) {
    say(`${wrongOf(state).join('\n')}\nnothing is proven; remove ${file} to begin anew`)
    return false
  }
  if (state.results.length < kafkaCutsOf(state.uncut).length) {
    say('not all cuts are done yet: run the same command again')
    return true
  }
  await writeFile(join(root, 'docs/measured/soak-cuts-kafka.md'), report(state))
  await rm(file)
  say('wrote docs/measured/soak-cuts-kafka.md')
  return true
}

async function load(file: string): Promise<State | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as State
  } catch {
    return undefined
  }
}

function report(state: State): string {
  const { uncut, results, seconds } = state
  const cuts = kafkaCutsOf(uncut)
  const count = (wanted: (result: KafkaCutResult, index: number) => boolean) =>
    formatCount(results.filter(wanted).length)
  const rows = [
    ['cuts before and after replies', count((_, i) => 'replyTo' in cuts[i]!.fault)],
    ['cuts after octets at random', count((_, i) => 'octets' in cuts[i]!.fault)],
    [
      'of these on a server that removes what was marked when the line drops',
      count((_, i) => cuts[i]!.drops),
    ],
    [
      'not met, because that drain sent less than the one that was measured',
      count(({ struck }) => !struck),
    ],
    ['messages drained', formatCount(results.length * MESSAGES)],
    ['drains in which the command gave up and was run again', count(({ runs }) => runs > 1)],
    ['lost, doubled, changed, or left in the mailbox', formatCount(wrongOf(state).length)],
    ['time', formatSeconds(seconds)],
  ]
  return `# The line cut at each command, into Kafka, ${today()}

The built command drains ${MESSAGES} small messages with deletion into Kafka, once for each cut: the line to the POP3 server is reset
before and after the reply to each command of the drain, on every connection of it, and after ${RANDOM_OCTETS} octets at random of either
side. The drain goes on by itself. Each message that a read_committed consumer gets is hashed again and counted, and the mailbox
is empty.

${machine()}, everything on one machine; Kafka: ${state.with}.

\`npm run soak -- cuts-kafka\`

| | |
| --- | --- |
${rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}
`
}
