/**
 * The ledger topic's records: key `<M>/<entry key>`, value the entry as JSON; `<M>/@owner` says who drains, and
 * `<M>/@meta` what this ledger belongs to. All records of a mailbox are in one partition, so their order is kept.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { LedgerError } from '../../errors.ts'
import type { LedgerEntry } from '../../ledger/ledger.ts'
import type { ConsumedRecord, ProducerRecord } from './client.ts'

/** Raised when an older maildrain would misread the records. */
export const LEDGER_FORMAT = 1

/** First 4 bytes of SHA-256(mailbox id), modulo the partitions. */
export function ledgerPartition(mailbox: string, partitions: number): number {
  return createHash('sha256').update(mailbox, 'utf8').digest().readUInt32BE(0) % partitions
}

const ledgerEntry = z.strictObject({
  key: z.string(),
  uidl: z.string().nullable(),
  listedOctets: z.number(),
  octets: z.number().nullable(),
  sha256: z.string().nullable(),
  headerSha256: z.string().nullable(),
  state: z.enum(['delivered', 'deadLettered', 'kept', 'gone']),
  was: z.enum(['delivered', 'deadLettered', 'kept']).nullable(),
  reason: z
    .enum(['filtered', 'rejected', 'oversize', 'suspect', 'unreadable', 'undeletable'])
    .nullable(),
  fingerprint: z.string().nullable(),
  attempts: z.number(),
  copies: z.number(),
  place: z.string().nullable(),
  at: z.number(),
  goneAt: z.number().nullable(),
})

const owner = z.looseObject({ nonce: z.string(), host: z.string(), pid: z.number() })
const meta = z.looseObject({
  format: z.number(),
  cluster: z.string(),
  topic: z.string(),
  partitions: z.number(),
})

const count = z.int().min(0)
const tally = z.strictObject({
  seen: count,
  pruned: z.strictObject({ delivered: count, deadLettered: count, kept: count }),
  vanished: count,
  /** Name of the transaction that it was written in, by which one whose outcome is not known is found again. */
  commit: z.string(),
})

export type Owner = z.output<typeof owner>
export type Meta = z.output<typeof meta>
/** The tally as it stands after a transaction. */
export type CommitTally = z.output<typeof tally>

/** A record of the ledger topic that concerns this mailbox. */
export type LedgerChange =
  | { readonly kind: 'entry'; readonly entry: LedgerEntry }
  | { readonly kind: 'tombstone'; readonly key: string }
  | { readonly kind: 'owner'; readonly owner: Owner }
  | { readonly kind: 'meta'; readonly meta: Meta }
  | { readonly kind: 'host'; readonly notes: string }
  | { readonly kind: 'tally'; readonly tally: CommitTally }

export const OWNER = '@owner'
export const META = '@meta'
const HOST = '@host'
const TALLY = '@tally'

export interface LedgerRecordsOptions {
  /** M (src/identity.ts). */
  readonly mailboxKey: string
  readonly topic: string
  readonly partition: number
}

/** Writes and reads the records of one mailbox. */
export class LedgerRecords {
  readonly #options: LedgerRecordsOptions

  constructor(options: LedgerRecordsOptions) {
    this.#options = options
  }

  entry(entry: LedgerEntry): ProducerRecord {
    // Fields by name: what else a caller's object carries does not get into the ledger.
    const { key, uidl, listedOctets, octets, sha256, headerSha256, state, was } = entry
    const { reason, fingerprint, attempts, copies, place, at, goneAt } = entry
    return this.#record(key, {
      ...{ key, uidl, listedOctets, octets, sha256, headerSha256, state, was },
      ...{ reason, fingerprint, attempts, copies, place, at, goneAt },
    })
  }

  tombstone(key: string): ProducerRecord {
    return { ...this.#record(key, null), value: null }
  }

  owner(value: Owner): ProducerRecord {
    return this.#record(OWNER, value)
  }

  meta(value: Meta): ProducerRecord {
    return this.#record(META, value)
  }

  tally(value: CommitTally): ProducerRecord {
    return this.#record(TALLY, value)
  }

  /** @param notes JSON, which is written as it is */
  host(notes: string): ProducerRecord {
    return { ...this.#record(HOST, null), value: Buffer.from(notes, 'utf8') }
  }

  /**
   * @returns null for another mailbox's record, or an `@` record of a later version
   * @throws LedgerError MAILDRAIN_LEDGER_DAMAGED
   */
  read({ key: fullKey, value, offset }: ConsumedRecord): LedgerChange | null {
    const prefix = `${this.#options.mailboxKey}/`
    if (!fullKey.startsWith(prefix)) return null
    const key = fullKey.slice(prefix.length)
    if (value === null) return key.startsWith('@') ? null : { kind: 'tombstone', key }
    try {
      const parsed: unknown = JSON.parse(value.toString('utf8'))
      if (key === OWNER) return { kind: 'owner', owner: owner.parse(parsed) }
      if (key === META) return { kind: 'meta', meta: meta.parse(parsed) }
      if (key === HOST) return { kind: 'host', notes: value.toString('utf8') }
      if (key === TALLY) return { kind: 'tally', tally: tally.parse(parsed) }
      if (key.startsWith('@')) return null
      const entry = ledgerEntry.parse(parsed)
      if (entry.key !== key) throw new TypeError('its key is that of another entry')
      return { kind: 'entry', entry }
    } catch (error) {
      const { topic, partition } = this.#options
      throw new LedgerError(
        'MAILDRAIN_LEDGER_DAMAGED',
        `offset ${offset} of partition ${partition} of topic ${topic} is not a ledger entry of this maildrain; restore the topic, or drain into a new one`,
        { cause: error },
      )
    }
  }

  #record(key: string, value: unknown): ProducerRecord {
    return {
      key: `${this.#options.mailboxKey}/${key}`,
      partition: this.#options.partition,
      value: Buffer.from(JSON.stringify(value), 'utf8'),
    }
  }
}
