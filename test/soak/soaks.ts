/** The long proofs by name. */
import type { MailboxProfile } from '../../src/testing/index.ts'

export interface Soak {
  readonly title: string
  /** What is done, in sentences. */
  readonly what: string
  readonly sink: 'sqlite' | 'kafka'
  /** Of each round. */
  readonly messages: number
  readonly profile: MailboxProfile
  readonly killMs: readonly [number, number]
  readonly goal: { readonly kills?: number; readonly rounds: number }
}

const KILLS = 500
/** The mailbox that maildrain was made for. */
const FOUNDING = 144_524

const kills = (sink: 'sqlite' | 'kafka', name: string): Soak => ({
  title: `Killed ${KILLS} times, into ${name}`,
  what: `Round after round, 2,000 mixed messages in Dovecot are drained into ${name} with deletion, and the command is killed (SIGKILL) 0.3 to 3 seconds after each start, until a run gets through.`,
  ...{ sink, messages: 2000, profile: 'mixed', killMs: [300, 3000] },
  goal: { kills: KILLS, rounds: Infinity },
})

const founding = (sink: 'sqlite' | 'kafka', name: string): Soak => ({
  title: `144,524 messages under kills, into ${name}`,
  what: `144,524 small messages in Dovecot are drained into ${name} with deletion, and the command is killed (SIGKILL) 1 to 20 seconds after each start, until a run gets through.`,
  ...{ sink, messages: FOUNDING, profile: 'small', killMs: [1000, 20_000] },
  goal: { rounds: 1 },
})

export const soaks: ReadonlyMap<string, Soak> = new Map([
  ['kills-sqlite', kills('sqlite', 'SQLite')],
  ['kills-kafka', kills('kafka', 'Kafka')],
  ['founding-sqlite', founding('sqlite', 'SQLite')],
  ['founding-kafka', founding('kafka', 'Kafka')],
])
