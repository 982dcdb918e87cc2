import { describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../../src/clock.ts'
import { exitCodeOf } from '../../../src/pipeline/receipt.ts'
import { likeness, likenesses } from '../../../src/testing/index.ts'
import { type Deviation, type Expectation, deviations } from '../../support/deviations.ts'
import { notFull } from '../../support/full.ts'
import {
  type Crash,
  PATIENT,
  type Proof,
  type ProvenDrain,
  proveDrain,
} from '../../support/proven-drain.ts'

/** Drains at a time; most of their time is waiting. */
const AT_ONCE = 4

interface Case {
  readonly name: string
  readonly expect: Expectation
  readonly options: ProvenDrain
}

/** The same sequence for the same seed. */
function chance(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return (state >>> 8) % below
  }
}

/** What is wrong with the outcome; nothing if all is well. */
function faults({ name, expect: expected }: Case, proof: Proof): string[] {
  const { lost, doubled, foreign, premature, left, stopped, receipt } = proof
  const found: string[] = []
  const unless = (fine: boolean, what: string) => {
    if (!fine) found.push(`${name}: ${what}`)
  }
  unless(stopped !== 'hang', 'had to be stopped')
  const code = stopped === undefined || /^MAILDRAIN_(?!INTERNAL)/.test(stopped)
  unless(code || stopped === 'hang', `ended with ${stopped ?? ''}`)
  if (expected === 'changes') return found
  unless(lost.length === 0, `lost ${lost.join()}`)
  unless(premature.length === 0, `deleted before durable ${premature.join()}`)
  unless(doubled.length === 0, `doubled ${doubled.join()}`)
  unless(foreign === 0, `${foreign} records of no message`)
  if (expected === 'drains')
    unless(left.length === 0, `left ${left.join()}, ${stopped ?? 'no error'}`)
  const said = receipt === undefined || exitCodeOf(receipt) !== 0
  unless(left.length === 0 || said, `left ${left.join()} without a word`)
  return found
}

const optionsOf = ({ expect: expected, options }: Case): ProvenDrain =>
  expected === 'drains' ? { ...options, source: { ...PATIENT, ...options.source } } : options

async function proveAll(cases: readonly Case[]): Promise<string[]> {
  const found: string[] = []
  const waiting = [...cases]
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      found.push(...faults(next, await proveDrain(optionsOf(next))))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return found
}

const crashes: readonly (Crash | undefined)[] = [
  undefined,
  { write: 2, when: 'before' },
  undefined,
  { write: 2, when: 'after' },
  undefined,
  { write: 4, when: 'after' },
]

const inWords = (crash: Crash | undefined): string =>
  crash === undefined ? '' : `, died ${crash.when} write ${crash.write}`

/** Alone, without and with a crash. */
const alone = ({ name, expect: expected, behaviour }: Deviation, i: number): Case[] =>
  [undefined, crashes[1 + 2 * (i % 3)]].map((crash) => ({
    ...{ name: `${name}${inWords(crash)}`, expect: expected },
    options: { behaviour: behaviour(), crash },
  }))

const RANK: readonly Expectation[] = ['drains', 'leaves', 'changes']
const worse = (a: Expectation, b: Expectation): Expectation =>
  RANK[Math.max(RANK.indexOf(a), RANK.indexOf(b))] ?? 'changes'

const switchOf = ({ name }: Deviation): string => name.split(' ')[0] ?? ''

function randomPairs(count: number, seed: number): Case[] {
  const next = chance(seed)
  const quick = deviations.filter(({ slow, expect: e }) => !slow && e !== 'changes')
  const pairs: Case[] = []
  while (pairs.length < count) {
    const [one, other] = [quick[next(quick.length)], quick[next(quick.length)]]
    if (one === undefined || other === undefined || switchOf(one) === switchOf(other)) continue
    const crash = crashes[next(crashes.length)]
    pairs.push({
      name: `${one.name} + ${other.name}${inWords(crash)}`,
      expect: worse(one.expect, other.expect),
      options: { behaviour: { ...one.behaviour(), ...other.behaviour() }, crash },
    })
  }
  return pairs
}

const NAMES = Object.keys(likenesses) as (keyof typeof likenesses)[]

/** Five minutes between the logins of a test are too long. */
const quickly = (name: keyof typeof likenesses, change = {}) =>
  likeness(name, { behaviour: { loginDelay: undefined, ...change } })

describe('case 96: nothing is lost or doubled, whatever the server does and wherever the drain dies', () => {
  it('every switch alone, without and with a crash', { timeout: 360_000 }, async () => {
    expect(await proveAll(deviations.flatMap(alone))).toEqual([])
  })

  it('random pairs of switches, half of them with a crash', { timeout: 360_000 }, async () => {
    expect(await proveAll(randomPairs(120, 1939))).toEqual([])
  })

  it('every likeness, alone and with a random switch, with and without a crash', async () => {
    const next = chance(2449)
    const quick = deviations.filter(({ slow, expect: e }) => !slow && e !== 'changes')
    const cases = NAMES.flatMap((name): Case[] => {
      const expected = name === 'exchange' ? 'leaves' : 'drains'
      const plain = crashes.slice(0, 4).map((crash) => ({
        ...({ name: `${name}${inWords(crash)}`, expect: expected } as const),
        options: { ...quickly(name), messages: 30, crash },
      }))
      const mixed = Array.from({ length: 4 }, (_, i): Case => {
        const other = quick[next(quick.length)]!
        const crash = crashes[i]
        return {
          name: `${name} + ${other.name}${inWords(crash)}`,
          expect: worse(expected, other.expect),
          options: { ...quickly(name, other.behaviour()), crash },
        }
      })
      return [...plain, ...mixed]
    })
    expect(await proveAll(cases)).toEqual([])
  }, 360_000)

  it('a death at every write, before and after it was applied', async () => {
    const cases = Array.from({ length: 6 }, (_, i) => i + 1).flatMap((write) =>
      (['before', 'after'] as const).map((when): Case => ({
        ...{ name: `died ${when} write ${write}`, expect: 'drains' },
        options: { crash: { write, when }, capabilities: { expire: '0' } },
      })),
    )
    expect(await proveAll(cases)).toEqual([])
  })

  it('a connection that ends at every command, as long as some get further', async () => {
    const cases = Array.from({ length: 60 }, (_, i): Case => ({
      ...{ name: `cut at command ${i + 1}`, expect: 'drains' },
      options: {
        messages: 12,
        behaviour: { dropAfterCommands: (session) => (session <= 3 ? i + 1 : undefined) },
      },
    }))
    expect(await proveAll(cases)).toEqual([])
  })

  it('a connection that ends after any number of octets', async () => {
    const cases = Array.from({ length: 60 }, (_, i): Case => ({
      ...{ name: `cut after ${i * 53} octets`, expect: 'drains' },
      options: {
        messages: 8,
        behaviour: { dropAfterOctets: (session) => (session <= 3 ? i * 53 : undefined) },
      },
    }))
    expect(await proveAll(cases)).toEqual([])
  })
})

const WITHOUT_UIDL = /^(noUidl|omitUidl)/
/** Where old and new mail stand under one unique-id none of it is due before all of it is; new mail may hide the old. */
const WITHOUT_OWN_UIDL = /^(noUidl|omitUidl|uidlOf [17]$|newestView)/
const DAY_MS = 24 * 60 * 60 * 1000

/** The wall clock so much later. */
const later = (ms: number): Clock => ({
  now: () => systemClock.now() + ms,
  monotonic: () => systemClock.monotonic(),
  timer: (delayMs, call) => systemClock.timer(delayMs, call),
})

/** Every switch but those without unique-ids; less of it, and nothing that costs seconds, when there is no time. */
const eachWith = (options: ProvenDrain, but = WITHOUT_UIDL): Case[] =>
  deviations
    .filter(({ name, slow }) => !but.test(name) && (notFull === undefined || !slow))
    .flatMap(alone)
    .filter((_, i) => notFull === undefined || i % 2 === 1)
    .map((one) => {
      const behaviour = { ...options.behaviour, ...one.options.behaviour }
      return { ...one, options: { ...one.options, ...options, behaviour } }
    })

const likenessesWith = (options: ProvenDrain): Case[] =>
  NAMES.flatMap((name) =>
    crashes.slice(0, 4).map((crash): Case => ({
      ...{ name: `${name}${inWords(crash)}`, expect: name === 'exchange' ? 'leaves' : 'drains' },
      options: { ...quickly(name), ...options, ...behaving(name, options), crash },
    })),
  )

const behaving = (name: keyof typeof likenesses, { behaviour }: ProvenDrain) => ({
  behaviour: { ...behaviour, ...quickly(name).behaviour },
})

const deathsWith = (options: ProvenDrain): Case[] =>
  [1, 2, 3, 4].flatMap((write) =>
    (['before', 'after'] as const).map((when): Case => ({
      ...{ name: `died ${when} write ${write}`, expect: 'drains' },
      options: { ...options, crash: { write, when } },
    })),
  )

describe('case 96: mail of an earlier run', () => {
  it('G6: compared by headers, whatever the server does and wherever the drain dies', async () => {
    const options = { source: { compare: 'headers' }, keptBefore: true } as const
    const cases = [...eachWith(options), ...likenessesWith(options), ...deathsWith(options)]
    expect(await proveAll(cases)).toEqual([])
  }, 360_000)

  for (const quitRemovesRead of [false, true])
    it(`G2: deleted after its time, new mail stays, ${quitRemovesRead ? 'where QUIT removes what was read' : 'where it does not'}`, async () => {
      const options = {
        ...{ source: { deleteAfterMs: DAY_MS }, clock: later(2 * DAY_MS) },
        ...{ keptBefore: true, fresh: 9, behaviour: { quitRemovesRead } },
      }
      const each = eachWith(options, WITHOUT_OWN_UIDL)
      // Cyrus says EXPIRE NEVER: it would be lying.
      const others = quitRemovesRead ? [] : likenessesWith(options)
      const cases = [...each, ...others, ...deathsWith(options)]
      expect(await proveAll(cases)).toEqual([])
    }, 360_000)
})
