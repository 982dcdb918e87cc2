/**
 * `npm run soak -- NAME [--minutes N]`: long proofs in pieces. A piece ends after so many minutes and the next one goes on;
 * when the goal is reached, docs/measured/soak-NAME.md says on which machine, with which command, and what came of it.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { machine, today } from '../../bench/machine.ts'
import { formatBytes, formatCount, formatSeconds } from '../../src/observe/units.ts'
import { startDovecot } from '../fixtures/dovecot.ts'
import { startBroker } from '../fixtures/kafka-broker.ts'
import { type KillRound, killRound } from '../support/kill-round.ts'
import { cutsKafkaSoak } from './cuts-kafka.ts'
import { fuzzPop3 } from './fuzz-pop3.ts'
import { powerCuts } from './power-cuts.ts'
import { sessionsSoak } from './sessions.ts'
import { simulationSoak } from './simulation.ts'
import { type Soak, soaks } from './soaks.ts'

interface State {
  readonly rounds: KillRound[]
  readonly with: string
}

const root = join(import.meta.dirname, '../..')
const say = (line: string): void => {
  process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`)
}

const sum = (rounds: readonly KillRound[], field: keyof KillRound): number =>
  rounds.reduce((all, round) => all + round[field], 0)

const isReached = ({ goal }: Soak, { rounds }: State): boolean =>
  goal.kills !== undefined ? sum(rounds, 'kills') >= goal.kills : rounds.length >= goal.rounds

/** A round that failed stays failed, however many good ones follow. */
const isSound = ({ rounds }: State): boolean =>
  sum(rounds, 'lost') + sum(rounds, 'doubled') + sum(rounds, 'left') === 0

function report(name: string, soak: Soak, state: State): string {
  const { rounds } = state
  const rows = [
    ['messages drained', formatCount(sum(rounds, 'messages'))],
    ['octets', formatBytes(sum(rounds, 'bytes'))],
    ['mailboxes', formatCount(rounds.length)],
    ['SIGKILLs', formatCount(sum(rounds, 'kills'))],
    ['lost', formatCount(sum(rounds, 'lost'))],
    ['doubled', formatCount(sum(rounds, 'doubled'))],
    ['left in the mailbox', formatCount(sum(rounds, 'left'))],
    ['time, kills included', formatSeconds(sum(rounds, 'seconds'))],
  ]
  return `# ${soak.title}, ${today()}

${soak.what} Each message ${soak.sink === 'kafka' ? 'that a read_committed consumer gets' : 'in the table'} is hashed again and counted.

${machine()}, everything on one machine; ${state.with}.

\`npm run soak -- ${name}\`

| | |
| --- | --- |
${rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}
`
}

function load(file: string): State | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as State
  } catch {
    return undefined
  }
}

async function run(name: string, soak: Soak, minutes: number): Promise<boolean> {
  const directory = join(root, '.cache/soak')
  const file = join(directory, `${name}.json`)
  mkdirSync(directory, { recursive: true })
  const until = performance.now() + minutes * 60_000
  const broker = soak.sink === 'kafka' ? await startBroker() : undefined
  const dovecot = await startDovecot().catch(async (error: unknown) => {
    await broker?.stop()
    throw error
  })
  const servers = [`Dovecot: ${dovecot.how}`, ...(broker ? [`Kafka: ${broker.how}`] : [])]
  const state = load(file) ?? { rounds: [], with: servers.join('; ') }
  say(`${state.with}; ${state.rounds.length} rounds done before`)
  try {
    while (isSound(state) && !isReached(soak, state) && performance.now() < until) {
      const seed = state.rounds.length + 1
      const { messages, profile, killMs } = soak
      const round = await killRound({ dovecot, broker, messages, profile, killMs, seed })
      state.rounds.push(round)
      writeFileSync(file, JSON.stringify(state))
      say(
        `round ${seed}: ${round.kills} kills, ${formatSeconds(round.seconds)}, ${round.lost} lost, ${round.doubled} doubled, ${round.left} left; ${sum(state.rounds, 'kills')} kills so far`,
      )
      if (!isSound(state)) break
    }
  } finally {
    await broker?.stop()
    await dovecot.stop()
  }
  if (!isSound(state)) {
    say(
      `mail was lost, doubled or left: nothing is proven; ${file} has the rounds, remove it to begin anew`,
    )
    return false
  }
  if (!isReached(soak, state)) {
    say(`the goal is not reached yet: run the same command again`)
    return true
  }
  writeFileSync(join(root, `docs/measured/soak-${name}.md`), report(name, soak, state))
  rmSync(file)
  say(`wrote docs/measured/soak-${name}.md`)
  return true
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '25' } },
})
const [name = ''] = positionals
const soak = soaks.get(name)
const own = new Map([
  ['fuzz-pop3', fuzzPop3],
  ['simulation', simulationSoak],
  ['sessions', sessionsSoak],
  ['cuts-kafka', cutsKafkaSoak],
  ['power-cuts', powerCuts],
])
const proof = own.get(name) ?? (soak && ((_root, minutes) => run(name, soak, minutes)))
if (proof === undefined) {
  say(`name one of: ${[...soaks.keys(), ...own.keys()].join(', ')}`)
  process.exitCode = 2
} else if (!(await proof(root, Number(values.minutes), say))) process.exitCode = 1
