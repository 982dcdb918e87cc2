/**
 * One transaction after the other, each with an outcome (G5). A transaction that did not end well kills its producer, and
 * when its commit had been asked for, nobody knows: then the ledger is read, and says (kafkajs sends EndTxn once and never
 * again). Nothing is ever sent twice on a guess.
 */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../../clock.ts'
import { MaildrainError, SinkError } from '../../errors.ts'
import { type LedgerEntry, type Tally, saysDurable } from '../../ledger/ledger.ts'
import type { ScratchLedger } from '../../ledger/scratch-ledger.ts'
import { TallyCount } from '../../ledger/tally.ts'
import type { Logger } from '../../logger.ts'
import type { ProducerRecord, Transaction } from './client.ts'
import { withDeadline } from '../../deadline.ts'
import { isEpochLost, isTooLarge, kafkaFailure } from './kafka-error.ts'
import type { LedgerOwner } from './ledger-owner.ts'
import type { LedgerRecords } from './ledger-topic.ts'
import { type Pace } from './pace.ts'
import { writePlace } from './place.ts'
import { endsAfter } from './proof.ts'
import type { Batch, BatchMessage } from '../sink.ts'
import { sendsOf } from './records.ts'

/** Of the transaction timeout: what is not committed by then is given up before the broker does. */
const WATCHDOG_SHARE = 0.75

/** A message ready to be written: its ledger entry and its records, the first of which is its place. */
export interface Prepared {
  readonly message: BatchMessage
  readonly data: readonly ProducerRecord[]
}

/** What one transaction makes durable, whole or not at all. */
export interface Group {
  readonly messages: readonly Prepared[]
  /** Keys to forget because these messages are written. */
  readonly superseded: readonly string[]
  /** The batch that it ends: with it goes what concerns no single message. */
  readonly ends?: Batch
  readonly bytes: number
  /** Of entries made anew: does the tally count the message already? */
  readonly isBack?: (entry: LedgerEntry) => boolean
}

export interface CommitterOptions {
  readonly owner: LedgerOwner
  readonly index: ScratchLedger
  readonly records: LedgerRecords
  readonly topic: string
  readonly ledgerTopic: string
  readonly pace: Pace
  readonly transactionTimeoutMs: number
  /** `max.message.bytes` of the data topic, now. */
  readonly maxBatchBytes: () => number
  /** Called when a transaction was refused as too large: somebody has lowered the limit. */
  readonly onTooLarge: () => Promise<void>
  /** Called when the mailbox was taken over once more: throws when the topic has not what was written. */
  readonly assertTopicHolds: () => Promise<void>
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
}

interface Changes {
  /** With their places. */
  readonly entries: readonly LedgerEntry[]
  readonly tombstones: readonly string[]
  readonly tally: Tally
  /** See `LedgerOwner.ends`. */
  readonly ends: ReadonlyMap<number, bigint>
}

interface Attempt {
  /** Its name in the ledger. */
  readonly name: string
  readonly group: Group
  /** What it makes of the ledger; null until the data has been sent. */
  changes: Changes | null
  /** The commit has been asked for. */
  asked: boolean
  /** Offset behind its last record in the ledger, by the produce replies. */
  ledgerEnd: bigint
}

/** A ledger topic takes batches of its own limit; entries are some 500 octets. */
const LEDGER_SEND_BYTES = 512 * 1024

export class Committer {
  readonly #options: CommitterOptions
  /** A transaction whose outcome is not known. */
  #doubtful: Attempt | undefined
  readonly #finished = new WeakSet<Batch>()

  constructor(options: CommitterOptions) {
    this.#options = options
  }

  /**
   * Makes the group durable.
   * @throws SinkError retryable when it is not: the group may be given again
   * @throws SinkError MAILDRAIN_SINK_UNKNOWN_OUTCOME, retryable: call `settle` before anything else
   */
  async commit(group: Group): Promise<void> {
    const { clock, pace, owner } = this.#options
    const attempt: Attempt = {
      name: randomUUID(),
      group,
      changes: null,
      asked: false,
      ledgerEnd: 0n,
    }
    const started = clock.monotonic()
    try {
      await this.#watched(attempt)
    } catch (error) {
      owner.drop()
      this.#doubtful = attempt
      this.#options.log.warn(
        { bytes: group.bytes, asked: attempt.asked, error: kafkaFailure(error, 'commit').message },
        'a transaction did not end well; the ledger is read',
      )
      if (isEpochLost(error) || error instanceof LateError) pace.late(group.bytes)
      if (isTooLarge(error)) await this.#options.onTooLarge()
      if (await this.settle()) return
      throw kafkaFailure(error, `commit a batch to topic ${this.#options.topic}`)
    }
    owner.committed(attempt.ledgerEnd, attempt.changes?.entries ?? [])
    pace.committed(group.bytes, clock.monotonic() - started)
    this.#apply(attempt)
  }

  /**
   * Finds out what became of the last transaction, if that is not known, and owns the ledger again.
   * @returns true when that transaction is committed
   * @throws SinkError MAILDRAIN_SINK_FENCED when another drainer has taken over
   */
  async settle(): Promise<boolean> {
    const { owner, assertTopicHolds, signal } = this.#options
    const attempt = this.#doubtful
    if (attempt === undefined && owner.producer !== undefined) return false
    try {
      await owner.assertNotReplaced()
      await owner.takeOver()
      await assertTopicHolds()
    } catch (error) {
      signal.throwIfAborted()
      const passing = error instanceof MaildrainError && error.retryable
      throw attempt?.asked === true && passing ? unknownOutcome(error) : error
    }
    this.#doubtful = undefined
    if (attempt === undefined || !this.#isInLedger(attempt)) return false
    this.#apply(attempt)
    return true
  }

  /** Was the last group of this batch committed? Then it is durable as a whole, as far as it could be written. */
  isFinished(batch: Batch): boolean {
    return this.#finished.has(batch)
  }

  /**
   * Is there nothing left to write? A batch that failed in part is given again as a whole, and what it holds may have been
   * delivered by another owner while we had lost the mailbox. A record whose key the ledger holds is never written again.
   */
  isDurable(message: BatchMessage): boolean {
    const { entry, records } = message
    const { index } = this.#options
    const found = index.get(entry.key)
    if (found === undefined || !saysDurable(found) || !index.holds(found)) return false
    // What changes the entry alone (gone, listed again, a further copy) is still to be written.
    return records.length > 0 || !saysDurable(entry)
  }

  async #watched(attempt: Attempt): Promise<void> {
    const { clock, transactionTimeoutMs } = this.#options
    const ms = transactionTimeoutMs * WATCHDOG_SHARE
    const late = () =>
      new LateError(
        'MAILDRAIN_SINK_UNREACHABLE',
        `Kafka did not take a batch of ${attempt.group.bytes} octets within ${ms / 1000} s`,
      )
    // Not ended by the signal of a stop: what has begun comes to its outcome, so that nothing is left in doubt.
    await withDeadline({ clock, ms, late }, (ended) => this.#transact(attempt, ended))
  }

  async #transact(attempt: Attempt, ended: AbortSignal): Promise<void> {
    const { owner, ledgerTopic, records } = this.#options
    const { messages, ends } = attempt.group
    const transaction = await owner.producer?.begin()
    if (transaction === undefined)
      throw new MaildrainError('MAILDRAIN_INTERNAL', 'a batch was written without a producer')
    const places = await this.#sendData(transaction, messages, ended)
    const entries = messages.map(({ message: { entry }, data }) => {
      const place = data[0] && places.get(data[0])
      return place === undefined ? entry : { ...entry, place }
    })
    const changes = this.#changes(attempt.group, entries, places.values())
    const ledger = [
      ...entries.map((entry) => records.entry(entry)),
      ...changes.tombstones.map((key) => records.tombstone(key)),
      ...(ends?.host === undefined ? [] : [records.host(ends.host)]),
      records.tally({
        ...{ ...changes.tally, commit: attempt.name, ends: namedEnds(changes.ends) },
        recovering: owner.recovering,
      }),
    ]
    for (const send of sendsOf(ledger, LEDGER_SEND_BYTES)) {
      ended.throwIfAborted()
      for (const offset of (await transaction.send(ledgerTopic, send)).values())
        if (offset >= 0n) attempt.ledgerEnd = offset + BigInt(send.length)
    }
    // Whoever was late must not commit behind the back of the one who reads the ledger now.
    ended.throwIfAborted()
    attempt.changes = changes
    attempt.asked = true
    await transaction.commit()
  }

  #changes(
    { messages, superseded, ends, isBack = () => false }: Group,
    entries: readonly LedgerEntry[],
    places: Iterable<string>,
  ): Changes {
    const { index, owner, topic } = this.#options
    const count = new TallyCount(index.tally, index)
    for (const [at, entry] of entries.entries())
      count.put({
        ...{ entry, records: messages[at]?.message.records ?? [] },
        isBack: () => isBack(entry),
      })
    const tombstones = superseded.filter((key) => count.forget(key, true))
    for (const key of ends?.tombstones ?? []) if (count.forget(key, false)) tombstones.push(key)
    count.vanish(ends?.vanished ?? 0)
    return { entries, tombstones, tally: count.tally, ends: endsAfter(topic, owner.ends, places) }
  }

  async #sendData(
    transaction: Transaction,
    messages: readonly Prepared[],
    ended: AbortSignal,
  ): Promise<ReadonlyMap<ProducerRecord, string>> {
    const { topic, maxBatchBytes } = this.#options
    const places = new Map<ProducerRecord, string>()
    const records = messages.flatMap(({ data }) => data)
    for (const send of sendsOf(records, maxBatchBytes())) {
      ended.throwIfAborted()
      const next = new Map(await transaction.send(topic, send))
      for (const record of send) {
        const { partition } = record
        const offset = next.get(partition) ?? -1n
        if (offset < 0n)
          throw new SinkError(
            'MAILDRAIN_SINK_REFUSED',
            `Kafka did not say where it put the records of partition ${partition} of topic ${topic}`,
          )
        places.set(record, writePlace({ partition, offset }))
        next.set(partition, offset + 1n)
      }
    }
    return places
  }

  /** Its commit was asked for, and its name is the last in the ledger: what is in a transaction stands together or not at all. */
  #isInLedger({ asked, changes, name }: Attempt): boolean {
    if (!asked || changes === null) return false
    return this.#options.owner.lastCommit === name
  }

  /** The index is only a copy; when it cannot follow, the run is over, and the next one reads the ledger. */
  #apply({ changes, group: { ends } }: Attempt): void {
    const { index } = this.#options
    try {
      index.put(changes?.entries ?? [])
      index.remove(changes?.tombstones ?? [])
      if (changes !== null) {
        index.putTally(changes.tally)
        this.#options.owner.ends = changes.ends
      }
      if (ends?.host !== undefined) index.putHost(ends.host)
      if (ends !== undefined) this.#finished.add(ends)
    } catch (error) {
      throw new SinkError(
        'MAILDRAIN_SINK_IO_FAILED',
        `the index of the ledger cannot be written: ${error instanceof Error ? error.message : String(error)}; make space in the state directory and run again`,
        { cause: error },
      )
    }
  }
}

const namedEnds = (ends: ReadonlyMap<number, bigint>): Record<string, string> =>
  Object.fromEntries([...ends].map(([partition, offset]) => [partition, String(offset)]))

class LateError extends SinkError {}

const unknownOutcome = (error: unknown): SinkError =>
  new SinkError(
    'MAILDRAIN_SINK_UNKNOWN_OUTCOME',
    `whether the last batch is in Kafka is not known yet: ${error instanceof Error ? error.message : String(error)}`,
    { cause: error },
  )
