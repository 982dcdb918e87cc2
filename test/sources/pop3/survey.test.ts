import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UidlCensus } from '../../../src/sources/pop3/survey/uidl-census.ts'
import { sizeHistogram } from '../../../src/sources/pop3/survey/size-histogram.ts'
import { generateMailbox, likeness, uidls } from '../../../src/testing/index.ts'
import { serve, drainInto } from '../../support/drains.ts'
import { MemorySink } from '../../support/memory-sink.ts'
import { HARMLESS, planFor, surveyOf, verbsOf } from '../../support/surveys.ts'

const codes = (plan: { readonly quirks: readonly { readonly code: string }[] }) =>
  plan.quirks.map(({ code }) => code).filter((code) => code !== 'cleartext')

describe('a survey', () => {
  it('knows count, octets and unique-ids, and sends nothing that could touch mail', async () => {
    const mailbox = generateMailbox({ messages: 300 })
    const server = await serve(0, { mailbox, capabilities: { expire: 'NEVER' } })
    const plan = await planFor(server)
    const sizes = Array.from({ length: 300 }, (_, index) => mailbox.message(index).octets)
    expect(plan).toMatchObject({
      ...{ messages: 300, octets: mailbox.totalOctets },
      stat: { messages: 300, octets: mailbox.totalOctets },
      uidls: { named: 300, missing: 0, sharedUidls: 0, odd: 0 },
      largest: { octets: Math.max(...sizes) },
      ...{ ledger: null, quirks: [{ code: 'cleartext' }] },
    })
    expect(plan.sizes.reduce((sum, { messages }) => sum + messages, 0)).toBe(300)
    expect(plan.sizes.reduce((sum, { octets }) => sum + octets, 0)).toBe(mailbox.totalOctets)
    for (const verb of verbsOf(server)) expect(HARMLESS).toContain(verb)
    expect(verbsOf(server)).toContain('QUIT')
    expect([server.remaining(), server.logins, server.deletions.length]).toEqual([300, 1, 0])
  })

  it('G2: on a server whose QUIT hides what was read, everything is still shown', async () => {
    const mailbox = generateMailbox({ messages: 400, profile: 'small' })
    const server = await serve(0, {
      mailbox,
      ...likeness('gmail', { behaviour: { loginDelay: undefined } }),
    })
    const plan = await planFor(server)
    expect(codes(plan)).toEqual(['capped-view', 'quit-removes-read'])
    expect(plan.messages).toBe(250)
    expect(server.visibleIndexes()).toHaveLength(400)
  })

  it('an empty mailbox', async () => {
    const plan = await planFor(await serve(0))
    expect(plan).toMatchObject({ messages: 0, octets: 0, sizes: [], prediction: { messages: 0 } })
  })

  it('no unique-ids; and some that are announced and refused', async () => {
    const none = await serve(4, { capabilities: { uidl: false }, behaviour: { noUidl: true } })
    const plan = await planFor(none)
    expect(plan.uidls).toBeNull()
    expect(codes(plan)).toContain('no-uidl')
    const replyOverride = (verb: string) => (verb === 'UIDL' ? '-ERR later\r\n' : undefined)
    const refused = await serve(4, { behaviour: { replyOverride } })
    expect(codes(await planFor(refused))).toContain('uidl-refused')
  })

  it('numbers that share a unique-id, have none, or an odd one', async () => {
    const server = await serve(60, {
      behaviour: {
        uidlOf: (index, uidl) => (index < 6 ? 'same one' : uidls.duplicated(2)(index, uidl, 1)),
        omitUidl: (index) => (index % 10 === 9 ? 'value' : undefined),
      },
    })
    const plan = await planFor(server)
    // 6 of the first, then pairs: 27, of which six have lost one of their numbers.
    expect(plan.uidls).toEqual({
      ...{ named: 54, missing: 6, odd: 6 },
      ...{ sharedUidls: 1 + 27 - 6, sharingNumbers: 6 + 54 - 12 },
    })
    expect(codes(plan)).toEqual(['quit-unknown', 'shared-uidl', 'missing-uidl', 'odd-uidl'])
  })

  it('listings that do not agree with STAT, and messages above the limit', async () => {
    const server = await serve(10, {
      behaviour: {
        omitSize: (index) => index === 4,
        statOctets: 'negative',
        announce: (index, octets) => (index === 2 ? 30_000_000 : octets),
      },
      capabilities: { pipelining: false },
    })
    const plan = await planFor(server)
    expect(plan.oversize).toMatchObject({ messages: 1, octets: 30_000_000 })
    expect(plan.largest).toEqual({ n: 3, octets: 30_000_000 })
    expect(plan.prediction.messages).toBe(8)
    expect(codes(plan)).toEqual([
      ...['quit-unknown', 'no-pipelining', 'list-incomplete', 'stat-octets', 'oversize'],
    ])
  })

  it('STAT that wraps at 4 GiB is called so', async () => {
    const announce = () => 2 ** 31
    const server = await serve(3, { behaviour: { announce, statOctets: 'modulo-4-gib' } })
    const { quirks } = await planFor(server)
    expect(quirks.find(({ code }) => code === 'stat-octets')?.seen).toContain('32 bits')
  })

  it('no answers about single numbers: each session lists everything', async () => {
    const server = await serve(200, { behaviour: { oneLine: 'whole-listing' } })
    const plan = await planFor(server)
    expect(codes(plan)).toContain('no-numbered-listing')
    const numbered = await planFor(await serve(200))
    expect(codes(numbered)).not.toContain('no-numbered-listing')
    expect(plan.prediction.assumptions.join(' ')).toContain('Each session lists all that is left')
  })

  it('a listing that names a number twice is no basis for a plan', async () => {
    const server = await serve(5, { behaviour: { uidlListing: 'repeats' } })
    await expect(surveyOf(server)).rejects.toMatchObject({ code: 'MAILDRAIN_POP3_LIMIT' })
  })
})

describe('a survey beside a ledger', () => {
  it('tells what is known, and what a drain would still read', async () => {
    const server = await serve(40)
    const sink = new MemorySink()
    await drainInto(server, sink, { deletion: 'keep' })
    for (let n = 40; n < 50; n += 1)
      server.add({ uidl: `new-${n}`, octets: 1000, read: () => Buffer.alloc(1000, 'x') })
    const keep = await planFor(server, { ledger: sink.ledger, deletion: false })
    expect(keep.ledger).toMatchObject({
      ...{ entries: 40, known: { messages: 40 }, kept: { messages: 0 } },
      fresh: { messages: 10, octets: 10_000 },
    })
    expect(keep.ledger?.headerOctets).toBe(keep.ledger?.known.octets)
    expect(keep.prediction).toMatchObject({ messages: 10, octets: 10_000 })
    expect(keep.knownSessions).toBeGreaterThan(0)
    // With deletion what is known is read again, to be compared (G6).
    const deleting = await planFor(server, { ledger: sink.ledger })
    expect(deleting.prediction.messages).toBe(50)
  })
})

describe('the prediction', () => {
  it('without PIPELINING nothing is faster than the round trips', async () => {
    const slow = { capabilities: { pipelining: false }, behaviour: { delayMs: 5 } }
    const { prediction, measured } = await planFor(await serve(100, slow))
    expect(measured.roundTripMs).toBeGreaterThanOrEqual(4)
    expect(prediction.readSeconds).toBeGreaterThanOrEqual((100 * measured.roundTripMs) / 1000)
    expect(prediction.assumptions.join(' ')).toContain('100 round trips')
  })

  it('without deletion: one session, no deleting, unless bounds say otherwise', async () => {
    const server = await serve(100)
    const keep = await planFor(server, { deletion: false })
    expect(keep.prediction).toMatchObject({ sessions: 1, quitSeconds: 0 })
    const bounded = await planFor(server, { deletion: false, source: { sessionMessages: 30 } })
    expect(bounded.prediction.sessions).toBe(4)
    const deleting = await planFor(server)
    expect(deleting.prediction.sessions).toBe(3)
  })
})

describe('packed figures', () => {
  it('the census counts as a map of strings does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 3 }), { maxLength: 3000, size: 'max' }),
        (all) => {
          const census = new UidlCensus(Math.random)
          const seen = new Map<string, number[]>()
          all.forEach((uidl, index) => {
            const numbers = seen.get(uidl) ?? []
            seen.set(uidl, [...numbers, index + 1])
            expect(census.see(index + 1, uidl)).toBe(numbers[0] ?? index + 1)
          })
          const shared = [...seen.values()].filter(({ length }) => length > 1)
          expect(census.distinct).toBe(seen.size)
          expect(census.groups).toBe(shared.length)
          expect(census.sharing).toBe(shared.flat().length)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('a million messages fit into a heap of 24 MB, beside 40 MB of arrays', () => {
    const survey = join(import.meta.dirname, '../../../dist/sources/pop3/survey')
    const script = `
      const { ListedUidls } = await import(${JSON.stringify(join(survey, 'listed-uidls.js'))})
      const { ListedSizes } = await import(${JSON.stringify(join(survey, 'listed-sizes.js'))})
      const sizes = new ListedSizes(1e6, 1e7), uidls = new ListedUidls(1e6, Math.random)
      for (let n = 1; n <= 1e6; n += 1) sizes.see(n, n), uidls.see(n, 'unique-id-number-' + n % 999_000)
      const { arrayBuffers } = process.memoryUsage()
      console.log(JSON.stringify({ ...uidls.census, arrayBuffers }))`
    const args = ['--max-old-space-size=24', '--input-type=module', '-e', script]
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect(stderr).toBe('')
    const { distinct, groups, arrayBuffers } = JSON.parse(stdout) as Record<string, number>
    expect({ distinct, groups }).toEqual({ distinct: 999_000, groups: 1000 })
    expect(arrayBuffers).toBeLessThan(60e6)
  })

  it('sizes in ranges of 1, 2 and 5: each message in one', () => {
    expect(sizeHistogram([0, 999, 1000, 1999, 2000, 4_999, 5e8])).toMatchObject([
      { from: 0, to: 1000, messages: 2, octets: 999 },
      { from: 1000, to: 2000, messages: 2 },
      { from: 2000, to: 5000, messages: 2 },
      ...Array.from({ length: 13 }, () => ({ messages: 0 })),
      { from: 1e8, to: null, messages: 1, octets: 5e8 },
    ])
    expect(sizeHistogram([])).toEqual([])
  })
})
