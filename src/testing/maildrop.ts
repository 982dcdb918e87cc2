/**
 * The server's store: which messages are still there, and the view of them that a session takes at login. Rule: no
 * message is held; a message costs 4 octets for its size and a bit, and 4 octets a session for its number.
 */
import { Bits } from './bits.ts'
import type { Mailbox, MailboxMessage } from './mailbox.ts'
import { Random } from './random.ts'

export class Maildrop {
  readonly #mailbox: Mailbox
  readonly #added: MailboxMessage[] = []
  readonly #octets: Uint32Array
  readonly #gone: Bits

  constructor(mailbox: Mailbox) {
    this.#mailbox = mailbox
    this.#gone = new Bits(mailbox.size)
    this.#octets = new Uint32Array(mailbox.size)
    for (let index = 0; index < mailbox.size; index += 1)
      this.#octets[index] = mailbox.message(index).octets
  }

  /** Messages there ever were; their indexes are below it. */
  get size(): number {
    return this.#mailbox.size + this.#added.length
  }

  get remaining(): number {
    return this.size - this.#gone.count
  }

  has(index: number): boolean {
    return index < this.size && !this.#gone.has(index)
  }

  add(message: MailboxMessage): number {
    this.#added.push(message)
    return this.size - 1
  }

  /** False if it had gone already. */
  remove(index: number): boolean {
    if (!(index >= 0 && index < this.size)) throw new RangeError(`no message ${index}`)
    return this.#gone.add(index)
  }

  message(index: number): MailboxMessage {
    return this.#added[index - this.#mailbox.size] ?? this.#mailbox.message(index)
  }

  octets(index: number): number {
    return this.#octets[index] ?? this.message(index).octets
  }

  /** Indexes of what is there, ascending; at most `limit` of them. */
  indexes(limit = Infinity): Uint32Array {
    const count = Math.min(this.remaining, limit)
    const indexes = new Uint32Array(count)
    for (let index = 0, n = 0; n < count; index += 1)
      if (!this.#gone.has(index)) indexes[n++] = index
    return indexes
  }
}

/** Fisher and Yates, the same for the same seed. */
export function shuffle(indexes: Uint32Array, seed: number): void {
  const random = new Random(seed)
  for (let n = indexes.length - 1; n > 0; n -= 1) {
    const other = random.next() % (n + 1)
    const held = indexes[n] ?? 0
    indexes[n] = indexes[other] ?? 0
    indexes[other] = held
  }
}

/** What one session sees: message-numbers 1..count, and what it has read and deleted. */
export class View {
  readonly #indexes: Uint32Array
  readonly deleted: Bits
  readonly read: Bits

  constructor(indexes: Uint32Array) {
    this.#indexes = indexes
    this.deleted = new Bits(indexes.length + 1)
    this.read = new Bits(indexes.length + 1)
  }

  /** The highest message-number. */
  get count(): number {
    return this.#indexes.length
  }

  /** Messages that are not deleted. */
  get live(): number {
    return this.count - this.deleted.count
  }

  /** Index of a message by number; undefined if there is none or it is deleted. */
  index(n: number): number | undefined {
    return n >= 1 && n <= this.count && !this.deleted.has(n) ? this.#indexes[n - 1] : undefined
  }

  /** Index of a message by number, deleted or not. */
  indexAnyway(n: number): number {
    const index = this.#indexes[n - 1]
    if (index === undefined) throw new RangeError(`no message number ${n}`)
    return index
  }
}
