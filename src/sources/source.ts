/**
 * The contract of a source: a Readable of deliveries, the mailbox it reads, and the counts it can answer for.
 */
import type { Readable } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { Ledger, LedgerEntry } from '../ledger/ledger.ts'
import type { Logger } from '../logger.ts'
import type { RawMessage } from '../message.ts'
import type { MessageUnit, Verdict } from '../pipeline/delivery.ts'
import type { Progress } from '../pipeline/receipt.ts'

/** Bytes that may be in flight; credit for a whole message is taken before it is asked for. */
export interface ByteBudget {
  readonly capacity: number
  readonly free: number
  /** Takes `bytes` now, or answers false. More than the capacity is given only when nothing else is out. */
  tryTake(bytes: number): boolean
  /** Takes `bytes` even beyond the capacity: for a message that outgrows its announced size. */
  overdraw(bytes: number): void
  release(bytes: number): void
  /** Resolves when credit has come back since the call; rejects when the signal aborts. */
  wait(signal: AbortSignal): Promise<void>
}

/** How the source's own messages ended, counted once an identity. */
export type SourceCount =
  'seen' | 'delivered' | 'alreadyDelivered' | 'filtered' | 'deadLettered' | 'kept' | 'vanished'

export interface SourceContext {
  readonly ledger: Ledger
  readonly deletion: boolean
  /** Raw octets above which a message is not asked for: the least of the drain's limit and the sink's. */
  readonly maxMessageBytes: number
  /** Of the configuration that decides what is kept (src/ledger/ledger.ts). */
  readonly fingerprint: string
  readonly budget: ByteBudget
  /** Makes the unit of a message; the source pushes it as a delivery. */
  unit(message: RawMessage, onSettled: (verdict: Verdict) => void): MessageUnit
  /** Commits ledger entries that go with no record (kept, gone, copies), and forgets others. */
  commit(entries: readonly LedgerEntry[], tombstones?: readonly string[]): Promise<void>
  /** Commits what was observed of the mail server, for later runs (`Batch.host`). */
  remember(host: string): Promise<void>
  /** Commits that so many messages were removed by others before they had a ledger entry (`Batch.vanished`). */
  countVanished(messages: number): Promise<void>
  /**
   * Asks the destination whether this drain still owns the mailbox there: to be asked in each session before the first
   * DELE, for whoever was suspended does not know what happened meanwhile (G11). An outage is waited out, so the session
   * has to be kept alive.
   * @throws MaildrainError when it does not, or when the outage lasts; the drain ends then
   */
  confirmOwner(): Promise<void>
  /** Tells the batcher whether waiting longer can bring it more records: true = it cannot. */
  starved(value: boolean): void
  progress(update: Partial<Progress>): void
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
  /**
   * Aborted when no further mail is to be asked for. What is in flight becomes durable, the session deletes what is durable
   * and ends as it may (G2); then the stream fails with the signal's reason. Whoever only waits gives up at once.
   */
  readonly stopping: AbortSignal
  /** Aborted when nothing more is to be waited for: sessions are closed as they are. `stopping` is aborted then, too. */
  readonly signal: AbortSignal
}

/** What a source reports at its end; the pipeline makes the receipt of it. */
export interface SourceReport {
  readonly counts: Readonly<Record<SourceCount, number>>
  readonly copies: number
  readonly deleted: number
  readonly verifiedGone: number
  readonly undeletable: number
  readonly remaining: number
  /** Of `remaining`: numbers that were not asked for. */
  readonly unselected: number
  /** Of `remaining`: numbers that are delivered, and are deleted by a later run when their time has come. */
  readonly waiting: number
  readonly bytes: number
  readonly sessions: number
  /** Octets of replies that listed mail: what finding it has cost. */
  readonly listingBytes: number
  /** From connecting to knowing what is there, summed over sessions. */
  readonly openSeconds: number
  /** From the first deletion of a session to the answer that ends it, summed. */
  readonly quitSeconds: number
}

export interface Source {
  readonly name: string
  /** Mailbox id (src/identity.ts). */
  readonly mailbox: string
  /**
   * Called once, before anything is opened.
   * @throws ConfigError when the source's options do not go with deletion, or without it
   */
  checkDeletion?(deletion: boolean): void
  /**
   * Called once by a watch, before anything is opened.
   * @throws ConfigError when the source's options make sense for one reading only
   */
  checkWatch?(): void
  /**
   * Starts reading; called again when the stream is closed, for another look at the mailbox. The stream's end says only that
   * the source has nothing more to say, and it is closed when nothing of this reading goes on any more; `report` says what
   * the last one did.
   */
  open(context: SourceContext): Readable
  report(): SourceReport
}
