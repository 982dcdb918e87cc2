/** Many drains, each over a line that breaks at another place, and what is wrong with any of them. */
import type { LineFault, PassedOctets } from '../../src/testing/index.ts'
import { type CutDrain, type CutOutcome, cutDrain } from './cut-drain.ts'

/** Where the line breaks, once: on this connection of the drain. */
export interface Cut {
  readonly name: string
  readonly connection: number
  readonly fault: LineFault
}

interface Places {
  /** Every `step`th octet, from the one with this offset on. */
  readonly step: number
  readonly offset: number
  readonly then?: LineFault['then']
}

/** After every octet of either side, on every connection of a drain that passed so many; or after every `step`th. */
export function octetCuts(
  passed: readonly PassedOctets[],
  { step, offset, then = 'reset' }: Places = { step: 1, offset: 0 },
): Cut[] {
  const all = passed.flatMap((octets, index) =>
    (['client', 'server'] as const).flatMap((from) =>
      Array.from({ length: octets[from] + 1 }, (_, n): Cut => ({
        name: `connection ${index + 1} ${then} after ${n} octets of the ${from}`,
        connection: index + 1,
        fault: { from, octets: n, then },
      })),
    ),
  )
  return all.filter((_, index) => index % step === offset)
}

/** Before and after the reply to every command, the greeting's place included. */
export function replyCuts(commands: readonly number[], then: LineFault['then']): Cut[] {
  return commands.flatMap((count, index) =>
    Array.from({ length: count + 1 }, (_, number) =>
      (['before', 'after'] as const).map((when): Cut => ({
        name: `connection ${index + 1} ${then} ${when} the reply to command ${number}`,
        connection: index + 1,
        fault: { replyTo: (line) => line.number === number, when, then },
      })),
    ).flat(),
  )
}

/** Commands of each connection, as the server counted them. */
export function commandsOf({ server }: Pick<CutOutcome, 'server'>): number[] {
  const counts = Array.from({ length: server.sessions }, () => 0)
  for (const { session } of server.log) counts[session - 1] = (counts[session - 1] ?? 0) + 1
  return counts
}

export function wrongWith(cut: Cut, outcome: CutOutcome): string[] {
  const { lost, doubled, foreign, premature, left, failed } = outcome
  const found: string[] = []
  const unless = (fine: boolean, what: string) => {
    if (!fine) found.push(`${cut.name}: ${what}`)
  }
  unless(lost.length === 0, `lost ${lost.join()}`)
  unless(doubled.length === 0, `doubled ${doubled.join()}`)
  unless(foreign === 0, `${foreign} rows of no message`)
  unless(premature.length === 0, `deleted before durable ${premature.join()}`)
  unless(left.length === 0, `left ${left.join()}, ${failed.join()}`)
  unless(
    failed.every((code) => /^MAILDRAIN_(?!INTERNAL)/.test(code)),
    `ended with ${failed.join()}`,
  )
  return found
}

/** On a busy machine a session may come to a timeout before it comes to the place of the cut. */
const TRIES = 4

export interface CutsProof {
  readonly wrong: readonly string[]
  /** Cuts that were not met by any of several drains, because they sent less than the one that was measured. */
  readonly missed: number
  /** Runs that ended with an error, after which the drain was run again. */
  readonly failed: number
}

/** One drain for each cut; several at a time, for most of their time is waiting. */
export async function proveCuts(
  cuts: readonly Cut[],
  options: CutDrain,
  atOnce = 4,
): Promise<CutsProof> {
  const wrong: string[] = []
  let [missed, failed] = [0, 0]
  const waiting = [...cuts]
  const meets = async (cut: Cut, tries: number): Promise<boolean> => {
    const outcome = await cutDrain({
      ...options,
      fault: (number) => (number === cut.connection ? cut.fault : undefined),
    })
    wrong.push(...wrongWith(cut, outcome))
    failed += outcome.failed.length
    return outcome.strikes > 0 || (tries > 1 && meets(cut, tries - 1))
  }
  const work = async () => {
    for (let cut = waiting.shift(); cut !== undefined; cut = waiting.shift())
      if (!(await meets(cut, TRIES))) missed += 1
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return { wrong, missed, failed }
}
