/**
 * At open: do ledger topic and data topic speak of the same mail? Where they do not, nothing goes on unless it was asked for:
 * the ledger made anew from the mail that is there, or what is missing accepted (recovery.ts).
 */
import { lostLedger, missingEntries } from '../../ledger/lost.ts'
import type { KafkaClient } from './client.ts'
import { type Proof, assertProven, proveTopic } from './proof.ts'
import { Recovery, type RecoveryOptions, commitEntries } from './recovery.ts'
import { type UnknownMail, explainedBelow, findUnknownMail } from './unknown-mail.ts'

export interface ReconcileOptions extends Omit<RecoveryOptions, 'proof' | 'known'> {
  readonly client: KafkaClient
  readonly signal: AbortSignal
}

/** Records of others that are not read again at the next open. */
const MANY_RECORDS = 100

/**
 * @returns the first offset that is still there, by partition
 * @throws LedgerError MAILDRAIN_LEDGER_LOST, MAILDRAIN_LEDGER_OLDER
 * @throws SinkError MAILDRAIN_SINK_FENCED
 */
export async function reconcile(options: ReconcileOptions): Promise<ReadonlyMap<number, bigint>> {
  const { owner } = options
  try {
    const proof = await proveTopic({ ...options, witnesses: owner.witnesses, ends: owner.ends })
    await new Reconciliation(options, withOpenRecovery(proof, owner.recovering ?? [])).run()
    return new Map([...proof.offsets].map(([partition, { low }]) => [partition, low]))
  } catch (error) {
    // Whoever takes over meanwhile delivers mail that our reading of the ledger does not know: nothing is wrong with it.
    await owner.assertNotReplaced()
    throw error
  }
}

/** Places that a recovery was finding are not believed until one has come to its end. */
const withOpenRecovery = (proof: Proof, partitions: readonly number[]): Proof => ({
  ...proof,
  lost: new Map([
    ...partitions.map((partition) => [partition, 'was being looked through'] as const),
    ...proof.lost,
  ]),
})

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
    if (rebuild || acceptMissing) return this.#recovery().run(await find())
    this.#assertWhole()
    const unknown = await find()
    this.#assertKnown(unknown)
    if (begins || unknown.read >= MANY_RECORDS) await this.#end(unknown)
  }

  #recovery(): Recovery {
    return new Recovery({ ...this.#options, proof: this.#proof, known: this.#known })
  }

  /** From here on what lies in the topic is explained. */
  async #end({ ends }: UnknownMail): Promise<void> {
    const { owner, committer } = this.#options
    owner.ends = ends
    await commitEntries(committer, [])
  }

  #assertWhole(): void {
    const { topic, mailbox, owner } = this.#options
    if (owner.recovering !== undefined)
      throw lostLedger(
        'MAILDRAIN_LEDGER_LOST',
        `The ledger of topic ${topic} was being made good for ${mailbox}, and that broke off`,
      )
    assertProven(this.#proof, topic)
    if (this.#lostEntries > 0)
      throw lostLedger(
        'MAILDRAIN_LEDGER_LOST',
        `${this.#lostEntries} of the entries of ${mailbox} are missing from the ledger of topic ${topic}`,
      )
  }

  /** A ledger of before there were tallies: what lies in the data topic now, it has known or forgotten in order. */
  #believed(): Promise<UnknownMail> {
    const ends = explainedBelow(this.#proof.offsets.values())
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

  #say(text: string): void {
    const { log, topic, mailbox } = this.#options
    log.warn({ topic, mailbox }, text)
  }
}
