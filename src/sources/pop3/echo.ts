/**
 * Binds the bytes of a message to its number (G9). Replies come in order; that they still belong to the commands they are
 * taken for shows in the answer to an `UIDL n` (or `LIST n`) behind a RETR: it names the number and repeats what the listing
 * said. Messages go on to the destination only when the echo behind them has matched.
 */
import { Pop3ProtocolError } from '../../errors.ts'
import { BOUND_ONE_BY_ONE } from './host.ts'

/** What an answer about a single message can be held against. */
export interface Numbered {
  readonly n: number
}

/** After the first messages of a host one echo binds so many; an echo is some 40 octets. */
const EVERY = 16

export interface EchoOptions<Item extends Numbered> {
  /** Is the server still speaking of this message? Undefined when it refuses to say; rejects when the session is over. */
  readonly ask: (item: Item) => Promise<boolean | undefined>
  /**
   * Messages bound on this host so far, over all sessions; counted on here, as far as they were in flight with others: one
   * that came alone shows nothing of the order in which several are answered.
   */
  readonly host: { bound: number; doubtful: boolean }
  /**
   * Nothing is asked while a reply is awaited, nor about what has not come. A server that drops whoever pipelines (o2.pl) must
   * not be taken for one that cannot read a message.
   */
  readonly alone?: boolean
  readonly fail: (error: unknown) => void
  /** Replies came apart at this message, or not long before it. */
  readonly blame: (item: Item) => void
}

interface Issued<Item extends Numbered> {
  readonly item: Item
  readonly handled: Promise<void>
}

/** Tickets of messages that were under way while others were, too. */
class InCompany {
  readonly #tickets = new Set<number>()
  readonly #underWay = new Set<number>()
  /** Of this session, so far. */
  count = 0

  issued(ticket: number, handled: Promise<void>): void {
    const isOver = () => void this.#underWay.delete(ticket)
    this.#underWay.add(ticket)
    handled.then(isOver, isOver)
    if (this.#underWay.size > 1) for (const each of this.#underWay) this.#join(each)
  }

  #join(ticket: number): void {
    if (this.#tickets.has(ticket)) return
    this.#tickets.add(ticket)
    this.count += 1
  }

  /** Was it in company? Forgotten with the answer: a session may bind 100,000 messages. */
  take(ticket: number): boolean {
    return this.#tickets.delete(ticket)
  }
}

interface Held<Item extends Numbered> {
  readonly ticket: number
  readonly item: Item
  readonly release: () => void
  readonly discard: () => void
}

export class Echo<Item extends Numbered> {
  readonly #options: EchoOptions<Item>
  /** Bound on this host by earlier sessions. */
  readonly #before: number
  #held: Held<Item>[] = []
  #issued = 0
  /** RETRs issued since the last echo. */
  #unasked = 0
  #last: Issued<Item> | undefined
  #discarded = false
  readonly #company = new InCompany()
  #matched = 0
  #refused = 0
  #settling: Promise<unknown> = Promise.resolve()

  constructor(options: EchoOptions<Item>) {
    this.#options = options
    this.#before = options.host.bound
  }

  /** Messages that came and wait for their echo. */
  get held(): number {
    return this.#held.length
  }

  /**
   * The RETR or TOP of this item has been handed to the client, and nothing after it.
   * @param handled resolves when its reply was read and `hold` called, if it is to be
   * @returns the ticket for `hold`
   */
  issued(item: Item, handled: Promise<void>): number {
    const { host } = this.#options
    this.#issued += 1
    const early = this.#before + this.#company.count < BOUND_ONE_BY_ONE
    this.#company.issued(this.#issued, handled)
    this.#last = { item, handled }
    this.#unasked += 1
    if (this.#unasked >= EVERY || early || host.doubtful) this.#ask(this.#last)
    return this.#issued
  }

  /** Nothing is issued for a while: what comes must not wait for a later echo. */
  pause(): void {
    if (this.#unasked > 0 && this.#last !== undefined) this.#ask(this.#last)
  }

  /** The message came: `release` is called once it is bound, `discard` when the session ends before. */
  hold(held: Held<Item>): void {
    if (this.#discarded) held.discard()
    else this.#held.push(held)
  }

  /** Whatever was asked, the server refused to say. */
  get mute(): boolean {
    return this.#refused > 0 && this.#matched === 0
  }

  /** The session is over: what is not bound has not come. */
  discard(): void {
    this.#discarded = true
    for (const { discard } of this.#held.splice(0)) discard()
  }

  #ask({ item, handled }: Issued<Item>): void {
    const upTo = this.#issued
    this.#unasked = 0
    const { ask, alone } = this.#options
    const answer =
      alone === true ? handled.then(() => this.#held.length === 0 || ask(item)) : ask(item)
    answer.catch(() => undefined)
    // One after the other: a later echo that matches must not let pass what an earlier one is about to refuse.
    this.#settling = this.#settling
      .then(() => Promise.all([answer, handled]))
      .then(([matched]) => this.#settle(item, matched, upTo))
      .catch((error: unknown) => {
        const [first] = this.#held
        if (first !== undefined && error instanceof Pop3ProtocolError)
          this.#options.blame(first.item)
        this.discard()
        this.#options.fail(error)
      })
  }

  async #settle(item: Item, matched: boolean | undefined, upTo: number): Promise<void> {
    let answer = matched
    // A message that is gone by now answers for nothing; any other that came before serves as well.
    for (const other of this.#upTo(upTo).toReversed())
      if (answer === undefined && !this.#discarded) answer = await this.#options.ask(other.item)
    if (answer === false) throw outOfStep(item)
    const settled = this.#upTo(upTo)
    this.#held = this.#held.filter(({ ticket }) => ticket > upTo)
    const inCompany = settled.filter(({ ticket }) => this.#company.take(ticket)).length
    if (answer === true) {
      this.#options.host.bound += inCompany
      this.#matched += settled.length
    } else this.#refused += settled.length
    for (const { release, discard } of settled) (answer === true ? release : discard)()
  }

  #upTo(ticket: number): Held<Item>[] {
    return this.#held.filter((held) => held.ticket <= ticket)
  }
}

const outOfStep = ({ n }: Numbered): Pop3ProtocolError =>
  new Pop3ProtocolError(
    'MAILDRAIN_POP3_DESYNC',
    `the server no longer says of message ${n} what its listing said: replies may belong to other messages, so nothing of them is kept; maildrain reconnects without pipelining`,
  )
