import { expect, test } from 'vitest'
import {
  MAILDIR,
  MBOX,
  NO_BOUNDS,
  drainInSessions,
  overheadShare,
} from '../../../support/session-drain.ts'

const SMALL = 4096
const SIZES = [10_000, 100_000, 1_000_000, 10_000_000]
const mailbox = (messages: number, octetsPerMessage = SMALL) => ({ messages, octetsPerMessage })
const perMessage = (server: typeof MAILDIR, messages: number, fixedMessages?: number): number =>
  drainInSessions({
    server,
    mailbox: mailbox(messages),
    ...(fixedMessages ? { fixedMessages } : {}),
  }).ms / messages

test('a message costs the same in a mailbox of 10,000 and of 10 million, within 10 %', () => {
  const costs = SIZES.map((messages) => perMessage(MAILDIR, messages))
  expect(Math.max(...costs) / Math.min(...costs)).toBeLessThan(1.1)
  // The test can fail: batches of 500 cost four times as much at a million as at 10,000.
  expect(perMessage(MAILDIR, 1_000_000, 500) / perMessage(MAILDIR, 10_000, 500)).toBeGreaterThan(4)
})

test('noise of timings does not change that', () => {
  let seed = 1
  const chance = () => (seed = (seed * 48271) % 2147483647) / 2147483647
  // Each session takes 0.7 to 1.4 times as long as usual, one in ten three times as long to open and read.
  const noise = () => (chance() < 0.1 ? 3 : 0.7 * 2 ** chance())
  const drained = SIZES.map((messages) =>
    drainInSessions({ server: MAILDIR, mailbox: mailbox(messages), noise }),
  )
  expect(drained.slice(1).map((one) => overheadShare(one) < 0.12)).toEqual([true, true, true])
  expect(drained.map(({ lost }) => lost)).toEqual([0, 0, 0, 0])
})

test('QUIT is never planned to outlast the client, nor a session to read more than was borne, twice over', () => {
  const { lengths, whys } = drainInSessions({ server: MAILDIR, mailbox: mailbox(10_000_000) })
  expect(lengths[0]).toBe(2 ** 28 / SMALL)
  expect(Math.max(...lengths) * MAILDIR.deleteMs).toBeLessThanOrEqual(451_000)
  lengths.slice(1).forEach((length, at) => {
    expect(length).toBeLessThanOrEqual(2 * Math.max(...lengths.slice(0, at + 1)) + 1)
  })
  expect(new Set(whys.map(({ code }) => code))).toEqual(
    new Set(['first', 'borne', 'update', 'overhead', 'finish']),
  )
})

test('as the mailbox empties sessions become shorter, and what is left is not blamed for what the DELEs cost', () => {
  for (const messages of [1_000_000, 10_000_000]) {
    const { lengths, whys } = drainInSessions({ server: MAILDIR, mailbox: mailbox(messages) })
    const planned = lengths.filter((_, at) => whys[at]?.code === 'overhead')
    expect(planned.length).toBeGreaterThan(10)
    expect(planned).toEqual(planned.toSorted((a, b) => b - a))
  }
})

test('where QUIT writes the file anew sessions become longer, and above 5 % the reason is said', () => {
  for (const messages of SIZES) {
    const planned = drainInSessions({ server: MBOX, mailbox: mailbox(messages) })
    const excused = planned.whys.some(
      ({ code, text }) =>
        ['first', 'borne'].includes(code) && text.includes('more than the 5 % aimed at'),
    )
    // What fits into the first session is read in one: its overhead is the cold opening, which nothing can avoid.
    const coldShare = (messages * MBOX.openMessageMs.cold) / planned.ms
    expect(excused || overheadShare(planned) <= 0.05 + coldShare).toBe(true)
    for (const fixedMessages of messages > 1_000_000 ? [5000] : [500, 5000])
      expect(planned.ms).toBeLessThan(
        drainInSessions({ server: MBOX, mailbox: mailbox(messages), fixedMessages }).ms,
      )
  }
  // On a line that is known, and with a warm index, 5 % hold.
  const { lengths } = drainInSessions({ server: MBOX, mailbox: mailbox(1_000_000) })
  expect(lengths).toHaveLength(5)
  expect(lengths[3]).toBeGreaterThan(0.5 * (1_000_000 - lengths[0]! - lengths[1]! - lengths[2]!))
})

test.each([
  ['20 s', { dropsAfterMs: 20_000 }],
  ['50 MB', { dropsAfterOctets: 50e6 }],
])(
  'a server that drops every session after %s is drained, and little is read twice',
  (_, drops) => {
    const share = (messages: number): number => {
      const drained = drainInSessions({
        server: { ...MAILDIR, ...drops },
        mailbox: mailbox(messages),
      })
      expect(drained.lengths.reduce((sum, length) => sum + length)).toBe(messages)
      return drained.twiceOctets / drained.octets
    }
    // The first session has to find it out, which weighs the more the smaller the mailbox is.
    expect(share(100_000)).toBeLessThan(0.3)
    expect(share(200_000)).toBeLessThan(0.14)
    expect(share(300_000)).toBeLessThan(0.12)
    expect(share(1_000_000)).toBeLessThan(0.06)
  },
)

test('above a ceiling it is tried more and more rarely', () => {
  const { lengths } = drainInSessions({
    server: { ...MAILDIR, dropsAfterOctets: 50e6 },
    mailbox: mailbox(2_000_000),
  })
  const lost = lengths.flatMap((length, at) => (length === 0 ? [at] : []))
  const gaps = lost.slice(1).map((at, index) => at - (lost[index] ?? 0))
  expect(lost.length).toBeLessThanOrEqual(5)
  expect(gaps).toEqual(gaps.toSorted((a, b) => a - b))
})

test('one connection lost early in a drain of 10 million costs next to nothing', () => {
  const drops = (lost: number) => {
    let session = 0
    return () => ((session += 1) === lost ? 35_000 : Infinity)
  }
  const settings = (lost: number) => ({
    server: { ...MAILDIR, dropsAfterMs: drops(lost) },
    mailbox: mailbox(10_000_000),
  })
  // The eighth session opens for 29 s: 6 s are read, and most of the mailbox is left.
  const once = drainInSessions(settings(8))
  expect(once.lost).toBe(1)
  expect(once.ms / drainInSessions(settings(0)).ms).toBeLessThan(1.03)
})

test('a line that breaks at any time, once in a minute on average, is drained', () => {
  let seed = 7919
  const chance = () => (seed = (seed * 48271) % 2147483647) / 2147483647
  const dropsAfterMs = () => -60_000 * Math.log(chance())
  const { lengths, lost, ms } = drainInSessions({
    server: { ...MAILDIR, openMessageMs: { cold: 0.004, warm: 0.004 }, dropsAfterMs },
    mailbox: mailbox(300_000),
  })
  expect(lengths.reduce((sum, length) => sum + length)).toBe(300_000)
  expect(lost).toBeGreaterThan(0)
  expect(ms / drainInSessions({ server: MAILDIR, mailbox: mailbox(300_000) }).ms).toBeLessThan(1.5)
})

test('time between two logins counts as overhead: LOGIN-DELAY 300 makes sessions last', () => {
  const slow = { ...MAILDIR, readMessageMs: 20, loginDelayMs: 300_000 }
  const { whys, lengths, waitMs, ms } = drainInSessions({
    server: slow,
    mailbox: mailbox(500_000, 56_000),
  })
  // Whoever opens for 20 ms has 5 % after a session of 285 s: 12,400 messages of 23 ms.
  const planned = lengths.filter((_, at) => whys[at]?.code === 'overhead')
  expect(planned.length).toBeGreaterThan(3)
  for (const length of planned) expect(length).toBeGreaterThan(12_000)
  expect(whys.find(({ code }) => code === 'overhead')?.text).toContain(
    'the server wants 5 min 0 s between two logins',
  )
  expect(waitMs / ms).toBeLessThan(0.1)
})

test('bounds of the user hold in every session', () => {
  const bounds = { ...NO_BOUNDS, messages: 700 }
  const { lengths, whys } = drainInSessions({
    ...{ server: MAILDIR, mailbox: mailbox(10_000), bounds },
  })
  expect(Math.max(...lengths)).toBe(700)
  expect(whys[0]?.code).toBe('bound')
  expect(whys[0]?.text).toContain('700 messages')
})
