/** What is tried at each place where a line can be cut, of every server that it is tried on. */
import { expect } from 'vitest'
import type { Behaviour, LineFault } from '../../src/testing/index.ts'
import { uncutDrain } from './cut-drain.ts'
import { commandsOf, octetCuts, proveCuts, replyCuts } from './cuts.ts'
import { notFull } from './full.ts'

const isFull = notFull === undefined

/** Every octet; otherwise every 37th, which no length of a usual line divides. */
export async function cutAtOctets(behaviour: Behaviour): Promise<void> {
  const places = isFull ? { step: 1, offset: 0 } : { step: 37, offset: 11 }
  const clean = await uncutDrain({ behaviour })
  const cuts = octetCuts(clean.passed, places)
  expect(cuts.length).toBeGreaterThan(3500 / places.step)
  const { wrong, missed } = await proveCuts(cuts, { behaviour })
  expect(wrong).toEqual([])
  expect(missed).toBeLessThanOrEqual(cuts.length / 50)
}

/** Where nobody hangs up, most of the time of a drain is waiting: for one reply to each cut, 0.3 s. */
const SILENT_AT_ONCE = 16

/** Nothing more of one side arrives, after some of the octets, and nobody hangs up. */
export async function silenceAtOctets(behaviour: Behaviour): Promise<void> {
  const clean = await uncutDrain({ behaviour })
  const step = isFull ? 13 : 211
  const cuts = octetCuts(clean.passed, { step, offset: 5, then: 'swallow' })
  const { wrong, missed } = await proveCuts(cuts, { behaviour }, SILENT_AT_ONCE)
  expect(wrong).toEqual([])
  expect(missed).toBeLessThanOrEqual(cuts.length / 10)
}

/** Before and after every reply; otherwise some of them. */
export async function cutAtReplies(behaviour: Behaviour, then: LineFault['then']): Promise<void> {
  const clean = await uncutDrain({ behaviour })
  const cuts = replyCuts(commandsOf(clean), then)
  expect(cuts.length).toBeGreaterThan(200)
  const some = cuts.filter((_, index) => isFull || index % 7 === 3)
  const atOnce = then === 'reset' ? 4 : SILENT_AT_ONCE
  const { wrong, missed } = await proveCuts(some, { behaviour }, atOnce)
  expect(wrong).toEqual([])
  // A session on a busy machine has a NOOP more or less.
  expect(missed).toBeLessThanOrEqual(some.length / 10)
}
