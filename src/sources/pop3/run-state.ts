/**
 * What a run remembers from one session to the next, besides the ledger.
 */
import { describeError } from '../../errors.ts'
import { unfetchedKey } from '../../identity.ts'
import type { KeptReason } from '../../ledger/ledger.ts'
import type { RawMessage } from '../../message.ts'
import type { SourceContext } from '../source.ts'
import { PackedSet } from '../../packed-set.ts'
import { InDoubt } from './in-doubt.ts'
import { RefusedDeletions } from './refused-deletions.ts'
import { type Outcome, Tally } from './tally.ts'
import type { Oversize, WorkItem } from './work.ts'

/** Reading it failed: short, refused by -ERR, too large for what it announced (G8), or twice the end of a session. */
export type SuspectCause = 'short' | 'refused' | 'outgrown' | 'disconnected'

export interface Suspect {
  readonly item: WorkItem
  attempts: number
  cause: SuspectCause
  /** Octets that came at the last attempt. */
  octets: number
  /** SHA-256 of what came at the last attempt, where it was well terminated; null otherwise. */
  sha256: string | null
}

/** Attempts in this run before a message is left on the server. */
export const SUSPECT_ATTEMPTS = 3

const identify = (uidl: string | null, listedOctets: number): string =>
  uidl === null ? `#${listedOctets}` : `${uidl}\0${listedOctets}`

export class RunState {
  readonly #context: SourceContext
  readonly tally: Tally
  readonly inDoubt: InDoubt
  readonly refused = new RefusedDeletions()
  readonly suspects = new Map<string, Suspect>()
  /** Unique-ids of which a session has read all further numbers, and not found which of them the ledger knows. */
  readonly ambiguous = new Set<string>()
  /** Keys of what this run has kept. Not told by times: a clock may be set back in the middle, and it would be tried for ever. */
  readonly kept: PackedSet
  /** Grew past the limit while they were read; to be kept. */
  readonly grown: Oversize[] = []
  /** Raw octets delivered by this run. */
  bytes = 0
  bytesDone = 0
  sessions = 0
  /** Octets of replies to LIST and UIDL, over the sessions that ended. */
  listingBytes = 0
  /** From connecting to the answer of STAT, summed, ms. */
  openMs = 0
  /** From the first DELE to the reply to QUIT, or to the loss of it, summed, ms. */
  quitMs = 0
  remaining = 0
  /** Of these: numbers that were not asked for. */
  unselected = 0
  /** And those that are delivered and wait for their time. */
  waiting = 0
  /** Numbers that the server refuses to delete, or shows after every QUIT. */
  undeletable = 0
  /** Entries older than this were counted by their number (`Tally.standing`); undefined while they were not. */
  standingBefore: number | undefined

  #mark = '0 0 0'
  /** Of this session: suspects, and those listed like a suspect that came whole. */
  readonly #suspected = new Set<string>()
  readonly #came = new Set<string>()

  constructor(context: SourceContext) {
    this.#context = context
    this.tally = new Tally(context.random)
    this.inDoubt = new InDoubt(context.random)
    this.kept = new PackedSet(context.random)
  }

  /** Has anything changed for good since this was last asked? What is compared once more has not. */
  advanced(): boolean {
    const mark = `${this.tally.answered} ${this.inDoubt.deleted} ${this.inDoubt.verifiedGone}`
    const advanced = mark !== this.#mark
    this.#mark = mark
    return advanced
  }

  outgrown(item: WorkItem, octets: number): void {
    this.grown.push(item)
    this.#context.log.warn(
      { uidl: item.uidl, listedOctets: item.listedOctets, octets },
      'message is larger than it announced and than maxMessageBytes',
    )
  }

  suspect(item: WorkItem, cause: SuspectCause, octets: number, sha256: string | null = null): void {
    const id = identify(item.uidl, item.listedOctets)
    const suspect = this.suspects.get(id) ?? {
      ...{ item, cause, octets, sha256 },
      attempts: this.#before(item) ? SUSPECT_ATTEMPTS - 1 : 0,
    }
    suspect.attempts += 1
    this.#suspected.add(id)
    suspect.cause = cause
    suspect.octets = octets
    suspect.sha256 = sha256
    this.suspects.set(id, suspect)
    this.#context.log.warn(
      {
        uidl: item.uidl,
        listedOctets: item.listedOctets,
        octets,
        cause,
        attempts: suspect.attempts,
      },
      'message could not be read whole',
    )
  }

  /** An earlier run gave it up: it is tried once more in this one. */
  #before(item: WorkItem): boolean {
    if (item.uidl === null) return false
    const entry = this.#context.ledger.get(unfetchedKey(item.uidl, item.listedOctets))
    return entry?.state === 'kept' && entry.reason !== 'oversize'
  }

  isSuspect(uidl: string | null, listedOctets: number): boolean {
    return this.suspects.has(identify(uidl, listedOctets))
  }

  /** Did the last attempt bring the same bytes? */
  cameAlike(item: WorkItem, sha256: string): boolean {
    return this.suspects.get(identify(item.uidl, item.listedOctets))?.sha256 === sha256
  }

  /** Its whole bytes came. */
  came({ uidl, listedOctets }: WorkItem): void {
    if (this.isSuspect(uidl, listedOctets)) this.#came.add(identify(uidl, listedOctets))
  }

  /**
   * After a session: suspects that came whole after all are none any more. Where one that is listed alike failed in the same
   * session, what came was another message.
   */
  settleSuspects(): void {
    for (const id of this.#came) if (!this.#suspected.has(id)) this.suspects.delete(id)
    this.#came.clear()
    this.#suspected.clear()
  }

  forgetSuspect({ item }: Suspect): void {
    this.suspects.delete(identify(item.uidl, item.listedOctets))
  }

  delivered(message: RawMessage): void {
    this.bytes += message.octets
    this.#answer(message.key, 'delivered', message.octets)
  }

  answered(
    message: RawMessage,
    outcome: Outcome,
    why?: { readonly reason: KeptReason; readonly error: unknown },
  ): void {
    this.#answer(message.key, outcome, message.octets)
    if (outcome === 'kept' || outcome === 'filtered') this.kept.add(message.key)
    if (why === undefined) return
    const fields = { uidl: message.uidl, key: message.key, octets: message.octets }
    this.#context.log.warn(
      { ...fields, reason: why.reason, error: describeError(why.error) },
      'message kept on the server',
    )
  }

  /** An outcome without the whole bytes: kept or vanished, or known without reading. */
  count(key: string, outcome: Outcome, octets = 0): void {
    this.tally.see(key)
    this.#answer(key, outcome, octets)
  }

  #answer(key: string, outcome: Outcome, octets: number): void {
    if (!this.tally.answer(key, outcome)) return
    this.bytesDone += octets
    this.#context.progress({ messagesDone: this.tally.answered, bytesDone: this.bytesDone })
  }
}
