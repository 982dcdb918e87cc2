/**
 * Counts what a ledger has seen, by the changes of one transaction after the other: from the entries that are there, not
 * from what a caller believes to have sent, so that a batch that is written again counts nothing.
 */
import { unfetchedKey } from '../identity.ts'
import { KeyCounter, type KeySet, NO_KEYS } from './key-set.ts'
import { type Ledger, type LedgerEntry, type Tally, allEntries, isDelivered } from './ledger.ts'

type Entries = Pick<Ledger, 'size' | 'present' | 'goneBefore' | 'get'>

export const NOTHING_SEEN: Tally = {
  ...{ seen: 0, delivered: NO_KEYS, further: NO_KEYS, vanished: 0, accepted: 0 },
  pruned: { delivered: 0, deadLettered: 0, kept: 0 },
}

/** Of a ledger that does not count, or has only begun to: what it holds is all that it knows of. Goes through all entries. */
export const tallyOf = (ledger: Entries): Tally => ({
  ...NOTHING_SEEN,
  ...{ seen: ledger.size, delivered: deliveredIn(ledger) },
})

function deliveredIn(ledger: Entries): KeySet {
  const keys = new KeyCounter()
  for (const entry of allEntries(ledger)) if (isDelivered(entry)) keys.add(entry.key)
  return keys.toJSON()
}

/**
 * Entries that are lost are not to be missed again. Of those that were delivered this forgets nothing: they count as
 * forgotten ones, whose records are looked for. The others are accepted as missing.
 */
export function withoutLost(tally: Tally, ledger: Entries): Tally {
  const delivered = Math.max(0, tally.delivered.count - deliveredIn(ledger).count)
  const pruned = { ...tally.pruned, delivered }
  const seen = prunedEntries({ pruned }) + ledger.size
  return { ...tally, seen, pruned, accepted: tally.accepted + Math.max(0, tally.seen - seen) }
}

/** Entries that were forgotten because their messages were gone. */
export const prunedEntries = ({ pruned }: Pick<Tally, 'pruned'>): number =>
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
  get(key: string): LedgerEntry | undefined
  /** Does its entry say delivered? Undefined where there is none. */
  isDelivered(key: string): boolean | undefined
}

/** What a transaction writes for one message. */
export interface Put {
  readonly entry: LedgerEntry
  /** Its records, the first under the key of the entry. */
  readonly records?: readonly { readonly key: string }[]
  /** Does the destination hold the message, although the entry is not there: was it forgotten? */
  readonly isBack?: () => boolean
}

/** One transaction. Is told of each change before it is made. */
export class TallyCount {
  readonly #ledger: KeyedLedger
  readonly #put = new Map<string, LedgerEntry>()
  readonly #forgotten = new Set<string>()
  readonly #delivered: KeyCounter
  readonly #further: KeyCounter
  #tally: Tally

  /** @param ledger as it is before the transaction, or in the middle of it */
  constructor(before: Tally, ledger: KeyedLedger) {
    this.#tally = before
    this.#delivered = new KeyCounter(before.delivered)
    this.#further = new KeyCounter(before.further)
    this.#ledger = ledger
  }

  get tally(): Tally {
    return {
      ...this.#tally,
      ...{ delivered: this.#delivered.toJSON(), further: this.#further.toJSON() },
    }
  }

  put(put: Put): void {
    const { key } = put.entry
    const written = this.#put.get(key)
    const before = written ? isDelivered(written) : this.#ledger.isDelivered(key)
    this.#put.set(key, put.entry)
    if (before === undefined) this.#putNew(put)
    else if (!before) this.#deliver(put)
    else if (!isDelivered(put.entry)) this.#delivered.take(key)
  }

  #putNew(put: Put): void {
    const { seen, pruned } = this.#tally
    const mayBeBack = pruned.delivered > 0 && isDelivered(put.entry)
    if (mayBeBack && put.isBack?.() === true) {
      this.#tally = { ...this.#tally, pruned: { ...pruned, delivered: pruned.delivered - 1 } }
      return
    }
    this.#tally = { ...this.#tally, seen: seen + 1 }
    this.#deliver(put)
  }

  #deliver({ entry, records = [] }: Put): void {
    if (!isDelivered(entry)) return
    this.#delivered.add(entry.key)
    for (const { key } of records) if (key !== entry.key) this.#further.add(key)
  }

  /**
   * @param superseded does another entry of this transaction stand for the same message?
   * @returns is the entry to be removed? Not while what would take its place is not written.
   */
  forget(key: string, superseded: boolean): boolean {
    const entry = this.#put.get(key) ?? this.#ledger.get(key)
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
  if (isDelivered(entry)) return 'delivered'
  const standing = entry.state === 'gone' ? entry.was : entry.state
  return standing === 'deadLettered' ? 'deadLettered' : 'kept'
}
