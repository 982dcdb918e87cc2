/**
 * `compare: 'headers'` (G6): a message that an earlier run delivered is recognised by its octets and its header block, without
 * being read once more. TOP alone never says that it is another message: whatever differs is read.
 */
import type { Ledger, LedgerEntry } from '../../ledger/ledger.ts'
import type { RawMessage } from '../../message.ts'
import type { SourceContext } from '../source.ts'
import { hasReceived, headerBlock, sha256 } from '../../header-block.ts'
import { HEADERS_BOTH_WAYS, type Host } from './host.ts'
import type { Top, Tops } from './tops.ts'
import type { WorkItem } from './work.ts'

export interface HeaderRules {
  /** Wall clock when the run began, ms since 1970 UTC: entries that are younger tell nothing. */
  readonly runStart: number
  /** Was it listed exactly once, in a complete listing of this session? */
  readonly listedOnce: (uidl: string) => boolean
}

export interface HeaderComparisonOptions {
  readonly rules: HeaderRules
  readonly tops: Tops<WorkItem>
  readonly host: Host
  readonly context: Pick<SourceContext, 'ledger'>
  /** Is nothing more to be asked for? */
  readonly isOver: () => boolean
  /** Called before TOPs are waited for: what was asked for must be able to come to its end meanwhile. */
  readonly pause: () => void
  /** Durable, and found to be the message of this entry; `octets` came for it. */
  readonly known: (item: WorkItem, entry: LedgerEntry, octets: number) => void
}

/** SHA-256 of the block that TOP gave; null where none of its lines was empty. */
type Expected = string | null

export class HeaderComparison {
  readonly #options: HeaderComparisonOptions
  readonly #expected = new Map<number, Expected>()

  constructor(options: HeaderComparisonOptions) {
    this.#options = options
  }

  /** Takes out what is recognised by its headers; what comes out is to be read. */
  async *sift(items: Iterable<WorkItem> | AsyncIterable<WorkItem>): AsyncGenerator<WorkItem> {
    const { tops, isOver } = this.#options
    const waiting: WorkItem[] = []
    const take = () => waiting.splice(0)
    for await (const item of items) {
      const comparable = !isOver() && this.#entryOf(item) !== undefined
      if (comparable) waiting.push(item)
      else {
        yield* this.#compare(take())
        yield item
      }
      if (waiting.length >= tops.most) yield* this.#compare(take())
    }
    yield* this.#compare(waiting)
  }

  /** The whole message came after its header block. */
  came(item: WorkItem, message: RawMessage): void {
    const expected = this.#expected.get(item.n)
    if (expected === undefined) return
    this.#expected.delete(item.n)
    const whole = headerBlock(message.raw) === undefined ? null : message.headerSha256
    this.#options.host.headersHeld(whole === expected)
  }

  /**
   * The entry that a header block may be held against: one of an earlier run and alone under its unique-id, which stands for
   * one number then and now, with as many octets as are listed now.
   */
  #entryOf({ uidl, listedOctets, known }: WorkItem): LedgerEntry | undefined {
    const { context, host, rules } = this.#options
    if (!known || uidl === null || host.headers === 'no' || !rules.listedOnce(uidl))
      return undefined
    const [entry, ...others] = context.ledger.byUidl(uidl)
    if (entry === undefined || others.length > 0 || !this.#tells(entry)) return undefined
    return entry.listedOctets === listedOctets && context.ledger.holds(entry) ? entry : undefined
  }

  #tells({ state, at, copies, headerSha256 }: LedgerEntry): boolean {
    const ofEarlierRun = at < this.#options.rules.runStart
    return state === 'delivered' && ofEarlierRun && copies === 0 && headerSha256 !== null
  }

  async *#compare(items: readonly WorkItem[]): AsyncGenerator<WorkItem> {
    const { tops, host, pause, isOver } = this.#options
    let left = items
    while (left.length > 0 && !isOver() && host.headers !== 'no') {
      pause()
      const next = left.slice(0, this.#most)
      left = left.slice(next.length)
      for (const top of await tops.read(next)) if (!this.#isKnown(top)) yield top.item
    }
    yield* left
  }

  /**
   * One alone while it is not known whether there is a TOP, for Dovecot disconnects after 21 refusals; no more than have to be
   * read as well, for behind their bytes it is known what TOP is worth.
   */
  get #most(): number {
    const { host, tops } = this.#options
    if (!host.answersTop) return 1
    return host.headers === 'alone' ? tops.most : Math.min(tops.most, HEADERS_BOTH_WAYS)
  }

  #isKnown(top: Top<WorkItem>): boolean {
    const { host, known } = this.#options
    const { item, block, usable, octets } = top
    host.topAnswered(top.refused === undefined)
    if (!usable) return false
    const digest = block === undefined ? null : sha256(block)
    const entry = this.#entryOf(item)
    const equal = entry !== undefined && block !== undefined && digest === entry.headerSha256
    if (equal && host.headers === 'alone' && hasReceived(block)) {
      known(item, entry, octets)
      return true
    }
    this.#expected.set(item.n, digest)
    return false
  }
}

/** Does a unique-id that is known, or was met before in this session, stand for other bytes now? */
export const isOther = (ledger: Ledger, item: WorkItem, { key }: RawMessage): boolean =>
  item.extra || (item.known && ledger.get(key) === undefined)
