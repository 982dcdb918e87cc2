/**
 * A complete look at the mailbox (G7): every unique-id of a fresh session. What is absent from it is gone; absence from
 * anything less proves nothing.
 */
import type { LedgerEntry } from '../../ledger/ledger.ts'
import type { Pop3Client } from '../../pop3/index.ts'
import type { SourceContext } from '../source.ts'
import type { Doubt } from './in-doubt.ts'
import type { RunState } from './run-state.ts'
import { type ResetVerdict, UidlReset } from './uidl-reset.ts'

const COMMIT_CHUNK = 500

export class Look {
  readonly #context: SourceContext
  readonly #state: RunState
  /** UIDLs of deletions in doubt, not yet met in this look. */
  readonly #doubtful = new Set<string>()
  /** UIDLs that the ledger holds from before this run, not yet met; only in the run's first look. */
  readonly #before: Set<string> | undefined
  readonly #reset: UidlReset | undefined

  /** @param first is it the first complete look of this run? Only then earlier runs' messages are looked for. */
  constructor(context: SourceContext, state: RunState, first: boolean) {
    this.#context = context
    this.#state = state
    for (const doubt of state.inDoubt.all()) if (doubt.uidl !== null) this.#doubtful.add(doubt.uidl)
    if (!first) return
    this.#before = new Set()
    for (const entry of context.ledger.present())
      if (entry.uidl !== null) this.#before.add(entry.uidl)
    this.#reset = new UidlReset(this.#before.size)
  }

  see(uidl: string, message: { readonly n: number; readonly octets: number }): void {
    this.#doubtful.delete(uidl)
    const known = this.#before?.delete(uidl) === true
    this.#reset?.see(message, known)
  }

  /** Of a complete listing, before `settle`: are all unique-ids new, and the messages the old ones? */
  async isReset(client: Pop3Client): Promise<ResetVerdict> {
    const before = this.#before
    if (before === undefined || this.#reset === undefined) return 'no'
    return this.#reset.happened(client, before.size, this.#entries(before))
  }

  /** The listing was complete: writes down what is gone, and answers with the deletions that had no effect yet. */
  async settle(): Promise<readonly Doubt[]> {
    const still: Doubt[] = []
    const gone: string[] = []
    for (const doubt of this.#state.inDoubt.all()) {
      if (doubt.uidl === null) continue
      if (this.#doubtful.has(doubt.uidl)) gone.push(doubt.key)
      else still.push(doubt)
    }
    await this.confirm(gone)
    if (this.#before !== undefined) await this.#missing(this.#before)
    return still
  }

  /** These deletions are confirmed. */
  async confirm(keys: readonly string[]): Promise<void> {
    const { ledger } = this.#context
    const entries = keys.flatMap((key) => ledger.get(key) ?? [])
    await this.#write(entries)
    for (const key of keys) {
      this.#state.inDoubt.gone(key)
      this.#state.tally.forget(key)
    }
  }

  /** Nothing is left on the server: everything that the ledger holds is gone. */
  async allGone(): Promise<void> {
    await this.confirm(this.#state.inDoubt.all().map((doubt) => doubt.key))
    let chunk: LedgerEntry[] = []
    for (const entry of [...this.#context.ledger.present()]) {
      chunk.push(entry)
      if (chunk.length < COMMIT_CHUNK) continue
      await this.#write(chunk)
      chunk = []
    }
    await this.#write(chunk)
  }

  *#entries(uidls: ReadonlySet<string>): Iterable<LedgerEntry> {
    for (const uidl of uidls) yield* this.#context.ledger.byUidl(uidl)
  }

  async #missing(uidls: ReadonlySet<string>): Promise<void> {
    let chunk: LedgerEntry[] = []
    for (const uidl of uidls) {
      chunk.push(...this.#context.ledger.byUidl(uidl))
      if (chunk.length < COMMIT_CHUNK) continue
      await this.#write(chunk)
      chunk = []
    }
    await this.#write(chunk)
  }

  async #write(entries: readonly LedgerEntry[]): Promise<void> {
    const goneAt = this.#context.clock.now()
    const changed: LedgerEntry[] = []
    for (const entry of entries)
      if (entry.state !== 'gone')
        changed.push({ ...entry, state: 'gone', was: entry.state, goneAt, at: goneAt })
    for (let i = 0; i < changed.length; i += COMMIT_CHUNK)
      await this.#context.commit(changed.slice(i, i + COMMIT_CHUNK))
  }
}
