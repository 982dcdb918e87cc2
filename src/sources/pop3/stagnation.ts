/** A server that keeps us busy without anything changing is given up with a reason. */
import { Pop3ProtocolError } from '../../errors.ts'
import type { RunState } from './run-state.ts'

/** Sessions in a row that change nothing at all. */
const MAX_IDLE_SESSIONS = 10

export class Stagnation {
  readonly #mailbox: string
  readonly #state: RunState
  #idle = 0
  #signature = ''

  constructor(mailbox: string, state: RunState) {
    this.#mailbox = mailbox
    this.#state = state
  }

  /**
   * To be called after each session.
   * @param plan what the run itself has changed for the next one
   * @throws Pop3ProtocolError MAILDRAIN_POP3_PROTOCOL
   */
  assertProgress(plan: string): void {
    const { tally, inDoubt, suspects } = this.#state
    const attempts = [...suspects.values()].reduce((sum, { attempts: n }) => sum + n, 0)
    const signature = [...[tally.answered, inDoubt.mark, attempts], ...[plan, suspects.size]].join(
      ' ',
    )
    this.#idle = signature === this.#signature ? this.#idle + 1 : 0
    this.#signature = signature
    if (this.#idle >= MAX_IDLE_SESSIONS)
      throw new Pop3ProtocolError(
        'MAILDRAIN_POP3_PROTOCOL',
        `${MAX_IDLE_SESSIONS} sessions in a row with ${this.#mailbox} changed nothing; run again with --log-level debug to see why`,
      )
  }
}
