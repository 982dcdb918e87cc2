import { describe, expect, it } from 'vitest'
import type { LedgerEntry } from '../../../src/ledger/ledger.ts'
import { Due } from '../../../src/sources/pop3/due.ts'
import { type Skipped, type WorkOptions, WorkPlan } from '../../../src/sources/pop3/work.ts'
import { MemoryLedger } from '../../support/memory-sink.ts'
import { entryFor, rawMessage } from '../../support/messages.ts'

const NOW = 1_700_000_000_000

function setup(
  entries: LedgerEntry[] = [],
  { limit = 100, ...change }: Partial<Omit<WorkOptions, 'limit'>> & { limit?: number } = {},
) {
  const ledger = new MemoryLedger()
  for (const entry of entries) ledger.entries.set(entry.key, entry)
  const stepped: Skipped[] = []
  const plan = new WorkPlan({
    due: new Due(ledger, Infinity),
    retryKept: false,
    selects: () => true,
    octetsOf: ({ listedOctets }) => listedOctets,
    ...{ ledger, deleting: true, maxMessageBytes: 1000, fingerprint: 'f1', runStart: NOW },
    ...{ now: () => NOW + 1000, keptNow: () => false },
    ...{ knownOnly: false, setAside: () => false, random: Math.random },
    limit: { messages: limit, octets: Infinity },
    skipped: (each) => void stepped.push(each),
    ...change,
  })
  const why = (reason: Skipped['why']) => stepped.filter((each) => each.why === reason)
  return { ledger, plan, kept: () => why('kept'), delivered: () => why('delivered') }
}

const numbers = (plan: WorkPlan): number[] => plan.items.map(({ n }) => n)
const message = rawMessage('a', 'body')
const size = message.listedOctets

describe('G6: what a session reads', () => {
  it('is what no ledger entry answers for', () => {
    const { plan } = setup()
    plan.consider(1, 'a', 10)
    plan.consider(2, null, 10)
    expect(plan.items).toMatchObject([
      { n: 1, known: false },
      { n: 2, known: false },
    ])
  })

  it('with deletion also what is known: a unique-id alone deletes nothing', () => {
    const { plan } = setup([entryFor(message)])
    plan.consider(1, 'a', size)
    expect(plan.items).toMatchObject([{ n: 1, known: true }])
  })

  it('puts the known messages first', () => {
    const { plan } = setup([entryFor(message)])
    plan.consider(1, 'new', 10)
    plan.consider(2, 'a', size)
    expect(numbers(plan)).toEqual([2, 1])
  })

  it('what is known since an earlier run is still to be dealt with, what this run has delivered is not', () => {
    const now = rawMessage('b', 'body')
    const { plan } = setup([entryFor(message), entryFor(now, { at: NOW + 1 })])
    plan.consider(1, 'a', size)
    plan.consider(2, 'b', size)
    expect([plan.pendingMessages, plan.freshMessages]).toEqual([1, 0])
  })

  it('without deletion leaves what is known by unique-id and octets, and reads a changed size', () => {
    const { plan, delivered } = setup([entryFor(message)], { deleting: false, limit: Infinity })
    plan.consider(1, 'a', size)
    expect(numbers(plan)).toEqual([])
    expect(delivered()).toMatchObject([{ n: 1 }])
    const reused = setup([entryFor(message)], { deleting: false, limit: Infinity })
    reused.plan.consider(1, 'a', size + 1)
    expect(numbers(reused.plan)).toEqual([1])
  })

  it('includes again what the destination no longer holds (G5)', () => {
    const { plan, ledger } = setup([entryFor(message)], { deleting: false, limit: Infinity })
    ledger.lost.add(message.key)
    plan.consider(1, 'a', size)
    expect(plan.items).toMatchObject([{ n: 1, known: false }])
  })

  it('an entry answers for 1 + copies numbers; a further one is read', () => {
    const { plan } = setup([entryFor(message, { copies: 1 })], { deleting: false, limit: Infinity })
    for (const n of [1, 2, 3]) plan.consider(n, 'a', size)
    expect(plan.items).toMatchObject([{ n: 3, extra: true }])
    expect(plan.repeated.has('a')).toBe(true)
  })

  it('stops at the limit and says how much is left', () => {
    const { plan } = setup([], { limit: 2 })
    for (let n = 1; n <= 5; n += 1) plan.consider(n, `u${n}`, 10)
    expect(numbers(plan)).toEqual([1, 2])
    expect(plan.remaining).toBe(3)
    expect(plan.freshMessages).toBe(5)
    expect([plan.pendingMessages, plan.pendingOctets]).toEqual([5, 50])
  })

  it('is only the known after a session that was lost or spoilt', () => {
    const { plan } = setup([entryFor(message)], { knownOnly: true })
    plan.consider(1, 'new', 10)
    plan.consider(2, 'a', size)
    expect(numbers(plan)).toEqual([2])
    expect(plan.remaining).toBe(1)
  })
})

describe('G2: what stays on the server', () => {
  const kept = (change: Partial<LedgerEntry>) =>
    entryFor(message, { state: 'kept', reason: 'filtered', fingerprint: 'f1', ...change })

  it('is stepped over while the configuration that decided stands', () => {
    const { plan, kept: stepped } = setup([kept({})])
    plan.consider(1, 'a', size)
    expect(plan.items).toEqual([])
    expect(stepped()).toMatchObject([{ n: 1 }])
  })

  it('is judged again when the configuration has changed', () => {
    const { plan } = setup([kept({ fingerprint: 'other' })])
    plan.consider(1, 'a', size)
    expect(numbers(plan)).toEqual([1])
  })

  it('is not mistaken for another message that reuses its unique-id', () => {
    const { plan } = setup([kept({})])
    plan.consider(1, 'a', size + 5)
    expect(numbers(plan)).toEqual([1])
  })

  it('G8: what an earlier run could not read is tried once more, in a session of its own', () => {
    const { plan } = setup([kept({ reason: 'suspect', fingerprint: null, at: NOW - 1 })])
    plan.consider(1, 'a', size)
    expect(plan.items).toEqual([])
    expect(plan.setAside).toMatchObject([{ n: 1 }])
    const again = setup([kept({ reason: 'suspect', fingerprint: null, at: NOW })])
    again.plan.consider(1, 'a', size)
    expect(again.plan.setAside).toEqual([])
    expect(again.kept()).toHaveLength(1)
  })

  it('mail over the limit is not read, by its LIST size', () => {
    const { plan } = setup()
    plan.consider(1, 'big', 1001)
    plan.consider(2, 'fits', 1000)
    expect(numbers(plan)).toEqual([2])
    expect(plan.oversize).toMatchObject([{ n: 1, uidl: 'big' }])
  })

  it('mail that was delivered and would not go is compared, never written again', () => {
    const { plan } = setup([kept({ reason: 'undeletable', fingerprint: null, at: NOW - 1 })])
    plan.consider(1, 'a', size)
    expect(plan.items).toMatchObject([{ n: 1, known: true }])
  })
})
