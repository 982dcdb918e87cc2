/** STAT, LIST and UIDL (RFC 1939 sections 5 and 7). */
import { numberOf } from './command-lines.ts'
import { NO_SUCH_MESSAGE } from './pop3-core.ts'
import type { Reply, SessionState } from './session-state.ts'

const LISTING_CHUNK = 16 * 1024
const FOUR_GIB = 2 ** 32

/** One of the two listings. */
interface Kind {
  readonly verb: 'LIST' | 'UIDL'
  /** The value of a message; undefined where its line is left out. */
  readonly value: (index: number) => string | undefined
  readonly line: (n: number, value: string) => string
}

export class Listings {
  readonly #state: SessionState
  readonly #list: Kind
  readonly #uidl: Kind
  /** Octets of the view; undefined: not added up yet. */
  #octets: number | undefined

  constructor(state: SessionState) {
    this.#state = state
    const { core, view } = state
    // Another session may take or add mail before this one asks; what login found is what counts.
    this.#octets = view.count === core.maildrop.visible ? core.octets : undefined
    this.#list = {
      verb: 'LIST',
      value: (index) => (this.#omitsSize(index) ? undefined : String(core.announced(index))),
      line: (n, value) => `${n} ${value}\r\n`,
    }
    this.#uidl = {
      verb: 'UIDL',
      value: (index) => this.#uidlOf(index),
      line: (n, value) => this.#uidlLine(n, value),
    }
  }

  stat(argument: string): Reply {
    if (argument !== '') return '-ERR STAT takes no argument.'
    const { core, session, view } = this.#state
    const { switches } = core
    const octets = this.#liveOctets()
    switch (switches.of(switches.now.statOctets, session)) {
      case 'modulo-4-gib':
        return `+OK ${view.live} ${octets % FOUR_GIB}`
      case 'negative':
        return `+OK ${view.live} ${-1 - octets}`
      case 'absent':
        return `+OK ${view.live}`
      case 'followed-by-text':
        return `+OK ${view.live} ${octets} octets in maildrop`
      case undefined:
        return `+OK ${view.live} ${octets}`
    }
  }

  list(argument: string): Reply {
    return this.#answer(argument, this.#list)
  }

  uidl(argument: string): Reply {
    const { core, session } = this.#state
    const { switches } = core
    if (switches.of(switches.now.noUidl, session) === true) return '-ERR Unknown command.'
    return this.#answer(argument, this.#uidl)
  }

  /** A message is marked as deleted. */
  deleted(index: number): void {
    if (this.#octets !== undefined) this.#octets -= Number(this.#state.core.announced(index))
  }

  /** The marks are gone, or the view is another. */
  renewed(): void {
    this.#octets = undefined
  }

  #liveOctets(): number {
    if (this.#octets === undefined) {
      const { core, view } = this.#state
      this.#octets = 0
      for (let n = 1; n <= view.count; n += 1) {
        const index = view.index(n)
        if (index !== undefined) this.#octets += Number(core.announced(index))
      }
    }
    return this.#octets
  }

  #answer(argument: string, kind: Kind): Reply {
    const { core, session } = this.#state
    const { switches } = core
    const form = switches.of(switches.now.oneLine, session)
    if (argument === '' || form === 'whole-listing') return this.#whole(kind)
    const n = numberOf(argument)
    const index = n === undefined ? undefined : this.#index(n)
    const value = index === undefined ? undefined : kind.value(index)
    if (value === undefined) return NO_SUCH_MESSAGE
    return form === 'value-only' ? `+OK ${value}` : `+OK ${argument} ${value}`
  }

  #index(n: number): number | undefined {
    const { core, session, view } = this.#state
    const all = core.switches.of(core.switches.now.listsDeleted, session) === true
    if (all && n >= 1 && n <= view.count) return view.indexAnyway(n)
    return view.index(n)
  }

  async #whole(kind: Kind): Promise<null> {
    const { wire, view, end } = this.#state
    wire.status(`+OK ${view.live} messages`)
    let lines = ''
    for (const line of this.#lines(kind)) {
      lines += line
      if (lines.length < LISTING_CHUNK) continue
      wire.text(lines)
      lines = ''
      if (wire.due) await wire.pause()
      if (wire.out.closed) return null
    }
    wire.text(lines)
    if (this.#fault(kind) === 'cut') return end()
    if (wire.isEndless(kind.verb))
      return wire.endless((i) => kind.line(view.count + 1 + i, String(i)).trimEnd())
    wire.text('.\r\n')
    return null
  }

  *#lines(kind: Kind): Iterable<string> {
    const { core, view } = this.#state
    const renumber = core.switches.now.renumberListings === true
    const fault = this.#fault(kind)
    if (fault === 'zero') yield kind.line(0, 'zero')
    const last = fault === 'cut' ? Math.ceil(view.count / 2) : view.count
    let shown = 0
    for (let n = 1; n <= last; n += 1) {
      const index = this.#index(n)
      if (index === undefined) continue
      shown += 1
      const value = kind.value(index)
      if (value !== undefined) yield kind.line(renumber ? shown : n, value)
    }
    if (fault === 'repeats') yield kind.line(last, 'again')
    if (fault === 'beyond-stat') yield kind.line(last + 1, 'beyond')
  }

  #fault({ verb }: Kind): 'cut' | 'repeats' | 'beyond-stat' | 'zero' | undefined {
    const { core, session } = this.#state
    if (verb === 'LIST') return undefined
    return core.switches.of(core.switches.now.uidlListing, session)
  }

  #omitsSize(index: number): boolean {
    const { core, session } = this.#state
    return core.switches.now.omitSize?.(index, session) === true
  }

  #uidlOf(index: number): string | undefined {
    const { core, session } = this.#state
    const omitted = core.switches.now.omitUidl?.(index, session)
    if (omitted === 'line') return undefined
    return omitted === 'value' ? '' : core.uidl(index, session)
  }

  #uidlLine(n: number, value: string): string {
    const { core, session } = this.#state
    switch (core.switches.of(core.switches.now.uidlLines, session)) {
      case 'two-spaces':
        return `${n}  ${value}\r\n`
      case 'ok-first':
        return `+OK ${n} ${value}\r\n`
      case 'tab':
        return `${n}\t${value}\r\n`
      case 'space-last':
        return `${n} ${value} \r\n`
      case undefined:
        return `${n} ${value}\r\n`
    }
  }
}
