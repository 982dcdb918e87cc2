/**
 * `npm run soak -- fuzz-pop3 [--minutes N]`: ten million executions of the fuzzer of the POP3 reply parser, in pieces that
 * resume with the inputs found so far. At the end the shortest of them go into test/fuzz/corpus.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { machine, today } from '../../bench/machine.ts'
import { formatCount, formatSeconds } from '../../src/observe/units.ts'
import { CORPUS_FILE, foundInputs } from '../fuzz/corpus.ts'
import { Fuzzer } from '../fuzz/fuzzer.ts'
import { minimise } from '../fuzz/minimise.ts'
import { seeds } from '../fuzz/seeds.ts'
import { execute } from '../fuzz/target.ts'

const GOAL = 10_000_000
/** Executions between two saves. */
const PIECE = 500_000

interface State {
  executions: number
  seconds: number
  /** Of processor time: others may use the machine as well. */
  cpuSeconds: number
  pieces: number
  blocks: number
  features: number
  /** As base64. */
  corpus: string[]
  /** What must not have happened. */
  failure: string | null
}

const NOTHING: State = {
  ...{
    executions: 0,
    seconds: 0,
    cpuSeconds: 0,
    pieces: 0,
    blocks: 0,
    features: 0,
    corpus: [],
    failure: null,
  },
}

function load(file: string): State {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as State
  } catch {
    return { ...NOTHING, corpus: foundInputs().map((input) => input.toString('base64')) }
  }
}

const decode = ({ corpus }: State): Buffer[] => corpus.map((text) => Buffer.from(text, 'base64'))

/** One piece, with a seed of its own. */
async function piece(state: State, until: number): Promise<void> {
  const fuzzer = new Fuzzer(execute, [...seeds, ...decode(state)], state.pieces + 1)
  const [begin, cpu] = [performance.now(), process.cpuUsage()]
  const executions = Math.min(PIECE, GOAL - state.executions)
  while (fuzzer.executions < executions && !fuzzer.failure && performance.now() < until) {
    fuzzer.run({ executions, until: Math.min(until, performance.now() + 1000) })
    // Signals are seen in between.
    await setImmediate()
  }
  state.seconds += (performance.now() - begin) / 1000
  const { user, system } = process.cpuUsage(cpu)
  state.cpuSeconds += (user + system) / 1e6
  state.executions += fuzzer.executions
  state.pieces += 1
  state.blocks = Math.max(state.blocks, fuzzer.blocks)
  state.features = Math.max(state.features, fuzzer.features)
  state.corpus = fuzzer.corpus.slice(seeds.length).map((input) => input.toString('base64'))
  const { failure } = fuzzer
  if (failure !== undefined)
    state.failure = `input ${failure.input.toString('base64')}: ${failure.error}`
  fuzzer.close()
}

function report(state: State, kept: number): string {
  const rows = [
    ['executions', formatCount(state.executions)],
    ['executions a second of processor time', formatCount(state.executions / state.cpuSeconds)],
    ['time, on a machine in use', formatSeconds(state.seconds)],
    ['processor time', formatSeconds(state.cpuSeconds)],
    ['seeds', formatCount(seeds.length)],
    ['blocks of the parser that ran', formatCount(state.blocks)],
    ['kinds of reply after another that came up', formatCount(state.features)],
    ['inputs found', formatCount(state.corpus.length)],
    ['of them kept, shortened', formatCount(kept)],
    ['differences, other errors, hangs, bytes held beyond the limit', '0'],
  ]
  return `# POP3 reply parser, fuzzed, ${today()}

Coverage-guided mutations of the examples of RFC 1939, 2449, 2595, 5034 and 6856. Each execution gives the same bytes to
the client's parser whole and in pieces, and compares replies, content, lines and the way the session ends with a slow
reference that shares no code with it; values in lines and status texts likewise.

${machine()}.

\`npm run soak -- fuzz-pop3\`

| | |
| --- | --- |
${rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}
`
}

/** Resolves with false when something was found. */
export async function fuzzPop3(
  root: string,
  minutes: number,
  say: (line: string) => void,
): Promise<boolean> {
  const directory = join(root, '.cache/soak')
  const file = join(directory, 'fuzz-pop3.json')
  mkdirSync(directory, { recursive: true })
  const state = load(file)
  const until = performance.now() + minutes * 60_000
  while (state.failure === null && state.executions < GOAL && performance.now() < until) {
    await piece(state, until)
    writeFileSync(file, JSON.stringify(state))
    say(
      `${formatCount(state.executions)} executions, ${formatCount(state.executions / state.cpuSeconds)} a second of processor time, ${state.blocks} blocks, ${state.features} kinds, ${state.corpus.length} inputs found`,
    )
  }
  if (state.failure !== null) {
    say(`found: ${state.failure}`)
    say(`add the input to ${CORPUS_FILE}, correct the parser, remove ${file} to begin anew`)
    return false
  }
  if (state.executions < GOAL) {
    say('the goal is not reached yet: run the same command again')
    return true
  }
  const kept = minimise(execute, seeds, decode(state))
  writeFileSync(CORPUS_FILE, kept.map((input) => `${input.toString('base64')}\n`).join(''))
  writeFileSync(join(root, 'docs/measured/soak-fuzz-pop3.md'), report(state, kept.length))
  rmSync(file)
  say(`wrote docs/measured/soak-fuzz-pop3.md and ${kept.length} inputs`)
  return true
}
