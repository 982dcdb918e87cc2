import { expect, test } from 'vitest'
import {
  type PlanInput,
  type SessionRecord,
  learn,
  newPlanner,
  planSession,
  predict,
  restorePlanner,
} from '../../../../src/sources/pop3/planner/planner.ts'
import { MAILDIR, NO_BOUNDS, drainInSessions } from '../../../support/session-drain.ts'

const input = (changes: Partial<PlanInput> = {}): PlanInput => ({
  ...{ messages: 1_000_000, octets: 4_096_000_000, openMs: 4000, bounds: NO_BOUNDS },
  ...{ loginDelayMs: 0, deletes: true, ...changes },
})
const record = (changes: Partial<SessionRecord> = {}): SessionRecord => ({
  ...{ openMs: 4000, messages: 1_000_000, octets: 4_096_000_000 },
  ...{ readMs: 20_000, read: 40_000, readOctets: 163_840_000, deleted: 40_000, quitMs: 24_000 },
  ...{ end: 'quit', ...changes },
})
const after = (...records: SessionRecord[]) => records.reduce(learn, newPlanner())
const LOST = record({ end: 'lost', quitMs: null, deleted: 0 })

test('the first session ends after 256 MiB or 2 minutes', () => {
  const { octets, ms, why } = planSession(newPlanner(), input())
  expect({ octets, ms, code: why.code }).toEqual({ octets: 2 ** 28, ms: 120_000, code: 'first' })
  expect(why.text).toContain('268.4 MB or 2 min 0 s')
})

test('a mailbox that fits is finished, and nothing is said of overhead', () => {
  const { messages, why } = planSession(newPlanner(), input({ messages: 2000, octets: 8_000_000 }))
  expect(messages).toBe(2000)
  expect(why.code).toBe('finish')
  expect(why.text).toContain('2,000 messages of about 8.0 MB')
})

test('half of what a lost session reached comes next, in all that could have mattered', () => {
  const { messages, octets, ms, why } = planSession(after(LOST), input())
  expect({ messages, octets, ms }).toEqual({ messages: 20_000, octets: 81_920_000, ms: 10_000 })
  expect(why.code).toBe('lost')
  expect(why.text).toContain('20,000 messages, 81.9 MB or 10.0 s')
})

test('a session that was lost with nothing read is followed by one message, then two, then four', () => {
  const nothing = record({
    end: 'lost',
    read: 0,
    readOctets: 0,
    readMs: 0,
    deleted: 0,
    quitMs: null,
  })
  const one = record({ read: 1, readOctets: 4096, readMs: 1, deleted: 1, quitMs: 5 })
  const two = { ...one, read: 2, readOctets: 8192, deleted: 2 }
  const lengths = [after(nothing), after(nothing, one), after(nothing, one, two)].map(
    (state) => planSession(state, input()).messages,
  )
  expect(lengths).toEqual([1, 2, 4])
})

test('three quarters of where a session was lost are the most for a while', () => {
  const half = record({
    read: 20_000,
    readOctets: 81_920_000,
    readMs: 10_000,
    deleted: 20_000,
    quitMs: 2000,
  })
  const plan = planSession(after(LOST, half), input())
  expect(plan.messages).toBe(30_000)
  expect(plan.why.code).toBe('ceiling')
  expect(plan.why.text).toContain('40,000 messages, 163.8 MB or 24.0 s')
})

test('what losses have in common is what mattered', () => {
  const bytes = record({
    ...{ end: 'lost', read: 4000, readOctets: 160_000_000, readMs: 6000, deleted: 0, quitMs: null },
  })
  expect(after(LOST, bytes).ceiling).toEqual({ messages: null, octets: 160_000_000, ms: null })
})

test('a ceiling that a good session has passed is none', () => {
  expect(after(LOST, record({ read: 41_000, readOctets: 170_000_000 })).ceiling).toEqual({
    ...{ messages: null, octets: null, ms: null },
  })
})

test('a session that was closed on purpose is no lost bet', () => {
  const closed = record({ end: 'closed', quitMs: null, deleted: 0 })
  const plan = planSession(after(closed), input())
  expect(plan.octets).toBe(2 ** 28)
  expect(plan.why.code).toBe('first')
})

test('the part of QUIT that grows with the DELEs shortens sessions, but not below what the 5 % need', () => {
  // 100 ms a DELE; opening costs next to nothing.
  const slow = (messages: number, read: number) =>
    record({
      ...{ openMs: 20, messages, read, deleted: read, readOctets: read * 4096 },
      readMs: read,
      quitMs: read * 100,
    })
  const state = after(slow(1_000_000, 3000), slow(997_000, 1000))
  const quick = planSession(state, input({ openMs: 20, messages: 996_000 }))
  expect(quick.why.code).toBe('update')
  expect(quick.messages).toBeGreaterThan(250)
  expect(quick.messages).toBeLessThanOrEqual(310)
  const dear = planSession(state, input({ openMs: 4000, messages: 996_000 }))
  expect(dear.why.code).toBe('overhead')
  expect(dear.messages).toBeGreaterThan(600)
})

test('where opening costs nothing a session still reads for some seconds', () => {
  const state = after(
    record({ openMs: 20, quitMs: 400 }),
    record({ openMs: 20, messages: 960_000, quitMs: 400 }),
  )
  const { ms, why } = planSession(state, input({ openMs: 20, messages: 920_000 }))
  expect(why.code).toBe('preference')
  expect(ms).toBeGreaterThan(9000)
  expect(ms).toBeLessThan(11_000)
})

test('without deletion all is read in one session, until one is lost', () => {
  const keep = input({ deletes: false })
  const kept = record({ deleted: 0, quitMs: null, end: 'closed' })
  expect(planSession(newPlanner(), keep).messages).toBe(1_000_000)
  expect(planSession(after(kept, record({ deleted: 0, quitMs: null })), keep).why.code).toBe(
    'finish',
  )
  expect(planSession(after(kept, LOST), keep).messages).toBe(20_000)
  const bounds = { ...NO_BOUNDS, octets: 1_000_000 }
  expect(planSession(newPlanner(), { ...keep, bounds }).octets).toBe(1_000_000)
})

test('what cannot be read of an earlier run is forgotten', () => {
  const state = after(record(), LOST)
  expect(restorePlanner(JSON.parse(JSON.stringify(state)))).toEqual(state)
  for (const bad of [
    null,
    'x',
    {},
    { ...state, version: 0 },
    { ...state, clean: -1 },
    { ...state, more: 1 },
  ])
    expect(restorePlanner(bad)).toEqual(newPlanner())
})

test('a prediction comes near to what the drain then takes', () => {
  const mailbox = { messages: 300_000, octetsPerMessage: 4096 }
  const drained = drainInSessions({ server: MAILDIR, mailbox })
  const known = after(
    ...[300_000, 240_000].map((messages) =>
      record({
        messages,
        read: 40_000,
        deleted: 40_000,
        openMs: 20 + messages * 0.004,
        readMs: 20_554,
        quitMs: 24_005,
      }),
    ),
  )
  const told = predict(known, {
    ...{ messages: 300_000, octets: 300_000 * 4096, uidlOctets: 16, openMs: 15_020 },
    ...{ bounds: NO_BOUNDS, loginDelayMs: 0 },
  })
  expect(told.seconds / (drained.ms / 1000)).toBeGreaterThan(0.95)
  expect(told.seconds / (drained.ms / 1000)).toBeLessThan(1.05)
  expect(Math.abs(told.sessions - drained.sessions)).toBeLessThanOrEqual(2)
  expect(told.readSeconds + told.openSeconds + told.quitSeconds).toBeCloseTo(told.seconds, 6)
  // UIDL and LIST of Dovecot about single numbers: 28 and 18 octets a message.
  expect(told.listingOctets / 300_000).toBeCloseTo(47, 0)
})

test('the opening just seen tells what later ones will cost', () => {
  const openSeconds = (openMs: number) =>
    predict(newPlanner(), {
      ...{ messages: 100_000, octets: 409_600_000, uidlOctets: 16, openMs, loginDelayMs: 0 },
      bounds: { ...NO_BOUNDS, messages: 10_000 },
    }).openSeconds
  // Ten sessions, on average of half of the mailbox.
  expect(openSeconds(10_000)).toBeGreaterThan(40)
  expect(openSeconds(500)).toBeLessThan(4)
})

test('an empty mailbox is two looks, and a login delay is waited for between them', () => {
  const told = predict(newPlanner(), {
    ...{
      messages: 0,
      octets: 0,
      uidlOctets: 0,
      openMs: 100,
      bounds: NO_BOUNDS,
      loginDelayMs: 60_000,
    },
  })
  expect(told.sessions).toBe(2)
  expect(told.seconds).toBeCloseTo(60.1, 1)
})

test('sessions of one message are predicted for 14 million without playing each', () => {
  const told = predict(newPlanner(), {
    ...{ messages: 14_000_000, octets: 0, uidlOctets: 20, openMs: 50_000, loginDelayMs: 0 },
    bounds: { ...NO_BOUNDS, messages: 1 },
  })
  expect(told.sessions).toBe(14_000_002)
  expect(told.openSeconds).toBeGreaterThan(1e8)
  expect(told.assumptions.join(' ')).toContain('does not say how large')
})
