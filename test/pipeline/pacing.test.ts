import { describe, expect, it } from 'vitest'
import { Pacing } from '../../src/pipeline/pacing.ts'

const pacing = (random = 0.5) =>
  new Pacing({ pollSeconds: 60, maxPollSeconds: 900, random: () => random })

const seconds = (of: Pacing, mail: readonly boolean[]): number[] =>
  mail.map((broughtMail) => Math.round(of.pauseMs(broughtMail) / 1000))

describe('the pause between polls', () => {
  it('doubles while nothing comes, up to the most, and is short again after mail', () => {
    const nothing = Array.from({ length: 7 }, () => false)
    expect(seconds(pacing(), [...nothing, true, true, false, false])).toEqual([
      ...[60, 120, 240, 480, 900, 900, 900],
      ...[60, 60, 60, 120],
    ])
  })

  it('is a tenth more or less by chance', () => {
    expect(pacing(0).pauseMs(true)).toBeCloseTo(54_000)
    expect(pacing(1).pauseMs(true)).toBeCloseTo(66_000)
  })

  it('stays finite however long nothing comes', () => {
    const slow = pacing()
    for (let polls = 0; polls < 5000; polls += 1) slow.pauseMs(false)
    expect(slow.pauseMs(false)).toBe(900_000)
  })
})
