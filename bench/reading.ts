/**
 * The rate of the POP3 client by itself, beside a bare reader that only counts bytes: the same Dovecot, the same mailbox, in
 * turn, round after round, each as a process of its own. A ratio of medians; the machine is noisy.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { FaultProxy, generateMailbox } from '../src/testing/index.ts'
import { startDovecot } from '../test/fixtures/dovecot.ts'
import { toCrlf } from '../test/support/corpus.ts'
import { machine, today } from './machine.ts'
import { median } from './median.ts'

export interface ReadingOptions {
  readonly messages: number
  readonly rounds: number
  /** Of the line to the server, one at a time; 0: none. */
  readonly roundTripsMs: readonly number[]
  readonly say: (line: string) => void
}

/** One line of the report; seconds of reading, one a round. */
interface Reading {
  readonly roundTripMs: number
  readonly ours: readonly number[]
  readonly bare: readonly number[]
}

const ratio = ({ ours, bare }: Reading): number => median(bare) / median(ours)

/** RETRs in flight: as many as the client's default allows. */
const IN_FLIGHT = 100

export async function measureReading(options: ReadingOptions): Promise<Reading[]> {
  const dovecot = await startDovecot()
  try {
    options.say(`Dovecot: ${dovecot.how}`)
    const mailbox = generateMailbox({ messages: options.messages, seed: 7, profile: 'mixed' })
    for (let index = 0; index < mailbox.size; index += 1)
      await dovecot.add(toCrlf(mailbox.message(index).read()))
    const readings: Reading[] = []
    for (const roundTripMs of options.roundTripsMs)
      readings.push(await compare(dovecot, roundTripMs, options))
    return readings
  } finally {
    await dovecot.stop()
  }
}

async function compare(
  server: { host: string; port: number; user: string; password: string },
  roundTripMs: number,
  { messages, rounds, say }: ReadingOptions,
): Promise<Reading> {
  const { host, port, user, password } = server
  const proxy =
    roundTripMs === 0 ? undefined : await FaultProxy.start({ host, port, delayMs: roundTripMs / 2 })
  const place = { host, user, password, messages, inFlight: IN_FLIGHT, port: proxy?.port ?? port }
  const [ours, bare]: [number[], number[]] = [[], []]
  // The first round makes Dovecot read its index and the files come into memory: not counted.
  for (let round = 0; round <= rounds; round += 1) {
    const bareSeconds = await time('bare-reader.mjs', place)
    const ourSeconds = await time('hashing-reader.mjs', place)
    if (round === 0) continue
    bare.push(bareSeconds)
    ours.push(ourSeconds)
    const [first, second] = [ourSeconds.toFixed(2), bareSeconds.toFixed(2)]
    say(`${roundTripMs} ms, round ${round}: maildrain/pop3 ${first} s, bare reader ${second} s`)
  }
  await proxy?.close()
  return { roundTripMs, ours, bare }
}

/** Seconds from login to the last byte, as the script itself says. */
async function time(script: string, place: object): Promise<number> {
  const path = join(import.meta.dirname, script)
  const { stdout } = await promisify(execFile)(process.execPath, [path, JSON.stringify(place)])
  return (JSON.parse(stdout) as { seconds: number }).seconds
}

const seconds = (all: readonly number[]): string =>
  `${median(all).toFixed(2)} s (${all.map((each) => each.toFixed(2)).join(', ')})`

const place = ({ roundTripMs }: Reading): string =>
  roundTripMs === 0 ? 'mailbox on the same machine' : `mailbox ${roundTripMs} ms away`

/** One line each, to be said. */
export const readingLines = (readings: readonly Reading[]): string[] =>
  readings.map(
    (reading) =>
      `${place(reading)}: maildrain/pop3 ${seconds(reading.ours)}, bare reader ${seconds(reading.bare)}, ${ratio(reading).toFixed(2)} of its rate`,
  )

export function readingReport(
  readings: readonly Reading[],
  { messages, rounds }: Pick<ReadingOptions, 'messages' | 'rounds'>,
  command: string,
): string {
  const rows = readings.map(
    (reading) =>
      `| ${place(reading)} | ${seconds(reading.ours)} | ${seconds(reading.bare)} | ${ratio(reading).toFixed(2)} |`,
  )
  return `# Rate of the POP3 client, ${today()}

${messages} mixed messages from Dovecot: LIST, then RETR of each, dots unstuffed, each hashed by SHA-256; beside it a
[bare reader](../../bench/bare-reader.mjs) that sends the same, ${IN_FLIGHT} in flight, and counts bytes. ${machine()}, everything on
one machine. Seconds from login to the last byte, median of ${rounds} rounds (each round), in turn.

\`npm run bench -- ${command}\`

| where | maildrain/pop3 | bare reader | of its rate |
| --- | --- | --- | --- |
${rows.join('\n')}
`
}
