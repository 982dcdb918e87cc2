/** What a seed decides: mailbox, server, destination, sizes of batches and sessions, and what goes wrong. */
import type { Pop3SourceOptions } from '../../src/sources/pop3/index.ts'
import type { Behaviour } from '../../src/testing/index.ts'
import { Random } from '../../src/testing/random.ts'
import { type Deviation, deviations } from '../support/deviations.ts'
import type { Fault, FaultKind } from './engine/faults.ts'
import type { Mistakes } from './worlds/mistakes.ts'

export const DESTINATIONS = [
  ...['transactional', 'idempotent', 'at-least-once', 'kafka', 'sqlite'],
] as const
export type DestinationName = (typeof DESTINATIONS)[number]

export interface Setting {
  readonly seed: number
  readonly destination: DestinationName
  readonly messages: number
  /** Name of what the server does otherwise than the RFCs say. */
  readonly server: string
  readonly behaviour: Behaviour
  /** Must everything be gone in the end? */
  readonly drains: boolean
  /** Does each session show all mail that there is? */
  readonly showsAll: boolean
  /** Does the server remove mail without QUIT, or without DELE? */
  readonly deletesUnasked: boolean
  readonly deletion: 'keep' | 'delete'
  /** The first run keeps the mail, and those after it compare headers. */
  readonly headers: boolean
  /** Every fifth message is filtered. */
  readonly filter: boolean
  /** Every fifth message is rejected by the destination, by name and each time. */
  readonly rejects: boolean
  /** A transform fails at every third message when it first meets it. */
  readonly throws: boolean
  /** Runs without a fault after which an error is an end, too. */
  readonly calmLives: number
  readonly source: Partial<Pop3SourceOptions>
  readonly tuning: { readonly batchMaxMessages: number; readonly lingerMs: number }
  readonly mistakes: Mistakes
  readonly kinds: readonly FaultKind[]
}

/** What they send is endless, or so slow that it takes a thousand times the steps. */
const TOO_LONG = /^(bytesPerSecond|endless|bareLf|stallMessages|terminator|statusOctets|capa 4)/

/** Servers whose mail can be compared, byte by byte. */
const servers: readonly Deviation[] = deviations.filter(
  ({ expect, name }) => expect !== 'changes' && !TOO_LONG.test(name),
)

/** Deletes on a broken line, at once, or what was read: where a wrong order loses mail. */
const DANGEROUS = servers.filter(({ name }) =>
  /^(applyDeletesOnDrop|applyDeletesAtOnce|quitRemovesRead|quitHidesRead|loseQuitReply|quitError)/.test(
    name,
  ),
)

const RFC: Deviation = { name: 'RFC 1939', expect: 'drains', slow: false, behaviour: () => ({}) }

export interface Choice {
  readonly destination?: DestinationName
  readonly server?: string
  readonly mistakes?: Mistakes
  /** What goes wrong, instead of anything that can. */
  readonly kinds?: readonly FaultKind[]
  readonly filter?: boolean
  readonly rejects?: boolean
  readonly throws?: boolean
  readonly deletion?: 'keep' | 'delete'
  readonly compare?: 'headers'
}

/** Kinds that any destination meets, by how often. */
const EVERYWHERE: readonly FaultKind[] = [
  ...(['crash-before', 'crash-after', 'crash-before', 'crash-after'] as const),
  ...(['error-before', 'error-after', 'error-before', 'error-after'] as const),
  ...(['freeze', 'stall', 'arrival', 'twin', 'reuse', 'removal', 'clock-jump'] as const),
]
const BY_DESTINATION: Readonly<Record<DestinationName, readonly FaultKind[]>> = {
  transactional: ['power-cut', 'power-cut'],
  idempotent: ['power-cut'],
  'at-least-once': ['power-cut'],
  kafka: ['leader-loss', 'replaced'],
  sqlite: [],
}

/** Effects of a run without faults, roughly. */
const effectsOf = ({ messages }: Setting): number => 40 + 10 * messages

export function settingOf(seed: number, choice: Choice = {}): Setting {
  const random = new Random(seed ^ 0x5eed)
  const server = serverOf(random, choice.server)
  const drawn = destinationOf(random)
  const destination = choice.destination ?? drawn
  const sessionMessages = random.chance(40) ? 1 + random.below(6) : 100_000
  const few = random.chance(80) ? 2 + random.below(4) : 5 + random.below(8)
  const headers = comparesHeaders(seed, choice, server)
  const deletion = deletionOf(random, choice, server)
  const traits = traitsOf(server)
  const mayStay = isRoomFor(traits, headers)
  const filter = filters(random, choice, server) && mayStay
  const rejects = rejectsSome(seed, choice, { server, destination }) && mayStay
  return {
    ...{ seed, destination, ...traits, messages: few + manyMore(headers) },
    ...{ deletion, filter, rejects, headers, throws: choice.throws ?? random.chance(10) },
    calmLives: 3,
    source: { sessionMessages, retryPatienceMs: 120_000, compare: compareBy(headers) },
    tuning: { batchMaxMessages: 1 + random.below(5), lingerMs: random.chance(50) ? 200 : 1 },
    mistakes: choice.mistakes ?? {},
    kinds: choice.kinds ?? kindsOf(server, destination, filter || rejects),
  }
}

/** Headers alone are believed behind 32 messages that were compared both ways. */
const manyMore = (headers: boolean): number => (headers ? 36 : 0)
const compareBy = (headers: boolean) => (headers ? 'headers' : 'full')

const traitsOf = ({ name, behaviour, expect }: Deviation) => ({
  ...{ server: name, behaviour: behaviour() },
  drains: expect === 'drains',
  deletesUnasked: /^(applyDeletes|quitRemovesRead|quitHidesRead)/.test(name),
  showsAll: !/^(shows|cappedView|newestView)/.test(name),
})

/** Where a part of a large mailbox is shown, what stays would fill it, and the rest would never be seen. */
const isRoomFor = ({ showsAll }: Pick<Setting, 'showsAll'>, large: boolean): boolean =>
  showsAll || !large

/** Of a seed of its own, as what was added later is: nothing else that a seed decides hangs on it. */
const comparesHeaders = (seed: number, { compare }: Choice, { expect }: Deviation): boolean =>
  compare === 'headers' || (expect === 'drains' && new Random(seed ^ 0xc0de).chance(1))

function kindsOf(
  { name }: Deviation,
  destination: DestinationName,
  stays: boolean,
): readonly FaultKind[] {
  const kinds = [...EVERYWHERE, ...BY_DESTINATION[destination]]
  // It hides half of the mail from the first two sessions: with the other half taken away it is empty in both, and two
  // empty sessions are what a mailbox is known to be empty by (G7).
  // A twin of what is to stay would be one that is to stay, and the tests tell those by their place.
  const without = [
    ...(name === 'shows' ? ['removal'] : []),
    ...(stays || !ownKeys(name) ? ['twin'] : []),
  ]
  return kinds.filter((kind) => !without.includes(kind))
}

/** Does the server leave unique-ids as they are? Else nobody but the drain knows under which key a message is stored. */
export const ownKeys = (server: string): boolean => !/uidl/i.test(server)

/** Without unique-ids mail can neither be kept nor be filtered for good. */
function deletionOf(random: Random, { deletion }: Choice, { name }: Deviation) {
  const drawn = random.chance(8) && name !== 'noUidl' ? 'keep' : 'delete'
  return deletion ?? drawn
}

function filters(random: Random, { filter }: Choice, { name }: Deviation): boolean {
  const drawn = filter ?? random.chance(15)
  return drawn && !/^(quitRemovesRead|uidlOf|noUidl)/.test(name)
}

/** Models do: Kafka and SQLite reject what is too large for them, which is asked before. */
function rejectsSome(
  seed: number,
  { rejects }: Choice,
  { server, destination }: { readonly server: Deviation; readonly destination: DestinationName },
): boolean {
  const drawn = rejects ?? new Random(seed ^ 0x0bad).chance(5)
  return drawn && ownKeys(server.name) && !isReal(destination) && server.expect === 'drains'
}

const isReal = (destination: DestinationName): boolean =>
  destination === 'kafka' || destination === 'sqlite'

/** Real destinations cost more: they get a part of the schedules. */
function destinationOf(random: Random): DestinationName {
  const roll = random.below(100)
  if (roll < 50) return 'transactional'
  if (roll < 68) return 'idempotent'
  if (roll < 85) return 'at-least-once'
  return roll < 97 ? 'kafka' : 'sqlite'
}

function serverOf(random: Random, name: string | undefined): Deviation {
  const roll = random.below(100)
  const drawn = roll < 35 ? RFC : random.pick(roll < 65 ? DANGEROUS : servers)
  if (name === undefined) return drawn
  const named = [RFC, ...servers].find((each) => each.name === name)
  if (named === undefined) throw new RangeError(`there is no server ${name}`)
  return named
}

/** Up to five faults at random effects. */
export function planOf(setting: Setting): Fault[] {
  const { seed, kinds } = setting
  const random = new Random(seed ^ 0xfa17)
  return Array.from({ length: 1 + random.below(4) }, () => ({
    at: 1 + random.below(effectsOf(setting)),
    kind: random.pick(kinds),
  }))
}
