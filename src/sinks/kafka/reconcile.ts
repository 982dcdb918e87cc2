/**
 * At open: do ledger topic and data topic speak of the same mail? Where they do not, nothing goes on unless it was asked for:
 * the ledger made anew from the mail that is there, or what is missing accepted. All changes go through the owner's
 * transactions, and what ends them comes last, so that a recovery that breaks off is asked for again.
 */
import type { Clock } from '../../clock.ts'
import { type LedgerEntry, allEntries, saysDurable } from '../../ledger/ledger.ts'
import { lostLedger, missingEntries } from '../../ledger/lost.ts'
import { rebuiltEntry } from '../rebuilt-entry.ts'
import type { ScratchLedger } from '../../ledger/scratch-ledger.ts'
import { withoutLost } from '../../ledger/tally.ts'
import type { Logger } from '../../logger.ts'
import type { StoredRecord } from '../sink.ts'
import type { KafkaClient } from './client.ts'
import type { Committer, Group } from './committer.ts'
import type { LedgerOwner } from './ledger-owner.ts'
import { type Place, readPlace, writePlace } from './place.ts'
import { type Proof, assertProven, proveTopic } from './proof.ts'
import { type UnknownMail, findUnknownMail, locateMail } from './unknown-mail.ts'

export interface ReconcileOptions {
  readonly client: KafkaClient
  readonly topic: string
  /** Mailbox id. */
  readonly mailbox: string
  readonly index: ScratchLedger
  readonly owner: LedgerOwner
  readonly committer: Committer
  /** What the data topic holds of the mailbox. */
  readonly stored: () => AsyncIterable<StoredRecord>
  readonly rebuild: boolean
  readonly acceptMissing: boolean
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
}

/** Entries in one transaction. */
const CHUNK = 500
/** Records of others that are not read again at the next open. */
const MANY_RECORDS = 100

/**
 * @returns the first offset that is still there, by partition
 * @throws LedgerError MAILDRAIN_LEDGER_LOST, MAILDRAIN_LEDGER_OLDER
 */
export async function reconcile(options: ReconcileOptions): Promise<ReadonlyMap<number, bigint>> {
  const { owner } = options
  const proof = await proveTopic({ ...options, witnesses: owner.witnesses, ends: owner.ends })
  await new Reconciliation(options, proof).run()
  return new Map([...proof.offsets].map(([partition, { low }]) => [partition, low]))
}

class Reconciliation {
  readonly #options: ReconcileOptions
  readonly #proof: Proof
  /** Entries that the ledger has lost. */
  readonly #lostEntries: number
  /** Below these offsets what the ledger does not know was forgotten in order. */
  readonly #known: ReadonlyMap<number, bigint>

  constructor(options: ReconcileOptions, proof: Proof) {
    this.#options = options
    this.#proof = proof
    const { index, owner } = options
    this.#lostEntries = missingEntries(index.tally, index.size)
    const whole = this.#lostEntries === 0 && !owner.reading.damaged.has('@tally')
    const ends = [...owner.ends].filter(([partition]) => !proof.lost.has(partition))
    this.#known = new Map(whole ? ends : [])
  }

  async run(): Promise<void> {
    const { owner, rebuild, acceptMissing } = this.#options
    const begins = owner.reading.begunUnchecked && owner.reading.tally === undefined
    const find = () => (begins ? this.#believed() : this.#unknown())
    if (rebuild || acceptMissing) return this.#recover(await find())
    this.#assertWhole()
    const unknown = await find()
    this.#assertKnown(unknown)
    if (begins || unknown.read >= MANY_RECORDS) await this.#end(unknown)
  }

  /** From here on what lies in the topic is explained. */
  async #end({ ends }: UnknownMail): Promise<void> {
    this.#options.owner.ends = ends
    await this.#commit([])
  }

  #assertWhole(): void {
    const { topic, mailbox } = this.#options
    assertProven(this.#proof, topic)
    if (this.#lostEntries > 0)
      throw lostLedger(
        'MAILDRAIN_LEDGER_LOST',
        `${this.#lostEntries} of the entries of ${mailbox} are missing from the ledger of topic ${topic}`,
      )
  }

  /** A ledger of before there were tallies: what lies in the data topic now, it has known or forgotten in order. */
  #believed(): Promise<UnknownMail> {
    const ends = new Map(
      [...this.#proof.offsets].map(([partition, { stable }]) => [partition, stable]),
    )
    return Promise.resolve({ unknown: 0, first: undefined, read: 0, ends })
  }

  async #unknown(): Promise<UnknownMail> {
    const { index } = this.#options
    const { offsets } = this.#proof
    const found = await findUnknownMail({ ...this.#options, offsets, ends: this.#known }, (key) =>
      index.get(key),
    )
    if (found.read >= MANY_RECORDS)
      this.#say(
        `${found.read} records of the topic were looked through, once: they are explained now`,
      )
    return found
  }

  #assertKnown({ unknown, first }: UnknownMail): void {
    const { owner, index, topic, mailbox } = this.#options
    if (unknown === 0) return
    const what = `Topic ${topic} holds ${unknown} messages of ${mailbox} (the first at ${String(first)})`
    if (index.size === 0 && owner.reading.tally === undefined)
      throw lostLedger('MAILDRAIN_LEDGER_LOST', `${what}, and its ledger knows nothing of it`)
    throw lostLedger(
      'MAILDRAIN_LEDGER_OLDER',
      `${what} that its ledger does not know: the ledger is a copy of before they were written`,
    )
  }

  /** What is missing is missing; it is not to be missed again. */
  #beginAnew(): void {
    const { index, owner } = this.#options
    index.putTally(withoutLost(index.tally, index))
    owner.ends = this.#known
  }

  async #recover(unknown: UnknownMail): Promise<void> {
    const { index, rebuild, acceptMissing, topic } = this.#options
    if (unknown.unknown > 0 && !rebuild)
      this.#say(`${unknown.unknown} messages that the ledger does not know stay unknown to it`)
    this.#beginAnew()
    const moved = await this.#locate()
    if (rebuild) await this.#rebuild()
    const missing = [...moved].filter((key) => index.get(key)?.place === null)
    if (missing.length > 0 && !acceptMissing) assertProven(this.#proof, topic)
    await this.#commitAll(moved)
    await this.#repair()
    // Last: until here, whoever opens it finds again what is unknown.
    await this.#end(unknown)
    if (missing.length > 0) this.#sayMissing(missing)
    this.#say(`the ledger of topic ${topic} knows ${index.size} messages`)
  }

  /**
   * Where the mail of partitions is that are not what they were: in the index only, for now.
   * @returns keys of all entries that named a place in one of them
   */
  async #locate(): Promise<ReadonlySet<string>> {
    const { index } = this.#options
    const { lost, offsets } = this.#proof
    const moved = new Set<string>()
    if (lost.size === 0) return moved
    for (const entry of allEntries(index)) {
      const place = readPlace(entry.place)
      if (place === null || !lost.has(place.partition)) continue
      moved.add(entry.key)
      index.put([{ ...entry, place: null }])
    }
    await locateMail({ ...this.#options, offsets }, (key, sha256, place) => {
      const entry = moved.has(key) ? index.get(key) : undefined
      if (entry?.sha256 === sha256) index.put([{ ...entry, place: writePlace(place) }])
    })
    return moved
  }

  /** Adds what the ledger does not know, or does not know as delivered. */
  async #rebuild(): Promise<void> {
    const { stored, clock } = this.#options
    // Behind a known end lies what the tally has not counted yet; elsewhere, what was forgotten, or lost with its entry.
    const isBack = ({ place }: LedgerEntry) =>
      !this.#known.has((readPlace(place) ?? NOWHERE).partition)
    let chunk = new Map<string, LedgerEntry>()
    let [added, unreadable] = [0, 0]
    for await (const record of stored()) {
      const entry = rebuiltEntry(record, clock.now())
      if (entry === 'damaged') unreadable += 1
      if (typeof entry === 'string' || !this.#isNews(entry)) continue
      if (!chunk.has(entry.key)) added += 1
      chunk.set(entry.key, entry)
      if (chunk.size < CHUNK) continue
      await this.#commit([...chunk.values()], { isBack })
      chunk = new Map()
    }
    await this.#commit([...chunk.values()], { isBack })
    this.#say(`${added} entries of the ledger were made anew from the mail that is there`)
    if (unreadable > 0)
      this.#say(`${unreadable} records are not what their keys say, and were left out`)
  }

  #isNews(entry: LedgerEntry): boolean {
    const { index, owner } = this.#options
    const known = index.get(entry.key)
    if (known !== undefined && saysDurable(known)) return !index.holds(known)
    const place = readPlace(entry.place) ?? NOWHERE
    const forgotten = place.offset < (this.#known.get(place.partition) ?? 0n)
    return known !== undefined || !forgotten || owner.reading.damaged.has(entry.key)
  }

  async #commitAll(keys: Iterable<string>): Promise<void> {
    const { index } = this.#options
    let chunk: LedgerEntry[] = []
    for (const key of keys) {
      chunk.push(...[index.get(key)].flatMap((entry) => entry ?? []))
      if (chunk.length < CHUNK) continue
      await this.#commit(chunk)
      chunk = []
    }
    if (chunk.length > 0) await this.#commit(chunk)
  }

  /** What could not be read is written once more as it was known before, or forgotten. */
  async #repair(): Promise<void> {
    const { index, owner } = this.#options
    const damaged = [...owner.reading.damaged].filter((key) => !key.startsWith('@'))
    await this.#commitAll(damaged.filter((key) => index.get(key) !== undefined))
    await owner.forget(damaged.filter((key) => index.get(key) === undefined))
    if (owner.reading.damaged.has('@host')) await this.#commit([], { host: index.host ?? '{}' })
  }

  async #commit(
    entries: readonly LedgerEntry[],
    { host, isBack }: { readonly host?: string } & Pick<Group, 'isBack'> = {},
  ): Promise<void> {
    await this.#options.committer.commit({
      messages: entries.map((entry) => ({ message: { entry, records: [] }, data: [] })),
      ...{ superseded: [], bytes: 0 },
      ...(isBack === undefined ? {} : { isBack }),
      ...(host === undefined ? {} : { ends: { messages: [], tombstones: [], host } }),
    })
  }

  #sayMissing(keys: readonly string[]): void {
    this.#say(
      `${keys.length} messages that the ledger calls delivered are not in topic ${this.#options.topic} (${keys.slice(0, 5).join(', ')} …): what is still on the server is delivered again`,
    )
  }

  #say(text: string): void {
    const { log, topic, mailbox } = this.#options
    log.warn({ topic, mailbox }, text)
  }
}

const NOWHERE: Place = { partition: -1, offset: 0n }
