/**
 * A ledger that is made good, because it was asked for: made anew from the mail that is there, or without what is missing. All
 * changes go through the owner's transactions. The first says that a recovery is under way and the last that it is over, so
 * that one that breaks off is asked for again, and nothing is deleted on the word of half a ledger.
 */
import type { Clock } from '../../clock.ts'
import { type LedgerEntry, allEntries, saysDurable } from '../../ledger/ledger.ts'
import type { ScratchLedger } from '../../ledger/scratch-ledger.ts'
import { withoutLost } from '../../ledger/tally.ts'
import type { Logger } from '../../logger.ts'
import { rebuiltEntry } from '../rebuilt-entry.ts'
import type { StoredRecord } from '../sink.ts'
import type { Committer, Group } from './committer.ts'
import type { LedgerOwner } from './ledger-owner.ts'
import { type Place, readPlace } from './place.ts'
import { type Proof, assertProven } from './proof.ts'
import type { UnknownMail } from './unknown-mail.ts'

export interface RecoveryOptions {
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
  readonly proof: Proof
  /** Below these offsets what the ledger does not know was forgotten in order. */
  readonly known: ReadonlyMap<number, bigint>
  readonly clock: Clock
  readonly log: Logger
}

/** Entries in one transaction. */
const CHUNK = 500
/** As many as a complete look names of what it misses (src/sources/pop3/look.ts). */
const NAMED = 20

type More = { readonly host?: string } & Pick<Group, 'isBack'>

/** In a transaction of its own: entries, no records. */
export async function commitEntries(
  committer: Committer,
  entries: readonly LedgerEntry[],
  { host, isBack }: More = {},
): Promise<void> {
  await committer.commit({
    messages: entries.map((entry) => ({ message: { entry, records: [] }, data: [] })),
    ...{ superseded: [], bytes: 0 },
    ...(isBack === undefined ? {} : { isBack }),
    ...(host === undefined ? {} : { ends: { messages: [], tombstones: [], host } }),
  })
}

export class Recovery {
  readonly #options: RecoveryOptions
  /** Keys of entries whose places are not believed: null in the index until a sound record is found. */
  readonly #doubted = new Set<string>()

  constructor(options: RecoveryOptions) {
    this.#options = options
  }

  async run({ unknown, ends }: UnknownMail): Promise<void> {
    const { index, owner, rebuild, acceptMissing, topic, proof } = this.#options
    if (unknown > 0 && !rebuild)
      this.#say(`${unknown} messages that the ledger does not know stay unknown to it`)
    await this.#begin()
    for (const entry of allEntries(index))
      if (proof.lost.has(readPlace(entry.place)?.partition ?? -1)) this.#doubt(entry)
    if (rebuild || proof.lost.size > 0) await this.#read()
    const missing = [...this.#doubted].filter((key) => index.get(key)?.place === null)
    if (missing.length > 0 && !acceptMissing) assertProven(proof, topic)
    this.#sayMissing(missing)
    await this.#commitAll(this.#doubted)
    await this.#repair()
    owner.recovering = undefined
    owner.ends = ends
    await this.#commit([])
    this.#say(`the ledger of topic ${topic} knows ${index.size} messages`)
  }

  /** What is missing is missing; it is not to be missed again, once this has come to its end. */
  async #begin(): Promise<void> {
    const { index, owner, known, proof } = this.#options
    index.putTally(withoutLost(index.tally, index))
    owner.ends = known
    owner.recovering = [...proof.lost.keys()]
    await this.#commit([])
  }

  #doubt(entry: LedgerEntry): void {
    this.#doubted.add(entry.key)
    this.#options.index.put([{ ...entry, place: null }])
  }

  /** Looks all mail through. Only what the bytes bear out is believed, whatever the headers say. */
  async #read(): Promise<void> {
    const { index, stored, rebuild, clock, known: ends } = this.#options
    // Behind a known end lies what the tally has not counted yet; elsewhere, what was forgotten, or lost with its entry.
    const isBack = ({ place }: LedgerEntry) => !ends.has((readPlace(place) ?? NOWHERE).partition)
    let chunk = new Map<string, LedgerEntry>()
    let [added, unreadable] = [0, 0]
    for await (const record of stored()) {
      const entry = rebuiltEntry(record, clock.now())
      if (entry === 'damaged') {
        unreadable += 1
        this.#disown(record)
      } else if (entry !== 'further') {
        const known = index.get(entry.key)
        if (known !== undefined && this.#doubted.has(entry.key))
          index.put([{ ...known, place: entry.place }])
        else if (rebuild && this.#isNews(entry)) {
          if (!chunk.has(entry.key)) added += 1
          chunk.set(entry.key, entry)
        }
      }
      if (chunk.size < CHUNK) continue
      await this.#commit([...chunk.values()], { isBack })
      chunk = new Map()
    }
    await this.#commit([...chunk.values()], { isBack })
    this.#sayRead(added, unreadable)
  }

  /** An entry that leads to a record which is not what it says. */
  #disown({ key, position }: StoredRecord): void {
    const known = this.#options.index.get(key)
    if (known?.place === position) this.#doubt(known)
  }

  #isNews(entry: LedgerEntry): boolean {
    const { index, owner, known: ends } = this.#options
    const known = index.get(entry.key)
    if (known !== undefined && saysDurable(known)) return !index.holds(known)
    const place = readPlace(entry.place) ?? NOWHERE
    const forgotten = place.offset < (ends.get(place.partition) ?? 0n)
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

  #commit(entries: readonly LedgerEntry[], more?: More): Promise<void> {
    return commitEntries(this.#options.committer, entries, more)
  }

  #sayRead(added: number, unreadable: number): void {
    if (this.#options.rebuild)
      this.#say(`${added} entries of the ledger were made anew from the mail that is there`)
    if (unreadable > 0)
      this.#say(`${unreadable} records are not what their keys say, and were left out`)
  }

  #sayMissing(keys: readonly string[]): void {
    const { index, topic } = this.#options
    const missing = keys.flatMap((key) => index.get(key) ?? [])
    const isGone = ({ state }: LedgerEntry) => state === 'gone'
    this.#name(
      missing.filter((entry) => !isGone(entry)),
      `that the ledger calls delivered are not in topic ${topic}: what is still on the server is delivered again`,
    )
    // No listing will miss these again.
    this.#name(
      missing.filter(isGone),
      `that were delivered are neither in topic ${topic} nor on the server any more`,
    )
  }

  #name(entries: readonly LedgerEntry[], what: string): void {
    if (entries.length === 0) return
    const named = entries.slice(0, NAMED).map(({ key, uidl, sha256 }) => ({ key, uidl, sha256 }))
    this.#say(`${entries.length} messages ${what}`, { messages: entries.length, named })
  }

  #say(text: string, more: object = {}): void {
    const { log, topic, mailbox } = this.#options
    log.warn({ topic, mailbox, ...more }, text)
  }
}

const NOWHERE: Place = { partition: -1, offset: 0n }
