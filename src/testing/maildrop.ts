/**
 * The server's store: which messages are still there, and the view of them that a session takes at login. Rule: no
 * message is held or asked for before a client asks; a message costs two bits here, and three in each session.
 */
import { Bits } from './bits.ts'
import type { Mailbox, MailboxMessage } from './mailbox.ts'
import { Absent, type Order } from './order.ts'

export class Maildrop {
  readonly #mailbox: Mailbox
  readonly #added: MailboxMessage[] = []
  readonly #gone: Bits
  /** There, and shown to nobody but `recent:` sessions. */
  readonly #hidden: Bits

  constructor(mailbox: Mailbox) {
    this.#mailbox = mailbox
    this.#gone = new Bits(mailbox.size)
    this.#hidden = new Bits(0)
  }

  /** Messages there ever were; their indexes are below it. */
  get size(): number {
    return this.#mailbox.size + this.#added.length
  }

  /** Hidden ones too. */
  get remaining(): number {
    return this.size - this.#gone.count
  }

  get visible(): number {
    return this.remaining - this.#hidden.count
  }

  has(index: number): boolean {
    return index < this.size && !this.#gone.has(index)
  }

  isVisible(index: number): boolean {
    return this.has(index) && !this.#hidden.has(index)
  }

  add(message: MailboxMessage): number {
    this.#added.push(message)
    return this.size - 1
  }

  /** False if it had gone already. */
  remove(index: number): boolean {
    if (!(index >= 0 && index < this.size)) throw new RangeError(`no message ${index}`)
    this.#hidden.delete(index)
    return this.#gone.add(index)
  }

  hide(index: number): void {
    if (this.has(index)) this.#hidden.add(index)
  }

  message(index: number): MailboxMessage {
    return this.#addedOf(index) ?? this.#mailbox.message(index)
  }

  octets(index: number): number {
    const added = this.#addedOf(index)
    if (added !== undefined) return added.octets
    return this.#mailbox.octetsOf?.(index) ?? this.#mailbox.message(index).octets
  }

  /** Asks an array for a negative index never: that alone took 8 s for 14 million. */
  #addedOf(index: number): MailboxMessage | undefined {
    const { size } = this.#mailbox
    return index < size ? undefined : this.#added[index - size]
  }

  /** What is there now, ascending; later changes do not show. */
  snapshot({ hiddenToo = false } = {}): Order {
    return hiddenToo
      ? new Absent(this.size, this.#gone)
      : new Absent(this.size, this.#gone, this.#hidden)
  }
}

/** What one session sees: message-numbers 1..count, and what it has read and deleted. */
export class View {
  readonly #order: Order
  readonly deleted: Bits
  readonly read: Bits

  constructor(order: Order) {
    this.#order = order
    this.deleted = new Bits(order.count + 1)
    this.read = new Bits(order.count + 1)
  }

  /** The highest message-number. */
  get count(): number {
    return this.#order.count
  }

  /** Messages that are not deleted. */
  get live(): number {
    return this.count - this.deleted.count
  }

  /** Index of a message by number; undefined if there is none or it is deleted. */
  index(n: number): number | undefined {
    return n >= 1 && n <= this.count && !this.deleted.has(n) ? this.#order.at(n - 1) : undefined
  }

  /** Index of a message by number, deleted or not. */
  indexAnyway(n: number): number {
    if (!(n >= 1 && n <= this.count)) throw new RangeError(`no message number ${n}`)
    return this.#order.at(n - 1)
  }
}
