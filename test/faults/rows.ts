/**
 * The 112 faults: what happens, and what must hold. In every row a whole drain is tried, and besides: nothing is lost (what
 * has left the server is at the destination), bytes are equal, and the drain gets through once the fault is over; where the
 * test sees both sides at the same moment, no DELE leaves before what it deletes is durable. A row has a test whose title says
 * `fault N`, or it says here why it has none.
 */
import { DESTINATION_ROWS } from './rows-destination.ts'
import { LINE_ROWS } from './rows-line.ts'

export interface FaultRow {
  readonly n: number
  /** What happens. */
  readonly fault: string
  /** What must hold, besides what holds in every row. */
  readonly holds: string
  /** Why a machine that runs these tests cannot do it. */
  readonly cannot?: string
  /** The part of maildrain that it is about, which does not exist yet. */
  readonly waitsFor?: string
}

export const rows: readonly FaultRow[] = [...LINE_ROWS, ...DESTINATION_ROWS]
