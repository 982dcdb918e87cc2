/**
 * A complete look at the mailbox (G7): every unique-id of a fresh session. What is absent from it is gone; absence from
 * anything less proves nothing. Of the listing a hash an id is kept, of the ledger nothing: it is gone through once.
 */
import { type LedgerEntry, saysDurable } from '../../ledger/ledger.ts'
import type { Pop3Client } from '../../pop3/index.ts'
import type { SourceContext } from '../source.ts'
import type { Doubt } from './in-doubt.ts'
import { Occurrences } from './occurrences.ts'
import type { RunState } from './run-state.ts'
import { type ResetVerdict, UidlReset } from './uidl-reset.ts'

const COMMIT_CHUNK = 500

export class Look {
  readonly #context: SourceContext
  readonly #state: RunState
  readonly #listed: Occurrences
  /** Only in the run's first complete look are earlier runs' messages looked for. */
  readonly #first: boolean
  readonly #reset: UidlReset | undefined

  /**
   * @param first is it the first complete look of this run?
   * @param recheck is there reason to think that unique-ids have changed since?
   */
  constructor(context: SourceContext, state: RunState, first: boolean, recheck = false) {
    this.#context = context
    this.#state = state
    this.#listed = new Occurrences(context.random)
    this.#first = first
    this.#reset = first || recheck ? new UidlReset(context.ledger, !first) : undefined
  }

  see(uidl: string, message: { readonly n: number; readonly octets: number }): void {
    this.#listed.add(uidl)
    this.#reset?.see(uidl, message)
  }

  /** Numbers that were listed under this unique-id. */
  timesListed(uidl: string): number {
    return this.#listed.of(uidl)
  }

  /** Was any unique-id listed twice? */
  get hasRepeated(): boolean {
    return this.#listed.repeated.size > 0
  }

  /** Of a complete listing, before `settle`: are all unique-ids new, and the messages the old ones? */
  async isReset(client: Pop3Client): Promise<ResetVerdict> {
    if (this.#reset === undefined) return 'no'
    return this.#reset.happened(client, (uidl) => this.#listed.of(uidl) > 0)
  }

  /** The listing was complete: writes down what is gone, and answers with the deletions that had no effect yet. */
  async settle(): Promise<readonly Doubt[]> {
    const { inDoubt } = this.#state
    const still: Doubt[] = []
    if (!this.#first && inDoubt.size === 0) return still
    const gone = new Chunks((entries) => this.#confirm(entries))
    for (const entry of this.#context.ledger.present()) {
      if (entry.uidl === null) continue
      const listed = this.#listed.of(entry.uidl) > 0
      const doubt = inDoubt.get(entry.key, entry.uidl)
      if (doubt !== undefined && listed) still.push(doubt)
      else if (!listed && (doubt !== undefined || this.#first)) await gone.add(entry)
    }
    await gone.end()
    return still
  }

  /** Without unique-ids: deletions of messages that a whole reading has not met are confirmed. */
  async absent(met: ReadonlySet<string>): Promise<void> {
    const gone = new Chunks((entries) => this.#confirm(entries))
    for (const { doubt, entry } of this.#state.inDoubt.of(this.#context.ledger))
      if (!met.has(doubt.key)) await gone.add(entry)
    await gone.end()
  }

  /** Nothing is left on the server: everything that the ledger holds is gone. */
  async allGone(): Promise<void> {
    const gone = new Chunks((entries) => this.#confirm(entries))
    for (const entry of this.#context.ledger.present()) await gone.add(entry)
    await gone.end()
  }

  /** What was delivered, is not at the destination any more, and cannot be delivered again. */
  #sayMissing(gone: readonly LedgerEntry[]): void {
    const { ledger, log } = this.#context
    const missing = gone.filter((entry) => saysDurable(entry) && !ledger.holds(entry))
    if (missing.length === 0) return
    const named = missing.slice(0, 20).map(({ key, uidl, sha256 }) => ({ key, uidl, sha256 }))
    log.warn(
      { messages: missing.length, named },
      `${missing.length} messages that were delivered are neither at the destination nor on the server any more`,
    )
  }

  async #confirm(entries: readonly LedgerEntry[]): Promise<void> {
    const goneAt = this.#context.clock.now()
    const changed = entries
      .filter(({ state }) => state !== 'gone')
      .map((entry): LedgerEntry => ({
        ...entry,
        ...{ state: 'gone', was: entry.state === 'gone' ? entry.was : entry.state },
        goneAt,
      }))
    this.#sayMissing(changed)
    await this.#context.commit(changed)
    for (const { key } of entries) {
      this.#state.inDoubt.gone(key)
      this.#state.tally.forget(key)
    }
  }
}

/** Hands entries on a few hundred at a time. */
class Chunks {
  readonly #write: (entries: readonly LedgerEntry[]) => Promise<void>
  #entries: LedgerEntry[] = []

  constructor(write: (entries: readonly LedgerEntry[]) => Promise<void>) {
    this.#write = write
  }

  async add(entry: LedgerEntry): Promise<void> {
    this.#entries.push(entry)
    if (this.#entries.length >= COMMIT_CHUNK) await this.end()
  }

  async end(): Promise<void> {
    const entries = this.#entries.splice(0)
    if (entries.length > 0) await this.#write(entries)
  }
}
