/**
 * The contract of a destination. A custom sink is one file that implements `Sink`.
 */
import type { Clock } from '../clock.ts'
import type { Ledger, LedgerEntry } from '../ledger/ledger.ts'
import type { Logger } from '../logger.ts'
import type { MailRecord } from '../message.ts'

/**
 * What a resolved `write` has survived: replication (Kafka acks=all), a database commit, fsync of file and
 * directory. `none` cannot be combined with deletion.
 */
export type Durability = 'replicated' | 'committed' | 'fsynced' | 'none'

/** What a consumer of the destination sees after a crash. */
export type Guarantee = 'exactly-once' | 'idempotent' | 'at-least-once'

export interface SinkContext {
  /** Mailbox id (src/identity.ts). */
  readonly mailbox: string
  /** Will messages be deleted from the server once durable? */
  readonly deletion: boolean
  /** Raw octets above which a message is not asked for. */
  readonly maxMessageBytes: number
  /** The ledger is to be made anew from the mail that is there, if it was lost, damaged, or is an older copy. */
  readonly rebuildLedger?: boolean
  /** What the ledger knows and the destination does not hold, or the other way round, is to be taken as it is. */
  readonly acceptMissing?: boolean
  /** Local directory for locks and scratch files; exists, mode 0700. */
  readonly stateDir: string
  readonly log: Logger
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** What a look at a destination needs of its surroundings. */
export type PeekContext = Pick<SinkContext, 'mailbox' | 'stateDir' | 'log' | 'clock' | 'signal'>

/** A ledger that somebody else may own, as it was a moment ago. */
export interface LedgerView {
  readonly ledger: Ledger
  close(): void
}

/**
 * A record as a destination holds it. Nothing of it is verified: whoever believes in the bytes compares them with the hash
 * and the key first.
 */
export interface StoredRecord {
  /** K for a message's first record, `K.1`, `K.2` … for further ones, as the destination has it. */
  readonly key: string
  /** Mailbox id. */
  readonly mailbox: string
  /** One character a byte (latin1); null where the server has none. */
  readonly uidl: string | null
  /** As the record says, lower-case hex. */
  readonly sha256: string
  /** Empty where the record cannot be read. */
  readonly raw: Buffer
  /** Where it is, as `LedgerEntry.place` says it. */
  readonly position: string
  /** What is wrong with the record itself (it cannot be decoded, it contradicts itself); null where nothing is. */
  readonly damage: string | null
}

export interface SinkRecord {
  /** K for a message's first record, `K.1`, `K.2` … for further ones: stable over redelivery. */
  readonly key: string
  readonly value: MailRecord
}

/** A message as one unit: its records and its one ledger entry are durable together or not at all. */
export interface BatchMessage {
  /** The entry as it shall stand after the commit; the sink fills in `place`. */
  readonly entry: LedgerEntry
  /** Empty when only the ledger changes (kept, gone, listed again, a further copy). */
  readonly records: readonly SinkRecord[]
}

export interface Batch {
  readonly messages: readonly BatchMessage[]
  /** Ledger keys to forget in the same commit. */
  readonly tombstones: readonly string[]
  /** What was observed of the mail server, JSON of some hundred octets: takes the place of `Ledger.host`. May be ignored. */
  readonly host?: string
  /** Messages that others removed before there was an entry: added to `Tally.vanished` in the same commit. */
  readonly vanished?: number
}

export interface WriteOptions {
  readonly signal: AbortSignal
}

/**
 * - `open` may be called once; it takes the fence, so that no other drainer of this mailbox and destination can commit
 *   any more, and reads the ledger. It proves that the destination is the one the ledger speaks of.
 * - `write` resolves when every record and entry of the batch is durable. It rejects with `BatchError` when exactly
 *   the listed messages are not, or with another `MaildrainError` when none is claimed. An outcome that is not known
 *   (a lost commit reply) the sink settles by reading before it answers. Not called again before it has settled.
 * - A retryable error is an outage: the same batch is written again later. All other errors end the drain.
 * - `confirmOwner` rejects when another drainer has taken the mailbox over, with the error that `write` would reject with;
 *   asked before anything is deleted from the server, so it must not push the other one aside. A retryable error is an
 *   outage. Never called while a `write` is in flight.
 * - `peek` looks at the ledger of a sink that is not open and is not going to be: it takes no fence, waits for nobody, makes
 *   and changes nothing. Null where there is no ledger yet.
 * - `readBack` reads every committed record of the mailbox from a sink that is not open and is not going to be, in the order
 *   in which they lie there, a record that is there twice twice: no fence, nothing changed, memory bounded by some records.
 *   A record that cannot be decoded is given with its `damage`; nothing is given where there is no destination yet. Rejects
 *   when the destination cannot be read to its end.
 * - `close` releases everything, flushes nothing that was not acknowledged, and may be called in any state.
 */
export interface Sink {
  readonly name: string
  /** The destination as the receipt shows it; never holds a secret. */
  readonly destination: string
  readonly durability: Durability
  readonly guarantee: Guarantee
  readonly maxInFlight: number
  /** For the receipt, once open: durability with what limits it, e.g. `replicated (1 replica)`. */
  readonly durabilityNote?: string
  /** Once open: raw octets above which a record cannot be written, asked of the destination. */
  readonly maxRecordBytes?: number
  /** Once open, of a sink that keeps the ledger itself. */
  readonly ledger?: Ledger
  open(context: SinkContext): Promise<void>
  write(batch: Batch, options: WriteOptions): Promise<void>
  confirmOwner?(): Promise<void>
  close(): Promise<void>
  healthcheck?(): Promise<void>
  peek?(context: PeekContext): Promise<LedgerView | null>
  readBack?(context: PeekContext): AsyncIterable<StoredRecord>
}
