/**
 * Where a message that has come through the chain becomes a batch item: its records, its one ledger entry, and what is to
 * be forgotten in the same commit (G4, G5).
 */
import type { Clock } from '../clock.ts'
import { unfetchedKey } from '../identity.ts'
import type { Ledger, LedgerEntry } from '../ledger/ledger.ts'
import { type MailRecord, type RawMessage, unparsedRecord } from '../message.ts'
import type { SinkRecord } from '../sinks/sink.ts'
import type { BatchItem, Batcher } from './batcher.ts'
import { MessageUnit, type Verdict } from './delivery.ts'

export interface AdmissionOptions {
  readonly batcher: Batcher
  readonly ledger: Ledger
  readonly fingerprint: string
  readonly clock: Clock
}

/** The entry of a message whose whole bytes were read. @param before what the ledger has of it, whose copies are known */
export function entryOf(
  message: RawMessage,
  before: LedgerEntry | undefined,
  change: Pick<LedgerEntry, 'state' | 'reason' | 'fingerprint' | 'at'>,
): LedgerEntry {
  const { key, uidl, listedOctets, octets, sha256, headerSha256 } = message
  return {
    ...{ key, uidl, listedOctets, octets, sha256, headerSha256 },
    ...{ was: null, attempts: 0, copies: before?.copies ?? 0, place: null, goneAt: null },
    ...change,
  }
}

/** Identity and raw bytes come from the wire, whatever a transform made of them (G6, G12). */
function recordOf(message: RawMessage, value: unknown): MailRecord {
  const { key, mailbox, uidl, octets, sha256, raw, fetchedAt } = message
  const record =
    typeof value === 'object' && value !== null && 'parseStatus' in value
      ? (value as MailRecord)
      : unparsedRecord(message, 'not parsed')
  return { ...record, key, mailbox, uidl, octets, sha256, raw, fetchedAt }
}

export class Admission {
  readonly #options: AdmissionOptions
  /** Messages between the source and the end of the chain. */
  #inChain = 0
  #sourceStarved = false

  constructor(options: AdmissionOptions) {
    this.#options = options
  }

  /** The unit of a message that is about to enter the chain. */
  unit(message: RawMessage, onSettled: (verdict: Verdict) => void): MessageUnit {
    this.#inChain += 1
    return new MessageUnit(message, (unit) => this.#completed(unit), onSettled)
  }

  /**
   * The source cannot bring more until something is committed. While messages are still being parsed more will come all
   * the same: closing a batch then would make transactions of one message each (measured: 1,900 for 2,000 messages).
   */
  starved(value: boolean): void {
    this.#sourceStarved = value
    this.#tellBatcher()
  }

  #completed(unit: MessageUnit): void {
    this.#inChain -= 1
    this.#handOn(unit)
    this.#tellBatcher()
  }

  #tellBatcher(): void {
    this.#options.batcher.starved(this.#sourceStarved && this.#inChain === 0)
  }

  /** No value of this message is left in the chain: hand it on, or answer for it. */
  #handOn(unit: MessageUnit): void {
    const verdict = unit.verdict
    const known = verdict?.kind === 'alreadyDelivered' ? this.#known(unit) : undefined
    if (known !== undefined) this.#options.batcher.add(known)
    else if (verdict !== undefined) unit.settle(verdict)
    else
      this.#options.batcher.add(unit.values.length === 0 ? this.#kept(unit) : this.#delivered(unit))
  }

  #delivered(unit: MessageUnit): BatchItem {
    const { message } = unit
    const { clock, ledger } = this.#options
    const entry = entryOf(message, ledger.get(message.key), {
      ...{ state: 'delivered', reason: null, fingerprint: null },
      at: clock.now(),
    })
    const records: SinkRecord[] = unit.values.map((value, index) => ({
      key: index === 0 ? message.key : `${message.key}.${index}`,
      value: recordOf(message, value),
    }))
    return {
      message: { entry, records },
      tombstones: this.#superseded(message),
      bytes: message.octets,
      settle: (verdict) => unit.settle(verdict),
    }
  }

  /** Delivered before; to be written only when there is an entry from a time when it could not be read. */
  #known(unit: MessageUnit): BatchItem | undefined {
    const tombstones = this.#superseded(unit.message)
    const entry = this.#options.ledger.get(unit.message.key)
    if (tombstones.length === 0 || entry === undefined) return undefined
    const answer = (verdict: Verdict): Verdict =>
      verdict.kind === 'delivered' ? { kind: 'alreadyDelivered' } : verdict
    return {
      message: { entry, records: [] },
      ...{ tombstones, bytes: 0 },
      settle: (verdict) => unit.settle(answer(verdict)),
    }
  }

  /** The ledger remembers what was filtered, so that it is not fetched again until the configuration changes. */
  #kept(unit: MessageUnit): BatchItem {
    const { message } = unit
    const { clock, fingerprint, ledger } = this.#options
    const entry = entryOf(message, ledger.get(message.key), {
      ...{ state: 'kept', reason: 'filtered', fingerprint },
      at: clock.now(),
    })
    const answer = (verdict: Verdict): Verdict =>
      verdict.kind === 'delivered' ? { kind: 'filtered' } : verdict
    return {
      message: { entry, records: [] },
      tombstones: this.#superseded(message),
      bytes: 0,
      settle: (verdict) => unit.settle(answer(verdict)),
    }
  }

  /** The entry from the time when the bytes of this message could not be had. */
  #superseded(message: RawMessage): string[] {
    if (message.uidl === null) return []
    const key = unfetchedKey(message.uidl, message.listedOctets)
    return this.#options.ledger.get(key) === undefined ? [] : [key]
  }
}
