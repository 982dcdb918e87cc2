/**
 * Writes down what is left on the server and why, so that it is stepped over and counted, and forgets what has been gone
 * for a day. Nothing here lets anything be deleted.
 */
import { unfetchedKey } from '../../identity.ts'
import type { KeptReason, LedgerEntry } from '../../ledger/ledger.ts'
import type { SourceContext } from '../source.ts'
import type { Doubt } from './in-doubt.ts'
import { type RunState, SUSPECT_ATTEMPTS, type Suspect } from './run-state.ts'
import type { Outcome } from './tally.ts'
import type { Oversize, Skipped, WorkPlan } from './work.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const FORGET_CHUNK = 1000

export class Keeper {
  readonly #context: SourceContext
  readonly #state: RunState
  /** Keys of entries that say gone, and are listed. */
  readonly #back: string[] = []

  constructor(context: SourceContext, state: RunState) {
    this.#context = context
    this.#state = state
  }

  /** Tombstones for what an earlier run saw gone a day ago: never in the run that deleted it (G7). */
  async forgetGone(): Promise<void> {
    // Nobody has deleted it: where a view shows the newest mail only (WildDuck), it may come back when others delete.
    if (!this.#context.deletion) return
    const { ledger, clock, stopping } = this.#context
    const keys = [...ledger.goneBefore(clock.now() - DAY_MS)]
    for (let i = 0; i < keys.length && !stopping.aborted; i += FORGET_CHUNK)
      await this.#context.commit([], keys.slice(i, i + FORGET_CHUNK))
  }

  /** Keeps what is over the limit; what was stepped over and had been gone is back. */
  async settlePlan(plan: WorkPlan): Promise<void> {
    const keys = new Set(this.#back.splice(0))
    const back = [...keys].flatMap((key) => this.#context.ledger.get(key) ?? [])
    const revived = back.flatMap((entry): LedgerEntry[] =>
      entry.was === null ? [] : [{ ...entry, state: entry.was, was: null, goneAt: null }],
    )
    if (revived.length > 0) await this.#context.commit(revived)
    for (const oversize of plan.oversize.splice(0)) await this.#keepOversize(oversize)
  }

  /** Counts what is stepped over, unless it was counted with all that stands of earlier runs. */
  skipped({ entry, why }: Omit<Skipped, 'n'>): void {
    // Else it would be forgotten in a day, and be delivered once more.
    if (entry.state === 'gone') this.#back.push(entry.key)
    const { key, listedOctets, at } = entry
    if (this.#state.standingBefore !== undefined && at < this.#state.standingBefore) {
      this.#state.tally.stands(key)
      return
    }
    this.#state.count(
      key,
      why === 'delivered' ? 'alreadyDelivered' : outcomeOf(entry),
      listedOctets,
    )
  }

  /** After a session: what grew past the limit, and what was short or refused too often, at RETR or at DELE. */
  async settleSession(): Promise<void> {
    const undeletable = this.#state.refused.takeHopeless()
    if (undeletable.length > 0) await this.keepUndeletable(undeletable)
    for (const oversize of this.#state.grown.splice(0)) await this.#keepOversize(oversize)
    this.#state.settleSuspects()
    for (const suspect of this.#state.suspects.values())
      if (suspect.attempts >= SUSPECT_ATTEMPTS) await this.#keepSuspect(suspect)
  }

  /** A complete look: suspects that are no longer listed were taken by others before maildrain had them. */
  async vanish(isListed: (suspect: Suspect) => boolean): Promise<void> {
    const vanished = [...this.#state.suspects.values()].filter((suspect) => !isListed(suspect))
    // What an earlier run has given up has an entry, and is counted by that.
    const uncounted = vanished.filter(({ item }) => {
      const key = unfetchedKey(item.uidl ?? '', item.listedOctets)
      return item.uidl === null || this.#context.ledger.get(key) === undefined
    })
    if (uncounted.length > 0) await this.#context.countVanished(uncounted.length)
    for (const suspect of vanished) {
      const { uidl, listedOctets } = suspect.item
      this.#state.count(unfetchedKey(uidl ?? '', listedOctets), 'vanished')
      this.#state.forgetSuspect(suspect)
    }
  }

  /** The server answers QUIT and keeps the message all the same. */
  async keepUndeletable(doubts: readonly Doubt[]): Promise<void> {
    const { ledger, clock, log } = this.#context
    const entries: LedgerEntry[] = []
    for (const doubt of doubts) {
      this.#state.inDoubt.giveUp(doubt.key)
      this.#state.undeletable += doubt.numbers
      const entry = ledger.get(doubt.key)
      if (entry === undefined) continue
      const attempts = entry.attempts + doubt.rounds
      const kept = { state: 'kept', reason: 'undeletable', at: clock.now(), attempts } as const
      entries.push({ ...entry, ...kept, was: null, goneAt: null })
      log.warn(
        { uidl: doubt.uidl, rounds: doubt.rounds },
        'the server does not delete this message',
      )
    }
    for (const { key } of entries) this.#state.kept.add(key)
    await this.#context.commit(entries)
  }

  async #keepOversize(oversize: Oversize): Promise<void> {
    const { fingerprint, maxMessageBytes, log } = this.#context
    const key = await this.#keep(oversize, 'oversize', fingerprint, 0)
    if (!this.#state.tally.has(key))
      log.warn(
        { uidl: oversize.uidl, listedOctets: oversize.listedOctets, maxMessageBytes },
        'message kept on the server: larger than maxMessageBytes',
      )
    this.#state.count(key, 'kept', oversize.listedOctets)
  }

  async #keepSuspect(suspect: Suspect): Promise<void> {
    const reason =
      suspect.cause === 'refused' || suspect.cause === 'disconnected' ? 'unreadable' : 'suspect'
    const { uidl, listedOctets } = suspect.item
    const key = await this.#keep(suspect.item, reason, null, suspect.attempts)
    this.#state.forgetSuspect(suspect)
    this.#state.count(key, 'kept', listedOctets)
    this.#context.log.warn(
      { uidl, listedOctets, octets: suspect.octets, attempts: suspect.attempts, reason },
      'message kept on the server: it could not be read whole',
    )
  }

  /** Without a unique-id there is nothing to recognise it by: judged anew in each session. */
  async #keep(
    message: Oversize,
    reason: KeptReason,
    fingerprint: string | null,
    attempts: number,
  ): Promise<string> {
    const { uidl, listedOctets } = message
    const key = unfetchedKey(uidl ?? '', listedOctets)
    if (uidl === null) return key
    const at = this.#context.clock.now()
    const entry: LedgerEntry = {
      ...{ key, uidl, listedOctets, octets: null, sha256: null, headerSha256: null },
      ...{ state: 'kept', was: null, reason, fingerprint, attempts },
      ...{ copies: 0, place: null, at, goneAt: null },
    }
    this.#state.kept.add(key)
    await this.#context.commit([entry])
    return key
  }
}

function outcomeOf({ state, reason }: LedgerEntry): Outcome {
  if (state === 'deadLettered') return 'deadLettered'
  return reason === 'filtered' ? 'filtered' : 'kept'
}
