/** What is tried at each place where a line can be cut, of every server that it is tried on. */
import { expect } from 'vitest'
import type { Behaviour, LineFault } from '../../src/testing/index.ts'
import { cutDrain } from './cut-drain.ts'
import { commandsOf, octetCuts, proveCuts, replyCuts } from './cuts.ts'
import { notFull } from './full.ts'

const isFull = notFull === undefined

/** Every octet; otherwise every 37th, which no length of a usual line divides. */
export async function cutAtOctets(behaviour: Behaviour): Promise<void> {
  const [step, offset] = isFull ? [1, 0] : [37, 11]
  const clean = await cutDrain({ behaviour })
  const cuts = octetCuts(clean.passed, step, offset)
  expect(cuts.length).toBeGreaterThan(3500 / step)
  const { wrong, missed } = await proveCuts(cuts, { behaviour })
  expect(wrong).toEqual([])
  expect(missed).toBeLessThanOrEqual(cuts.length / 50)
}

/** Before and after every reply; otherwise some of them. */
export async function cutAtReplies(behaviour: Behaviour, then: LineFault['then']): Promise<void> {
  const clean = await cutDrain({ behaviour })
  const cuts = replyCuts(commandsOf(clean), then)
  expect(cuts.length).toBeGreaterThan(200)
  const some = cuts.filter((_, index) => isFull || index % 7 === 3)
  // Where nobody hangs up most of the time is waiting.
  const { wrong, missed } = await proveCuts(some, { behaviour }, then === 'reset' ? 4 : 16)
  expect(wrong).toEqual([])
  // A session on a busy machine has a NOOP more or less.
  expect(missed).toBeLessThanOrEqual(some.length / 10)
}
