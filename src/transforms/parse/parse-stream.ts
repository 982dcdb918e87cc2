/**
 * The parse stage as a stream: raw messages in, records out in the same order, several at work in between, bounded in
 * count and bytes. Every unit is handed on or released exactly once.
 */
import { Duplex } from 'node:stream'
import { ConfigError } from '../../errors.ts'
import { type MailRecord, type RawMessage } from '../../message.ts'
import type { Delivery } from '../../pipeline/delivery.ts'
import type { ParsePool } from './pool.ts'

/** At work or waiting for their turn to leave. */
const MAX_MESSAGES = 64
const MAX_BYTES = 16 * 1024 * 1024

interface Slot {
  readonly bytes: number
  /** The record's delivery, null for a message that ends here, undefined while it is at work. */
  outcome: Delivery<MailRecord> | null | undefined
}

export class ParseStream extends Duplex {
  readonly #pool: ParsePool
  readonly #slots: Slot[] = []
  #bytes = 0
  #wanted = true
  #resumeWrite: (() => void) | undefined
  #finish: (() => void) | undefined

  constructor(pool: ParsePool) {
    super({ objectMode: true, readableHighWaterMark: 4, writableHighWaterMark: 1 })
    this.#pool = pool
  }

  override _write(delivery: Delivery, _encoding: BufferEncoding, done: () => void): void {
    const raw = rawOf(delivery.value)
    const slot: Slot = { bytes: raw?.length ?? 0, outcome: undefined }
    this.#slots.push(slot)
    this.#bytes += slot.bytes
    this.#resumeWrite = done
    this.#work(delivery, raw, slot)
    this.#advance()
  }

  override _read(): void {
    this.#wanted = true
    this.#advance()
  }

  override _final(done: () => void): void {
    this.#finish = done
    this.#advance()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#pool.close().then(
      () => done(error),
      (failure: unknown) => done(error ?? (failure as Error)),
    )
  }

  #work(delivery: Delivery, raw: Buffer | undefined, slot: Slot): void {
    const { unit } = delivery
    const end = () => {
      unit.release()
      slot.outcome = null
    }
    if (unit.verdict !== undefined) {
      end()
      return
    }
    if (raw === undefined) {
      unit.fail(notRaw())
      end()
      return
    }
    const { key, mailbox, uidl, octets, sha256, fetchedAt } = unit.message
    this.#pool.parse(raw).then(
      (fields) => {
        const value = { key, mailbox, uidl, octets, sha256, fetchedAt, ...fields, raw }
        slot.outcome = { unit, value }
        this.#advance()
      },
      (error: unknown) => this.destroy(error as Error),
    )
  }

  /** Hands on what is ready at the head of the line, and takes more while there is room. */
  #advance(): void {
    while (this.#wanted && this.#slots[0]?.outcome !== undefined) {
      const { outcome, bytes } = this.#slots[0]
      this.#slots.shift()
      this.#bytes -= bytes
      if (outcome !== null) this.#wanted = this.push(outcome)
    }
    if (this.#slots.length < MAX_MESSAGES && this.#bytes < MAX_BYTES) {
      const resume = this.#resumeWrite
      this.#resumeWrite = undefined
      resume?.()
    }
    if (this.#slots.length === 0 && this.#finish !== undefined) {
      const finish = this.#finish
      this.#finish = undefined
      this.push(null)
      finish()
    }
  }
}

/** A transform in front may have changed the bytes; the identity stays that of the message. */
function rawOf(value: unknown): Buffer | undefined {
  const raw =
    typeof value === 'object' && value !== null ? (value as Partial<RawMessage>).raw : undefined
  return Buffer.isBuffer(raw) ? raw : undefined
}

const notRaw = (): ConfigError =>
  new ConfigError(
    'MAILDRAIN_CONFIG_TRANSFORM',
    'parse was given a value without raw bytes: put it before the transforms that make other values',
  )
