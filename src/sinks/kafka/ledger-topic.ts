/**
 * The ledger topic's records: key `<M>/<entry key>`, value the entry as JSON with a checksum; `<M>/@owner` says who drains,
 * `<M>/@meta` what this ledger belongs to, `<M>/@tally` what was counted, and up to where the data topic is known. All records
 * of a mailbox are in one partition, so their order is kept.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { LedgerError } from '../../errors.ts'
import { checksumOf } from '../../ledger/checksum.ts'
import type { LedgerEntry } from '../../ledger/ledger.ts'
import type { ConsumedRecord, ProducerRecord } from './client.ts'

/** Raised when an older maildrain would misread the records. */
export const LEDGER_FORMAT = 2

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
  /** Format in which the ledger was begun: in format 1 entries had no checksum. */
  begun: z.number().optional(),
})

const host = z.strictObject({ notes: z.string() })
const offset = z.string().regex(/^\d{1,19}$/)
const count = z.int().min(0)
const keySet = z.strictObject({ count, sum: z.string().regex(/^[0-9a-f]{32}$/) })
const tally = z.strictObject({
  seen: count,
  delivered: keySet,
  further: keySet,
  pruned: z.strictObject({ delivered: count, deadLettered: count, kept: count }),
  vanished: count,
  accepted: count,
  /** Name of the transaction that it was written in, by which one whose outcome is not known is found again. */
  commit: z.string(),
  /** By partition of the data topic: below this offset the ledger knows, or knew, all mail of this mailbox. */
  ends: z.record(z.string().regex(/^\d{1,9}$/), offset),
  /** While the ledger is being made good: partitions of the data topic whose places are not believed. */
  recovering: z.array(count).readonly().optional(),
})

export type Owner = z.output<typeof owner>
export type Meta = z.output<typeof meta>
/** The tally as it stands after a transaction. */
export type CommitTally = z.output<typeof tally>

/** A record of the ledger topic that concerns this mailbox; `checked` where a checksum has borne it out. */
export type LedgerChange =
  | {
      readonly kind: 'entry'
      readonly key: string
      readonly entry: LedgerEntry
      readonly checked: boolean
    }
  | { readonly kind: 'tombstone'; readonly key: string }
  | { readonly kind: 'owner'; readonly key: string; readonly owner: Owner }
  | { readonly kind: 'meta'; readonly key: string; readonly meta: Meta }
  | {
      readonly kind: 'host'
      readonly key: string
      readonly notes: string
      readonly checked: boolean
    }
  | { readonly kind: 'tally'; readonly key: string; readonly tally: CommitTally }
  | { readonly kind: 'damaged'; readonly key: string; readonly error: LedgerError }

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
    return { ...this.#record(key, {}), value: null }
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

  /** @param notes JSON */
  host(notes: string): ProducerRecord {
    return this.#record(HOST, { notes })
  }

  /** @returns null for another mailbox's record, or an `@` record of a later version */
  read(record: ConsumedRecord): LedgerChange | null {
    const prefix = `${this.#options.mailboxKey}/`
    if (!record.key.startsWith(prefix)) return null
    const key = record.key.slice(prefix.length)
    if (record.value === null) return key.startsWith('@') ? null : { kind: 'tombstone', key }
    try {
      return changeOf(key, unsealed(record.key, record.value))
    } catch (cause) {
      return { kind: 'damaged', key, error: this.damaged(record.offset, cause) }
    }
  }

  damaged(at: bigint, cause?: unknown): LedgerError {
    const { topic, partition } = this.#options
    return new LedgerError(
      'MAILDRAIN_LEDGER_DAMAGED',
      `offset ${at} of partition ${partition} of topic ${topic} is not what this maildrain wrote; restore the topic, or let the ledger be made anew from the mail that is there by --rebuild-ledger`,
      { cause },
    )
  }

  #record(key: string, value: object): ProducerRecord {
    const fullKey = `${this.#options.mailboxKey}/${key}`
    const sealed = { ...value, checksum: sumOf(fullKey, value) }
    return {
      ...{ key: fullKey, partition: this.#options.partition },
      value: Buffer.from(JSON.stringify(sealed), 'utf8'),
    }
  }
}

const sumOf = (fullKey: string, value: object): number =>
  checksumOf([fullKey, JSON.stringify(value)])

interface Unsealed {
  readonly text: string
  readonly value: unknown
  readonly checked: boolean
}

/** @throws TypeError, SyntaxError */
function unsealed(fullKey: string, bytes: Buffer): Unsealed {
  const text = bytes.toString('utf8')
  const parsed: unknown = JSON.parse(text)
  if (typeof parsed !== 'object' || parsed === null) throw new TypeError('it is no object')
  if (!('checksum' in parsed)) return { text, value: parsed, checked: false }
  const { checksum, ...value } = parsed
  if (checksum !== sumOf(fullKey, value)) throw new TypeError('its checksum is that of another')
  return { text, value, checked: true }
}

/**
 * Owners are believed without a checksum: an older maildrain says so before it finds that it cannot read the ledger.
 * @throws TypeError, ZodError
 */
function changeOf(key: string, { text, value, checked }: Unsealed): LedgerChange | null {
  const assertChecked = () => {
    if (!checked) throw new TypeError('it has no checksum')
  }
  switch (key) {
    case OWNER:
      return { kind: 'owner', key, owner: owner.parse(value) }
    case META: {
      const parsed = meta.parse(value)
      if (parsed.format > 1) assertChecked()
      return { kind: 'meta', key, meta: parsed }
    }
    case HOST:
      return { kind: 'host', key, notes: checked ? host.parse(value).notes : text, checked }
    case TALLY:
      assertChecked()
      return { kind: 'tally', key, tally: tally.parse(value) }
    default:
      if (key.startsWith('@')) return null
      return { kind: 'entry', key, entry: entryNamed(key, value), checked }
  }
}

function entryNamed(key: string, value: unknown): LedgerEntry {
  const entry = ledgerEntry.parse(value)
  if (entry.key !== key) throw new TypeError('its key is that of another entry')
  return entry
}
