/** Every single effect of a drain, one after the other, with each thing that can happen there. */
import type { Fault, FaultKind } from './engine/faults.ts'
import { simulate } from './hunt.ts'
import { type Choice, DESTINATIONS, type DestinationName } from './setting.ts'

/** Where a wrong order of things loses mail. */
const SERVERS = [
  ...['RFC 1939', 'applyDeletesOnDrop', 'applyDeletesAtOnce', 'quitRemovesRead'],
  'loseQuitReply 1',
] as const
const KINDS: readonly FaultKind[] = ['crash-before', 'crash-after', 'error-before', 'error-after']

/** They cost three times as much as models. */
const isReal = (destination: DestinationName): boolean =>
  destination === 'kafka' || destination === 'sqlite'

export interface Case {
  readonly seed: number
  readonly choice: Choice
  readonly plan: readonly Fault[]
}

/** @param seed of the mailbox and the delays */
export async function* systematic(seed: number): AsyncGenerator<Case> {
  for (const destination of DESTINATIONS)
    for (const server of isReal(destination) ? SERVERS.slice(0, 2) : SERVERS) {
      const choice = { destination, server, filter: false, throws: false }
      const { outcome } = await simulate(seed, choice, [])
      for (let at = 1; at <= outcome.effects; at += 1)
        for (const kind of KINDS) yield { seed, choice, plan: [{ at, kind }] }
    }
}
