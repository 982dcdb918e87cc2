/** What holds in every row of the table of faults, tried with and without a death of the drain in the middle. */
import { expect } from 'vitest'
import { MaildrainError } from '../../src/errors.ts'
import type { Behaviour, Pop3Server } from '../../src/testing/index.ts'
import { type DrainTest, drainInto } from './drains.ts'
import type { MemorySink } from './memory-sink.ts'
import { type Crash, PATIENT, type Proof, type ProvenDrain, proveDrain } from './proven-drain.ts'

/** For the first so many sessions: then the fault is over. */
export const until =
  (sessions: number) =>
  <T>(value: T) =>
  (session: number): T | undefined =>
    session <= sessions ? value : undefined

const CRASHES: readonly (Crash | undefined)[] = [
  undefined,
  { write: 2, when: 'before' },
  { write: 2, when: 'after' },
]

export interface Held extends Omit<ProvenDrain, 'behaviour' | 'crash'> {
  /** Made anew for each drain. */
  readonly behaviour: () => Behaviour
  /** Indexes of messages that are to stay on the server; none unless given. */
  readonly stay?: readonly number[]
}

/**
 * Drains whole, and once more after it died before and after a write: nothing lost, nothing doubled, no other bytes, nothing
 * deleted too early, and nothing left but what is to stay. Returns the drain that did not die.
 */
export async function holds({ behaviour, stay = [], ...held }: Held): Promise<Proof> {
  const proofs: Proof[] = []
  const options = { ...held, source: { ...PATIENT, ...held.source } }
  for (const crash of CRASHES) {
    const proof = await proveDrain({ ...options, behaviour: behaviour(), crash })
    const { lost, doubled, foreign, premature, left, stopped } = proof
    const found = { lost, doubled, foreign, premature, left, stopped, crash }
    const none: number[] = []
    expect(found).toEqual({
      ...{ lost: none, doubled: none, foreign: 0, premature: none, left: stay },
      ...{ stopped: undefined, crash },
    })
    proofs.push(proof)
  }
  return proofs[0]!
}

/** What a drain ends with when the fault lasts; nothing has left the server. */
export async function endsWith(
  server: Pop3Server,
  sink: MemorySink,
  change: DrainTest = {},
): Promise<MaildrainError> {
  const before = server.remaining()
  const patience = { openPatienceMs: 200, retryPatienceMs: 200 }
  const ended = drainInto(server, sink, { ...change, source: { ...patience, ...change.source } })
  const error = await ended.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof MaildrainError)) throw new Error(`ended with ${String(error)}`)
  expect(error.message).not.toContain('\n')
  expect(server.remaining()).toBe(before)
  return error
}
