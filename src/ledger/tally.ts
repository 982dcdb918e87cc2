/**
 * Counts what a ledger has seen, by the changes of one transaction after the other: from the entries that are there, not
 * from what a caller believes to have sent, so that a batch that is written again counts nothing.
 */
import { unfetchedKey } from '../identity.ts'
import { type LedgerEntry, type Tally, saysDurable } from './ledger.ts'

/** Of a ledger that does not count, or has only begun to: what it holds is all that it knows of. */
export const tallyOf = (entries: number): Tally => ({
  ...{ seen: entries, vanished: 0 },
  pruned: { delivered: 0, deadLettered: 0, kept: 0 },
})

/** Entries that were forgotten because their messages were gone. */
export const prunedEntries = ({ pruned }: Tally): number =>
  pruned.delivered + pruned.deadLettered + pruned.kept

const isUnfetched = (key: string): boolean => key.startsWith('u/')

/** Keys of entries of messages whose whole bytes were never had. */
export const unfetchedAmong = (keys: readonly string[]): ReadonlySet<string> =>
  new Set(keys.filter(isUnfetched))

/** The key among them in whose place this entry of a whole message stands. */
export function supersededBy(entry: LedgerEntry, unfetched: ReadonlySet<string>): string[] {
  const { key, uidl, listedOctets } = entry
  if (unfetched.size === 0 || uidl === null || isUnfetched(key)) return []
  const superseded = unfetchedKey(uidl, listedOctets)
  return unfetched.has(superseded) ? [superseded] : []
}

export interface KeyedLedger {
  has(key: string): boolean
  get(key: string): LedgerEntry | undefined
}

/** One transaction. Is told of each change before it is made. */
export class TallyCount {
  readonly #ledger: KeyedLedger
  readonly #added = new Set<string>()
  readonly #forgotten = new Set<string>()
  #tally: Tally

  /** @param ledger as it is before the transaction, or in the middle of it */
  constructor(before: Tally, ledger: KeyedLedger) {
    this.#tally = before
    this.#ledger = ledger
  }

  get tally(): Tally {
    return this.#tally
  }

  /** @param isBack does the destination hold the message, although the entry is not there: was it pruned? */
  put(key: string, isBack: () => boolean = () => false): void {
    if (this.#added.has(key) || this.#ledger.has(key)) return
    this.#added.add(key)
    const { seen, pruned } = this.#tally
    if (pruned.delivered > 0 && isBack())
      this.#tally = { ...this.#tally, pruned: { ...pruned, delivered: pruned.delivered - 1 } }
    else this.#tally = { ...this.#tally, seen: seen + 1 }
  }

  /**
   * @param superseded does another entry of this transaction stand for the same message?
   * @returns is the entry to be removed? Not while what would take its place is not written.
   */
  forget(key: string, superseded: boolean): boolean {
    const entry = this.#ledger.get(key)
    if (entry === undefined || this.#forgotten.has(key)) return false
    const { seen, pruned } = this.#tally
    if (superseded) this.#tally = { ...this.#tally, seen: seen - 1 }
    else if (isUnfetched(key) && entry.state !== 'gone') return false
    else {
      const what = whatItWas(entry)
      this.#tally = { ...this.#tally, pruned: { ...pruned, [what]: pruned[what] + 1 } }
    }
    this.#forgotten.add(key)
    return true
  }

  /** Messages that were removed by others before there was an entry. */
  vanish(messages: number): void {
    this.#tally = { ...this.#tally, vanished: this.#tally.vanished + messages }
  }
}

function whatItWas(entry: LedgerEntry): keyof Tally['pruned'] {
  if (entry.state === 'deadLettered' || entry.was === 'deadLettered') return 'deadLettered'
  return saysDurable(entry) ? 'delivered' : 'kept'
}
