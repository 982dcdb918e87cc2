/**
 * From a session's complete listing and the ledger to the session's work: what to read, what is known, what stays (G6).
 * A UIDL alone never decides a deletion: known messages are work too, to be compared.
 */
import type { Ledger, LedgerEntry } from '../../ledger/ledger.ts'
import { saysDurable } from '../../ledger/ledger.ts'
import type { Due } from './due.ts'
import { Occurrences } from './occurrences.ts'

export interface WorkItem {
  readonly n: number
  /** One character a byte (latin1); null where the server has none. */
  readonly uidl: string | null
  readonly listedOctets: number
  /** The ledger knows a durable message under this UIDL: read to be compared. */
  readonly known: boolean
  /** Nothing that stands under its unique-id is to stay for a while: to be deleted once it was compared. */
  readonly due: boolean
  /** Not the first number under its unique-id in this listing. */
  readonly extra: boolean
  /** Read to find out which of the numbers under its unique-id are to stay: it may be one of those. */
  readonly ambiguous: boolean
}

/** Left on the server by a decision of this or an earlier run, or, without deletion, because it is delivered. */
export interface Skipped {
  readonly n: number
  readonly entry: LedgerEntry
  readonly why: 'kept' | 'delivered'
}

/** How much a session takes; a message that goes beyond the octets is still taken. */
export interface WorkLimit {
  readonly messages: number
  readonly octets: number
}

export interface Oversize {
  readonly n: number
  readonly uidl: string | null
  readonly listedOctets: number
}

export interface WorkOptions {
  readonly ledger: Ledger
  readonly deleting: boolean
  readonly due: Due
  /** What was kept is tried again, whatever decided it. */
  readonly retryKept: boolean
  readonly maxMessageBytes: number
  readonly fingerprint: string
  /** Has this run kept it? Then it is not tried again. */
  readonly keptNow: (key: string) => boolean
  /** Wall clock at the start of the run, or of the watch that it belongs to: what was kept since is not tried again either. */
  readonly runStart: number
  /** Wall clock now: what was kept later was kept by an earlier run, when the clock was wrong. */
  readonly now: () => number
  readonly limit: WorkLimit
  /** Only messages that the ledger knows: after a session that was lost or spoilt. */
  readonly knownOnly: boolean
  /** What reading or comparing it will cost. */
  readonly octetsOf: (item: WorkItem) => number
  /** Was this message asked for? */
  readonly selects: (n: number, uidl: string | null, listedOctets: number) => boolean
  /** UIDLs set aside for a session of their own. */
  readonly setAside: (uidl: string | null, listedOctets: number) => boolean
  /** Unique-ids of which no entry with bytes answers for a number: all of them are read, however full the session is. */
  readonly ambiguous?: ReadonlySet<string> | undefined
  /** Is told of each message that is stepped over. */
  readonly skipped: (skipped: Skipped) => void
  readonly random: () => number
}

/** Kept by a decision that still stands, or already tried in this run. */
function staysKept(entry: LedgerEntry, options: WorkOptions, listedOctets: number): boolean {
  if (entry.listedOctets !== listedOctets) return false
  if (entry.state === 'deadLettered') return true
  if (entry.state !== 'kept') return false
  if (isOfThisRun(entry, options)) return true
  return (
    !options.retryKept && entry.fingerprint !== null && entry.fingerprint === options.fingerprint
  )
}

const isOfThisRun = ({ key, at }: LedgerEntry, options: WorkOptions): boolean =>
  options.keptNow(key) || (at >= options.runStart && at <= options.now())

const isSuspect = ({ state, reason }: LedgerEntry): boolean =>
  state === 'kept' && (reason === 'suspect' || reason === 'unreadable')

const SET_ASIDE = { extra: false, ambiguous: false }

export class WorkPlan {
  readonly #options: WorkOptions
  #known: WorkItem[] = []
  #fresh: WorkItem[] = []
  readonly #occurrences: Occurrences
  /** Of unique-id and size: an entry answers only for numbers that are listed as it was. */
  readonly #alike: Occurrences
  /** Of the work so far, whether it was handed out already or not. */
  #messages = 0
  #octets = 0
  readonly oversize: Oversize[] = []
  /**
   * Unique-ids of which entries answered for some numbers, and more of the same size were listed. Which of the numbers an
   * entry stands for, only their bytes tell: if those that are further are all new, it was the others; else all are read.
   */
  readonly ambiguous = new Set<string>()
  /** Numbers that entries answered for. */
  answered = 0
  readonly setAside: WorkItem[] = []
  /** Numbers that were not asked for. */
  unselected = 0
  /** Numbers that are delivered, and stay until their time has come. */
  waiting = 0
  /** Numbers that are work but did not fit into this session. */
  leftover = 0
  /** Numbers among the work, fitted or not, that no entry answers for. */
  freshMessages = 0
  /** Numbers among the work that this run has not answered for yet, known from earlier runs or not, and their octets. */
  pendingMessages = 0
  pendingOctets = 0

  constructor(options: WorkOptions) {
    this.#options = options
    this.#occurrences = new Occurrences(options.random)
    this.#alike = new Occurrences(options.random)
  }

  /** Unique-ids of which all numbers are read. */
  get distrusted(): Iterable<string> {
    return this.#options.ambiguous ?? []
  }

  /** UIDLs listed more than once, as far as the plan looked. */
  get repeated(): { has(uidl: string): boolean } {
    return this.#occurrences.repeated
  }

  /** @param entries what the ledger has under the UIDL, where that was asked already */
  consider(
    n: number,
    uidl: string | null,
    listedOctets: number,
    entries?: readonly LedgerEntry[],
  ): void {
    if (!this.#options.selects(n, uidl, listedOctets)) {
      this.unselected += 1
      return
    }
    if (this.#options.setAside(uidl, listedOctets)) {
      const due = this.#isDue(entries ?? this.entries(uidl))
      this.setAside.push({ n, uidl, listedOctets, known: false, due, ...SET_ASIDE })
      return
    }
    if (this.isFull() && !this.#isAmbiguous(uidl)) {
      // 144,524 ledger look-ups in each of 29 sessions would cost more than reading the mail.
      this.leftover += 1
      this.freshMessages += 1
      this.#pend(listedOctets)
      return
    }
    this.#weigh(n, uidl, listedOctets, entries ?? this.entries(uidl))
  }

  entries(uidl: string | null): readonly LedgerEntry[] {
    return uidl === null ? [] : this.#options.ledger.byUidl(uidl)
  }

  #weigh(
    n: number,
    uidl: string | null,
    listedOctets: number,
    entries: readonly LedgerEntry[],
  ): void {
    const before = uidl === null ? 0 : this.#occurrences.add(uidl)
    if (uidl !== null && this.#skip(n, uidl, listedOctets, entries)) return
    const known = entries.some((entry) => this.#isKnown(entry))
    if (!known && listedOctets > this.#options.maxMessageBytes) {
      this.oversize.push({ n, uidl, listedOctets })
      return
    }
    const due = this.#isDue(entries)
    const ambiguous = this.#isAmbiguous(uidl)
    const item = { n, uidl, listedOctets, known, due, extra: before > 0, ambiguous }
    // What an earlier run could not read would spoil a session of healthy messages.
    if (entries.some(isSuspect)) this.setAside.push(item)
    else this.#take(item)
    if (!entries.some((entry) => isOfThisRun(entry, this.#options))) this.#pend(listedOctets)
  }

  /** Was this message listed among those set aside? */
  lists({ uidl, listedOctets }: WorkItem): boolean {
    return this.setAside.some((item) => item.uidl === uidl && item.listedOctets === listedOctets)
  }

  /** Known messages first: once they are deleted, a lost session costs less. */
  get items(): readonly WorkItem[] {
    const { knownOnly } = this.#options
    if (knownOnly && this.#known.some(({ ambiguous }) => !ambiguous)) return this.#known
    return [...this.#known, ...this.#fresh]
  }

  /** Work that this session does not get to. */
  get remaining(): number {
    return this.leftover + this.#known.length + this.#fresh.length - this.items.length
  }

  /** The work that has been considered since the last call: for listings that come window by window. */
  takeNew(): { readonly known: readonly WorkItem[]; readonly fresh: readonly WorkItem[] } {
    const taken = { known: this.#known, fresh: this.#fresh }
    this.#known = []
    this.#fresh = []
    return taken
  }

  /** These are for another session after all. */
  putOff(items: readonly WorkItem[]): void {
    this.leftover += items.length
    for (const item of items) {
      this.#messages -= 1
      this.#octets -= this.#options.octetsOf(item)
    }
  }

  /** Messages that still fit into this session. */
  get room(): number {
    return Math.max(0, this.#options.limit.messages - this.#messages)
  }

  /** Nothing more fits into this session. */
  isFull(): boolean {
    const { limit } = this.#options
    return this.#messages > 0 && (this.#messages >= limit.messages || this.#octets >= limit.octets)
  }

  #take(item: WorkItem): void {
    if (!item.known) this.freshMessages += 1
    // Read however full the session is: it must not be full of them either.
    if (!item.ambiguous) {
      this.#messages += 1
      this.#octets += this.#options.octetsOf(item)
    }
    const list = item.known ? this.#known : this.#fresh
    list.push(item)
  }

  #pend(octets: number): void {
    this.pendingMessages += 1
    this.pendingOctets += octets
  }

  /**
   * In one session an entry answers for 1 + copies numbers. Where there are more of its unique-id and size it may be any of
   * them: the first numbers may be those that a killed run did not get to (G6).
   */
  #skip(n: number, uidl: string, listedOctets: number, entries: readonly LedgerEntry[]): boolean {
    const before = this.#alike.add(`${listedOctets} ${uidl}`)
    let answered = 0
    let byBytes = false
    for (const entry of entries) {
      const why = this.#staysAs(entry, uidl, listedOctets, entries)
      if (why === undefined) continue
      answered += 1 + entry.copies
      byBytes ||= entry.sha256 !== null
      if (before >= answered) continue
      this.answered += 1
      if (why === 'delivered' && this.#options.deleting) this.waiting += 1
      this.#options.skipped({ n, entry, why })
      return true
    }
    if (byBytes) this.ambiguous.add(uidl)
    return false
  }

  /** Does the entry speak of a message that is to stay, and that may be this one? */
  #staysAs(
    entry: LedgerEntry,
    uidl: string,
    listedOctets: number,
    entries: readonly LedgerEntry[],
  ): Skipped['why'] | undefined {
    if (entry.sha256 !== null && this.#isAmbiguous(uidl)) return undefined
    if (staysKept(entry, this.#options, listedOctets)) return 'kept'
    const stays = !this.#options.deleting || this.#waits(entries)
    return stays && this.#isDelivered(entry, listedOctets) ? 'delivered' : undefined
  }

  #isAmbiguous(uidl: string | null): boolean {
    return uidl !== null && this.#options.ambiguous?.has(uidl) === true
  }

  /** Is any of them delivered, and not for long enough? Then no number under this unique-id is deleted. */
  #waits(entries: readonly LedgerEntry[]): boolean {
    return entries.some((entry) => this.#isKnown(entry) && !this.#options.due.isDue(entry))
  }

  #isDue(entries: readonly LedgerEntry[]): boolean {
    return entries.some((entry) => this.#isKnown(entry)) && !this.#waits(entries)
  }

  #isDelivered(entry: LedgerEntry, listedOctets: number): boolean {
    return this.#isKnown(entry) && entry.listedOctets === listedOctets
  }

  #isKnown(entry: LedgerEntry): boolean {
    return saysDurable(entry) && this.#options.ledger.holds(entry)
  }
}
