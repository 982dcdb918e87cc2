import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { twinMailbox, twinOf, twinServer } from '../../src/cli/rehearsal/twin.ts'
import type { Survey } from '../../src/sources/pop3/survey/survey.ts'
import { messageBytes } from '../../src/testing/generate-mailbox.ts'
import { type Pop3ServerOptions, generateMailbox, likeness } from '../../src/testing/index.ts'
import { serve } from '../support/drains.ts'
import { planFor, surveyOf } from '../support/surveys.ts'

const whole = { step: 1, quitRemovesRead: false }

/** Sizes, lengths of unique-ids, and who shares one, number by number. */
const figures = ({ sizes, uidls }: Survey) =>
  Array.from({ length: sizes.last }, (_, index) => [
    sizes.octets(index + 1),
    uidls?.length(index + 1),
    uidls?.first(index + 1),
  ])

const mailbox = generateMailbox({ messages: 40, profile: 'small' })

describe('the twin of a mailbox', () => {
  const likenesses: [string, Partial<Pop3ServerOptions>][] = [
    ['an ordinary server', {}],
    ['EXPIRE 0', { capabilities: { expire: '0' } }],
    ['NEVER, no PIPELINING', { capabilities: { expire: 'NEVER', pipelining: false } }],
    ['no UIDL', { capabilities: { uidl: false }, behaviour: { noUidl: true } }],
    ['no CAPA', { capabilities: { capa: false } }],
    ['whole listings', { behaviour: { oneLine: 'whole-listing' } }],
    ['STAT without octets', { behaviour: { statOctets: 'absent' } }],
    ['Cyrus', likeness('cyrus')],
    [
      'unique-ids shared, missing and long',
      {
        behaviour: {
          uidlOf: (index, uidl) => (index < 5 ? 'x'.repeat(90) : uidl),
          omitUidl: (index) => (index === 20 ? 'value' : undefined),
        },
      },
    ],
    ['a message over the limit', { behaviour: { announce: (i, n) => (i === 3 ? 9e7 : n) } }],
  ]

  it.each(likenesses)('%s: its survey is that of the mailbox', async (_name, options) => {
    const real = await serve(0, { mailbox, ...options })
    const survey = await surveyOf(real)
    const twin = await serve(0, twinServer(twinOf(survey, whole)))
    const again = await surveyOf(twin)
    expect(figures(again)).toEqual(figures(survey))
    expect(again.stat).toEqual(survey.stat)
    expect(again.numbered).toEqual(survey.numbered)
    const [one, other] = [await planFor(real), await planFor(twin)]
    expect(other.quirks.map(({ code }) => code)).toEqual(one.quirks.map(({ code }) => code))
    expect(other.server.capabilities).toEqual(one.server.capabilities)
  })

  it('gives bytes of exactly the announced sizes; equal ones to equal sizes under one unique-id', async () => {
    const octets = (index: number) => (index < 2 ? 500 : 700 + index)
    const server = await serve(4, { behaviour: { announce: octets, uidlOf: () => 'same' } })
    const made = twinMailbox(twinOf(await surveyOf(server), whole))
    const all = Array.from({ length: 4 }, (_, index) => made.message(index).read())
    expect(all.map(({ length }) => length)).toEqual([500, 500, 702, 703])
    expect(all[0]?.equals(all[1] ?? Buffer.alloc(0))).toBe(true)
    expect(all[2]?.subarray(0, 100).equals(all[3]?.subarray(0, 100) ?? Buffer.alloc(0))).toBe(false)
  })

  it('takes every k-th message of a large one', async () => {
    const survey = await surveyOf(await serve(0, { mailbox }))
    const twin = twinOf(survey, { step: 7, quitRemovesRead: false })
    expect([...twin.octets]).toEqual([1, 8, 15, 22, 29, 36].map((n) => survey.sizes.octets(n)))
  })

  it('a message can be made of any size', () => {
    fc.assert(
      fc.property(fc.nat(100), fc.nat(3000), (index, octets) => {
        const bytes = messageBytes(1, index, octets)
        expect(bytes).toHaveLength(octets)
        if (octets >= 2) expect(bytes.subarray(-2).toString()).toBe('\r\n')
      }),
    )
  })
})
