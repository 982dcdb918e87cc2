/**
 * The mail that a drain was asked for, where that is not all: the rest is not read, not counted as seen, and stays. What is
 * chosen by arrival or date is chosen once a run and held by unique-id, for numbers are others in the next session: the newest
 * hundred of a mailbox from which a hundred were deleted are other mail.
 */
import { ConfigError, Pop3ReplyError } from '../../errors.ts'
import { PackedSet } from '../../packed-set.ts'
import type { Pop3Client } from '../../pop3/index.ts'
import type { SourceContext } from '../source.ts'
import {
  type ArrivalOrder,
  type Wanted,
  chosenByDate,
  chosenByOrder,
  orderOf,
  sampleNumbers,
} from './arrival.ts'
import type { Numbered } from './echo.ts'
import { dateReceived, dateWritten } from './header-date.ts'
import type { Host } from './host.ts'
import type { ResolvedPop3SourceOptions } from './options.ts'
import { type Top, Tops } from './tops.ts'

/** Unique-ids that are held at once while their dates are asked for, some 100 octets of memory each. */
const PASS = 50_000
/** Sessions that may end at one message before it is taken to have no date. */
const MAX_STALLS = 2
const MAX_SECONDS = 0xffffffff

export interface SelectionOptions extends Pick<
  ResolvedPop3SourceOptions,
  'newest' | 'oldest' | 'since' | 'minBytes' | 'maxBytes'
> {
  readonly mailbox: string
  readonly context: SourceContext
  readonly host: Host
  /** Dates were read: the server is not one that brings no progress. */
  readonly progressed: () => void
}

interface Dated extends Numbered {
  readonly uidl: string
}

export class Selection {
  readonly #options: SelectionOptions
  readonly #wanted: Wanted | undefined
  /** Seconds since 1970 UTC. */
  readonly #since: number | undefined
  /** Unique-ids of the wanted, once chosen; and until they are, a byte for each number of this session. */
  readonly #chosen: PackedSet
  #choice: Uint8Array | undefined
  #isChosen = false
  /** TOPs were sent in this session. */
  #asked = false
  /** Unique-ids of messages whose date was looked at. */
  readonly #recent: PackedSet
  readonly #old: PackedSet
  /** Where sessions ended while dates were looked at, and how often; by unique-id, or by number before there is one. */
  readonly #stalls = new Map<string | number, number>()
  #stalled = false
  #undated = 0
  #saidUndated = false

  constructor(options: SelectionOptions) {
    this.#options = options
    const { newest, oldest, since, context } = options
    if (newest !== undefined) this.#wanted = { which: 'newest', count: newest }
    else if (oldest !== undefined) this.#wanted = { which: 'oldest', count: oldest }
    this.#since = since === undefined ? undefined : Date.parse(since) / 1000
    this.#chosen = new PackedSet(context.random)
    this.#recent = new PackedSet(context.random)
    this.#old = new PackedSet(context.random)
  }

  /** Undefined where all mail is wanted. */
  static of(options: SelectionOptions): Selection | undefined {
    const { newest, oldest, since, minBytes, maxBytes } = options
    const any = [newest, oldest, since, minBytes, maxBytes].some((each) => each !== undefined)
    return any ? new Selection(options) : undefined
  }

  /**
   * To be called in each session before its complete listing, in the reading phase.
   * @param messages count of STAT
   * @throws ConfigError MAILDRAIN_CONFIG_SELECTION when the server does not give what the choice is made by
   */
  async prepare(client: Pop3Client, messages: number): Promise<void> {
    this.#asked = false
    this.#stalled = false
    if (this.#isChosen) return
    if (this.#wanted !== undefined)
      this.#choice = await this.#choose(client, messages, this.#wanted)
    if (this.#since !== undefined) await this.#lookAtDates(client, messages, this.#since)
    this.#sayUndated()
  }

  /** Of each number of that listing. A message without unique-id cannot be known again, so it is not chosen by age. */
  selects(n: number, uidl: string | null, listedOctets: number): boolean {
    const { minBytes = 0, maxBytes = Infinity } = this.#options
    const arrived = this.#wanted === undefined || (uidl !== null && this.#isWanted(n, uidl))
    const recent = this.#since === undefined || (uidl !== null && this.#recent.has(uidl))
    return arrived && recent && listedOctets >= minBytes && listedOctets <= maxBytes
  }

  /**
   * The listing has come to its end: from now on the choice is held by unique-id.
   * @returns true when header blocks of mail that was not asked for may have been read in this session
   */
  listed(): boolean {
    this.#choice = undefined
    this.#isChosen = true
    return this.#asked
  }

  #isWanted(n: number, uidl: string): boolean {
    if (this.#choice === undefined) return this.#chosen.has(uidl)
    if (this.#choice[n] !== 1) return false
    this.#chosen.add(uidl)
    return true
  }

  async #choose(client: Pop3Client, messages: number, wanted: Wanted): Promise<Uint8Array> {
    this.#chosen.clear()
    if (wanted.count >= messages) return new Uint8Array(messages + 1).fill(1)
    const tops = this.#tops<Numbered>(client)
    const dates: (number | undefined)[] = []
    for await (const { block } of this.#topsOf(tops, sampleNumbers(messages), (n) => ({ n })))
      dates.push(block && dateReceived(block))
    if (!this.#options.host.answersTop || dates.every((date) => date === undefined))
      throw this.#noDates()
    const order = orderOf(dates)
    this.#sayOrder(order, wanted)
    if (order !== 'no order') return chosenByOrder(messages, wanted, order)
    return chosenByDate(await this.#allDates(tops, messages), wanted)
  }

  async #allDates(tops: Tops<Numbered>, messages: number): Promise<Uint32Array> {
    const dates = new Uint32Array(messages + 1)
    for await (const { item, block } of this.#topsOf(tops, upTo(messages), (n) => ({ n }))) {
      const date = block && dateReceived(block)
      if (date === undefined) this.#undated += 1
      else dates[item.n] = Math.min(MAX_SECONDS, Math.max(1, date))
    }
    return dates
  }

  /** Pass by pass, so that what was looked at stays known when the session is lost, and memory does not grow. */
  async #lookAtDates(client: Pop3Client, messages: number, since: number): Promise<void> {
    const tops = this.#tops<Dated>(client)
    for (;;) {
      const unknown = await this.#unknown(client, messages)
      if (unknown.length === 0) return
      for await (const { item, block } of this.#topsOf(tops, unknown, (each) => each)) {
        const date = block && dateWritten(block)
        if (date === undefined) this.#undated += 1
        const isOld = date !== undefined && date < since
        ;(isOld ? this.#old : this.#recent).add(item.uidl)
      }
      if (!this.#options.host.answersTop) throw this.#noDates()
    }
  }

  /** Messages whose date was not looked at, as many as a pass takes. */
  async #unknown(client: Pop3Client, messages: number): Promise<readonly Dated[]> {
    const unknown: Dated[] = []
    const see = (n: number, uidl: string): void => {
      const known = this.#old.has(uidl) || this.#recent.has(uidl)
      if (!known && unknown.length < PASS) unknown.push({ n, uidl })
    }
    try {
      await client.uidlAll(see, messages, () => undefined)
      return unknown
    } catch (error) {
      if (error instanceof Pop3ReplyError && !client.capabilities.uidl) throw this.#noDates()
      throw error
    }
  }

  async *#topsOf<Source, Item extends Numbered>(
    tops: Tops<Item>,
    sources: Iterable<Source>,
    itemOf: (source: Source) => Item,
  ): AsyncGenerator<Top<Item>> {
    const { host, progressed } = this.#options
    let items: Item[] = []
    const read = async () => {
      this.#asked = true
      const answers = await tops.read(items)
      for (const { refused } of answers) host.topAnswered(refused === undefined)
      items = []
      progressed()
      return answers
    }
    for (const source of sources) {
      const item = itemOf(source)
      if ((this.#stalls.get(nameOf(item)) ?? 0) >= MAX_STALLS) {
        yield { item, block: undefined, usable: false, refused: undefined, octets: 0 }
        continue
      }
      items.push(item)
      // One alone, while it is not known whether there is a TOP.
      if (items.length >= (host.answersTop ? tops.most : 1)) yield* await read()
      if (host.hasNoTop) throw this.#noDates()
    }
    if (items.length > 0) yield* await read()
  }

  #tops<Item extends Numbered>(client: Pop3Client): Tops<Item> {
    const { host, context } = this.#options
    const { budget, stopping: signal } = context
    // That the answer names the number binds the header block to it; a wrong number ends the session.
    const ask = ({ n }: Item): Promise<boolean | undefined> => answersAbout(client, host, n)
    // The first that is blamed in a session is what it ended at.
    const blame = (item: Item): void => {
      if (this.#stalled) return
      this.#stalled = true
      this.#stalls.set(nameOf(item), (this.#stalls.get(nameOf(item)) ?? 0) + 1)
    }
    return new Tops<Item>({ client, host, budget, signal, ask, blame })
  }

  #sayOrder(order: ArrivalOrder, { which, count }: Wanted): void {
    this.#options.context.log.info(
      { order, [which]: count },
      order === 'no order'
        ? 'the server lists mail in no order that its dates show: all of them are looked at'
        : `the server lists the ${order}, as the dates of samples at both ends and between show`,
    )
  }

  #sayUndated(): void {
    if (this.#undated === 0 || this.#saidUndated) return
    this.#saidUndated = true
    this.#options.context.log.warn(
      { messages: this.#undated },
      'messages without a date that can be read are taken as if they were asked for',
    )
  }

  #noDates(): ConfigError {
    return new ConfigError(
      'MAILDRAIN_CONFIG_SELECTION',
      `the server of ${this.#options.mailbox} gives no unique-ids or no header blocks (TOP) with dates, so its mail cannot be chosen by age: choose by size, or drain all of it`,
    )
  }
}

const nameOf = (item: Numbered | Dated): string | number => ('uidl' in item ? item.uidl : item.n)

function* upTo(messages: number): Iterable<number> {
  for (let n = 1; n <= messages; n += 1) yield n
}

async function answersAbout(
  client: Pop3Client,
  host: Host,
  n: number,
): Promise<boolean | undefined> {
  try {
    await (host.listing.uidl ? client.uidl(n) : client.list(n))
    return true
  } catch (error) {
    if (error instanceof Pop3ReplyError) return undefined
    throw error
  }
}
