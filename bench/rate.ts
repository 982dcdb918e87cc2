/**
 * The rate of the main job, beside the script that everybody writes, in the same run: the same mailbox in the same Dovecot,
 * the same broker, one after the other, round after round. A ratio of medians; the machine is noisy.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FaultProxy, generateMailbox } from '../src/testing/index.ts'
import { type Dovecot, startDovecot } from '../test/fixtures/dovecot.ts'
import { type Broker, startBroker } from '../test/fixtures/kafka-broker.ts'
import { makeTopic } from '../test/support/topics.ts'
import { toCrlf } from '../test/support/corpus.ts'

const root = join(import.meta.dirname, '..')

export interface RateOptions {
  readonly messages: number
  readonly rounds: number
  readonly sinks: readonly ('kafka' | 'sqlite')[]
  /** Of the line to the POP3 server, one at a time; 0: none. */
  readonly roundTripsMs: readonly number[]
  readonly say: (line: string) => void
}

/** One line of the report. */
export interface Rate {
  readonly sink: 'kafka' | 'sqlite'
  readonly roundTripMs: number
  readonly who: string
  /** One a round. */
  readonly seconds: readonly number[]
}

interface Place {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly directory: string
  readonly broker: Broker | undefined
}

/** What is compared: a command line for a fresh destination. */
interface Candidate {
  readonly who: string
  command(place: Place): Promise<readonly string[]>
}

const maildrain = (sink: 'kafka' | 'sqlite'): Candidate => ({
  who: 'maildrain',
  command({ host, port, user, directory, broker }) {
    const to =
      sink === 'kafka'
        ? `kafka://${broker?.brokers.join(',') ?? ''}/mail-${randomUUID()}`
        : `sqlite:${join(directory, `${randomUUID()}.db`)}`
    const main = join(root, 'dist/cli/main.js')
    const from = `pop3://${user}@${host}:${port}`
    const args = ['drain', '--from', from, '--to', to, '--delete', '--quiet']
    return Promise.resolve([main, ...args, '--state-dir', directory])
  },
})

const everybody = (sink: 'kafka' | 'sqlite'): Candidate => ({
  who: 'node-pop3 script',
  async command({ host, port, user, password, directory, broker }) {
    const script = join(root, 'bench/script/everybody.mjs')
    const server = { host, port, user, password }
    if (sink === 'sqlite')
      return [script, JSON.stringify({ ...server, path: join(directory, `${randomUUID()}.db`) })]
    const brokers = broker?.brokers ?? []
    const topic = `script-${randomUUID()}`
    await makeTopic(brokers, topic, { 'max.message.bytes': String(32 * 1024 * 1024) })
    return [script, JSON.stringify({ ...server, brokers, topic })]
  },
})

export async function measureRates(options: RateOptions): Promise<Rate[]> {
  const broker = options.sinks.includes('kafka') ? await startBroker() : undefined
  const dovecot = await startDovecot().catch(async (error: unknown) => {
    await broker?.stop()
    throw error
  })
  const directory = await mkdtemp(join(tmpdir(), 'maildrain-bench-'))
  options.say(`Dovecot: ${dovecot.how}; Kafka: ${broker?.how ?? 'not needed'}`)
  const rates: Rate[] = []
  try {
    for (const sink of options.sinks)
      for (const roundTripMs of options.roundTripsMs)
        rates.push(...(await compare({ options, sink, roundTripMs, dovecot, broker, directory })))
  } finally {
    await broker?.stop()
    await dovecot.stop()
    await rm(directory, { recursive: true, force: true })
  }
  return rates
}

interface Comparison {
  readonly options: RateOptions
  readonly sink: 'kafka' | 'sqlite'
  readonly roundTripMs: number
  readonly dovecot: Dovecot
  readonly broker: Broker | undefined
  readonly directory: string
}

async function compare(comparison: Comparison): Promise<Rate[]> {
  const { options, sink, roundTripMs, dovecot, broker, directory } = comparison
  const { host, port, user, password } = dovecot
  const proxy =
    roundTripMs === 0 ? undefined : await FaultProxy.start({ host, port, delayMs: roundTripMs / 2 })
  const place = { host, port: proxy?.port ?? port, user, password, directory, broker }
  const candidates = [maildrain(sink), everybody(sink)]
  const seconds = candidates.map((): number[] => [])
  for (let round = 0; round < options.rounds; round += 1)
    for (const [index, candidate] of candidates.entries()) {
      await fill(dovecot, options.messages)
      const command = await candidate.command(place)
      const took = await time(command, password)
      const left = (await dovecot.files()).length
      if (left > 0) throw new Error(`${candidate.who} left ${left} messages in the mailbox`)
      seconds[index]?.push(took)
      options.say(
        `${sink}, ${roundTripMs} ms, round ${round + 1}: ${candidate.who} ${took.toFixed(1)} s`,
      )
    }
  await proxy?.close()
  return candidates.map(({ who }, index) => ({
    ...{ sink, roundTripMs, who, seconds: seconds[index] ?? [] },
  }))
}

async function fill(dovecot: Dovecot, messages: number): Promise<void> {
  const mailbox = generateMailbox({ messages, seed: 7, profile: 'mixed' })
  for (let index = 0; index < mailbox.size; index += 1)
    await dovecot.add(toCrlf(mailbox.message(index).read()))
}

/** Seconds from start to end of a Node process. */
async function time(command: readonly string[], password: string): Promise<number> {
  const started = performance.now()
  const child = spawn(process.execPath, command, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, MAILDRAIN_PASSWORD: password },
  })
  const code = await new Promise((resolve) => child.once('close', resolve))
  if (code !== 0) throw new Error(`${command[0] ?? ''} ended with ${String(code)}`)
  return (performance.now() - started) / 1000
}
