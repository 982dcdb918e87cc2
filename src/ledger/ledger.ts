/**
 * What maildrain knows of the messages of one mailbox at one destination. The sink that holds the data keeps the
 * ledger and commits both together; this contract is the view that source and pipeline have of it.
 */

import type { KeySet } from './key-set.ts'

/** Durable, set aside durably, or deliberately left on the server; then absent from a complete look. */
export type LedgerState = 'delivered' | 'deadLettered' | 'kept' | 'gone'

/**
 * Why a message is left on the server. `filtered`, `rejected` and `oversize` hold until the fingerprint of what
 * decided changes; `suspect`, `unreadable` and `undeletable` are tried again once in each run.
 */
export type KeptReason =
  'filtered' | 'rejected' | 'oversize' | 'suspect' | 'unreadable' | 'undeletable'

/** One entry, the same shape in every ledger. */
export interface LedgerEntry {
  /** K, or `u/…` where the whole bytes were never had (src/identity.ts). */
  readonly key: string
  /** One character a byte (latin1); null where the server has none. */
  readonly uidl: string | null
  readonly listedOctets: number
  /** Octets that came; null where the whole bytes were never had. */
  readonly octets: number | null
  /** Lower-case hex; null where the whole bytes were never had. */
  readonly sha256: string | null
  readonly headerSha256: string | null
  readonly state: LedgerState
  /** The state before `gone`, to which a message listed again returns; null in every other state. */
  readonly was: Exclude<LedgerState, 'gone'> | null
  readonly reason: KeptReason | null
  /** Of the configuration that decided to keep; null where none did. */
  readonly fingerprint: string | null
  /** Failed attempts to read or to delete. */
  readonly attempts: number
  /** Further numbers with equal bytes under this UIDL: the entry answers for 1 + copies numbers. */
  readonly copies: number
  /** Where the destination put it, in the sink's own notation (Kafka: `partition:offset`); filled in by the sink. */
  readonly place: string | null
  /** Wall clock since when it has been delivered, set aside or kept, ms since 1970 UTC; going and coming back do not count. */
  readonly at: number
  /** Wall clock when a complete look first missed it, ms since 1970 UTC. */
  readonly goneAt: number | null
}

/** Entries that are not `gone`, in numbers. */
export interface Standing {
  /** Message-numbers that they answer for, copies included. */
  readonly numbers: number
  /** Entries that say the message is durable, `undeletable` among them. */
  readonly delivered: number
  readonly deadLettered: number
  readonly filtered: number
  /** Kept for any other reason. */
  readonly kept: number
  /** Of the filtered and kept: those that are to be tried again now. */
  readonly undecided: number
}

/** What a ledger has seen since it began, entries that it has forgotten included; it changes with the entries. */
export interface Tally {
  /** Messages that ever had an entry, each once. */
  readonly seen: number
  /**
   * Of these: keys of the messages that the destination was given, whether they still have an entry or not. Nothing that
   * befalls the ledger takes any of them away, so that mail without an entry can be proven to be there, or missed.
   */
  readonly delivered: KeySet
  /** Keys of further records of these messages. */
  readonly further: KeySet
  /**
   * Of `seen`: entries that were forgotten because they were gone, by what they had been; of the delivered also those that
   * were lost, when a run went on without them.
   */
  readonly pruned: {
    readonly delivered: number
    readonly deadLettered: number
    readonly kept: number
  }
  /** Messages that others removed before they had an entry; not among `seen`. */
  readonly vanished: number
  /**
   * Entries of mail that was not delivered which the ledger has lost, and without which a run went on (`rebuildLedger`,
   * `acceptMissing`); not among `seen` any more.
   */
  readonly accepted: number
}

/** Reads only: changes travel in batches (`Sink.write`), so that they commit with the data. */
export interface Ledger {
  /** All entries under this UIDL, in any state. */
  byUidl(uidl: string): readonly LedgerEntry[]
  get(key: string): LedgerEntry | undefined
  /**
   * False when the entry says `delivered` and the destination can tell that it no longer holds the record (expired,
   * removed): such a message is not known, and is delivered again before it may be deleted.
   */
  holds(entry: LedgerEntry): boolean
  /** Every entry that is not `gone`. Read once a run, to find out which are gone. */
  present(): Iterable<LedgerEntry>
  /** Keys of entries gone since before `time` (ms since 1970 UTC): candidates for tombstones. */
  goneBefore(time: number): Iterable<string>
  /** How many entries, whatever their state. */
  readonly size: number
  /**
   * What stands of earlier runs, counted without going through the entries one by one; absent where that cannot be had
   * cheaply: then a mailbox that keeps its mail is listed in full each time.
   * @param fingerprint of the configuration that decides now
   * @param before wall clock, ms since 1970 UTC: what was kept since is not tried again
   * @param now what was kept later was kept when the clock was wrong, and is tried again
   */
  standing?(fingerprint: string, before: number, now: number): Standing
  /** Absent where nobody counts. */
  readonly tally?: Tally
  /** What earlier runs observed of the mail server, as `Batch.host` gave it; null or absent where nothing is kept. */
  readonly host?: string | null
}

/**
 * Does the entry say that the whole message is durable at the destination? Also of mail that is gone, and of mail that the
 * server would not delete (`undeletable`): such mail is never written again while the destination holds it.
 */
export function saysDurable(entry: LedgerEntry): boolean {
  const state = entry.state === 'gone' ? entry.was : entry.state
  return state === 'delivered' || state === 'deadLettered' || entry.reason === 'undeletable'
}

/** Was the destination given it? Mail that the server would not delete is kept there; it has a place if it was delivered. */
export function isDelivered({ state, was, reason, place }: LedgerEntry): boolean {
  const standing = state === 'gone' ? was : state
  return standing === 'delivered' || (reason === 'undeletable' && place !== null)
}

/** In any state; they may be written to meanwhile. */
export function* allEntries(
  ledger: Pick<Ledger, 'present' | 'goneBefore' | 'get'>,
): Iterable<LedgerEntry> {
  yield* ledger.present()
  for (const key of ledger.goneBefore(Number.MAX_SAFE_INTEGER)) {
    const entry = ledger.get(key)
    if (entry !== undefined) yield entry
  }
}

/** Of a ledger that does not count: something is always undecided. */
const UNCOUNTED: Standing = {
  ...{ numbers: 0, delivered: 0, deadLettered: 0, filtered: 0, kept: 0, undecided: 1 },
}

/** A ledger that is not open yet, for those who are made before it is and ask it after. */
export function lateLedger(opened: () => Ledger): Ledger {
  return {
    byUidl: (uidl) => opened().byUidl(uidl),
    get: (key) => opened().get(key),
    holds: (entry) => opened().holds(entry),
    present: () => opened().present(),
    goneBefore: (time) => opened().goneBefore(time),
    standing: (...asked) => opened().standing?.(...asked) ?? UNCOUNTED,
    get size() {
      return opened().size
    },
    get host() {
      return opened().host ?? null
    },
  }
}
