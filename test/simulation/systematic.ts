/** Every single effect of a drain, one after the other, with each thing that can happen to a run there. */
import type { Fault, FaultKind } from './engine/faults.ts'
import { simulate } from './hunt.ts'
import { type Choice, DESTINATIONS, type DestinationName } from './setting.ts'

/** Where a wrong order of things loses mail. */
const SERVERS = [
  ...['RFC 1939', 'applyDeletesOnDrop', 'applyDeletesAtOnce', 'quitRemovesRead'],
  'loseQuitReply 1',
] as const
const KINDS: readonly FaultKind[] = ['crash-before', 'crash-after', 'error-before', 'error-after']

/** What a destination may suffer besides. SQLite's disk is a real one: power cuts are for test/soak. */
const FURTHER: Readonly<Record<DestinationName, readonly FaultKind[]>> = {
  transactional: ['freeze', 'power-cut'],
  idempotent: ['freeze', 'power-cut'],
  'at-least-once': ['freeze', 'power-cut'],
  kafka: ['freeze', 'replaced'],
  sqlite: ['freeze'],
}

export interface Case {
  readonly seed: number
  readonly choice: Choice
  readonly plan: readonly Fault[]
}

/** @param seed of the mailbox and the delays */
export async function* systematic(seed: number): AsyncGenerator<Case> {
  for (const destination of DESTINATIONS)
    for (const server of SERVERS) {
      const choice = { destination, server, filter: false, throws: false }
      const { outcome } = await simulate(seed, choice, [])
      for (let at = 1; at <= outcome.effects; at += 1)
        for (const kind of [...KINDS, ...FURTHER[destination]])
          yield { seed, choice, plan: [{ at, kind }] }
    }
}
