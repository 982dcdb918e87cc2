/**
 * The TRANSACTION and UPDATE states of a session (RFC 1939 sections 5 and 6). Rule: message-numbers are those of login
 * for the whole session, and nothing is removed before UPDATE unless a behaviour says so.
 */
import { numberOf } from './command-lines.ts'
import type { View } from './maildrop.ts'
import type { Outbox } from './outbox.ts'
import { NO_SUCH_MESSAGE, type Pop3Core } from './pop3-core.ts'

const LISTING_CHUNK = 16 * 1024

/** The status line still to be sent; null: the reply is written. A promise where the client has to read meanwhile. */
export type Reply = string | null | Promise<string | null>

export class Transaction {
  readonly #core: Pop3Core
  readonly #session: number
  readonly #out: Outbox
  readonly #view: View
  #octets: number | undefined

  constructor(core: Pop3Core, session: number, out: Outbox) {
    this.#core = core
    this.#session = session
    this.#out = out
    this.#view = core.view(session)
  }

  /** Messages that login found. */
  get count(): number {
    return this.#view.count
  }

  /** Carries a command out. */
  handle(verb: string, argument: string): Reply {
    switch (verb) {
      case 'STAT':
        return this.#stat(argument)
      case 'LIST':
        return this.#listing(argument, (index) => String(this.#core.announced(index)))
      case 'UIDL':
        return this.#uidl(argument)
      case 'RETR':
        return this.#retr(argument)
      case 'TOP':
        return this.#top(argument)
      case 'DELE':
        return this.#dele(argument)
      case 'NOOP':
        return argument === '' ? '+OK' : '-ERR NOOP takes no argument.'
      case 'RSET':
        return this.#rset(argument)
      default:
        return '-ERR Unknown command.'
    }
  }

  #stat(argument: string): Reply {
    if (argument !== '') return '-ERR STAT takes no argument.'
    return `+OK ${this.#view.live} ${this.#liveOctets()}`
  }

  #liveOctets(): number {
    if (this.#octets === undefined) {
      this.#octets = 0
      for (let n = 1; n <= this.#view.count; n += 1) {
        const index = this.#view.index(n)
        if (index !== undefined) this.#octets += this.#core.announced(index)
      }
    }
    return this.#octets
  }

  #uidl(argument: string): Reply {
    const { switches } = this.#core
    if (switches.of(switches.now.noUidl, this.#session) === true) return '-ERR Unknown command.'
    return this.#listing(argument, (index) => this.#core.uidl(index, this.#session))
  }

  #listing(argument: string, say: (index: number) => string): Reply {
    if (argument === '') return this.#fullListing(say)
    const n = numberOf(argument)
    const index = n === undefined ? undefined : this.#view.index(n)
    return index === undefined ? NO_SUCH_MESSAGE : `+OK ${argument} ${say(index)}`
  }

  async #fullListing(say: (index: number) => string): Promise<null> {
    const renumber = this.#core.switches.now.renumberListings === true
    this.#out.text(`+OK ${this.#view.live} messages\r\n`)
    let lines = ''
    let shown = 0
    for (let n = 1; n <= this.#view.count; n += 1) {
      const index = this.#view.index(n)
      if (index === undefined) continue
      shown += 1
      lines += `${renumber ? shown : n} ${say(index)}\r\n`
      if (lines.length < LISTING_CHUNK) continue
      this.#out.text(lines)
      lines = ''
      if (this.#out.full) await this.#out.settle()
      if (this.#out.cut) return null
    }
    this.#out.text(`${lines}.\r\n`)
    return null
  }

  /** The bytes of a message, or the -ERR line. */
  #read(argument: string | undefined): { raw: Buffer; index: number; n: number } | string {
    const n = numberOf(argument)
    const index = n === undefined ? undefined : this.#view.index(n)
    if (n === undefined || index === undefined) return NO_SUCH_MESSAGE
    const error = this.#core.switches.now.errorOnRetr?.(index, this.#session)
    if (error !== undefined) return `-ERR ${error}`
    if (!this.#core.maildrop.has(index)) return `-ERR Message ${n} expunged.`
    return { raw: this.#core.maildrop.message(index).read(), index, n }
  }

  #retr(argument: string): Reply {
    const found = this.#read(argument)
    if (typeof found === 'string') return found
    const { raw, index, n } = found
    this.#view.read.add(n)
    this.#out.text(`+OK ${this.#core.announced(index)} octets\r\n`)
    const octets = this.#core.switches.now.shortMessages?.(index, this.#session)
    this.#out.message(octets === undefined ? raw : shortened(raw, octets))
    return null
  }

  #top(argument: string): Reply {
    const { switches } = this.#core
    if (switches.of(switches.now.noTop, this.#session) === true) return '-ERR Unknown command.'
    const [number, count, ...more] = argument.split(' ')
    const lines = numberOf(count)
    if (lines === undefined || more.length > 0)
      return '-ERR TOP takes a message-number and a number of lines.'
    const found = this.#read(number)
    if (typeof found === 'string') return found
    this.#out.text('+OK\r\n')
    this.#out.message(topOf(found.raw, lines))
    return null
  }

  #dele(argument: string): Reply {
    const n = numberOf(argument)
    const index = n === undefined ? undefined : this.#view.index(n)
    if (n === undefined || index === undefined) return NO_SUCH_MESSAGE
    const { switches } = this.#core
    if (this.#octets !== undefined) this.#octets -= this.#core.announced(index)
    this.#view.deleted.add(n)
    if (switches.of(switches.now.applyDeletesAtOnce, this.#session) === true)
      this.#core.expunge(this.#session, index)
    return `+OK Message ${n} deleted.`
  }

  #rset(argument: string): Reply {
    if (argument !== '') return '-ERR RSET takes no argument.'
    this.#view.deleted.clear()
    this.#octets = undefined
    return '+OK'
  }

  /** The connection ended without UPDATE. */
  abandon(): void {
    const { switches } = this.#core
    if (switches.of(switches.now.applyDeletesOnDrop, this.#session) !== true) return
    for (const n of this.#view.deleted.values())
      this.#core.expunge(this.#session, this.#view.indexAnyway(n))
  }

  /** UPDATE. Returns the status line of QUIT. */
  update(): string {
    const { switches } = this.#core
    const leaving = this.#leaving()
    const error = switches.of(switches.now.quitError, this.#session)
    if (leaving.length === 0) return '+OK Bye.'
    if (switches.takeTurn('ignoreDeletes', this.#session)) return '+OK Bye, messages deleted.'
    leaving.forEach((n, i) => {
      if (error === undefined || (error === 'half' && i % 2 === 0))
        this.#core.expunge(this.#session, this.#view.indexAnyway(n))
    })
    return error === undefined
      ? '+OK Bye, messages deleted.'
      : '-ERR [SYS/TEMP] Some deleted messages were not removed.'
  }

  /** Numbers that QUIT removes. */
  #leaving(): Uint32Array {
    const { switches } = this.#core
    const { deleted, read } = this.#view
    const alsoRead = switches.of(switches.now.quitRemovesRead, this.#session) === true
    if (!alsoRead) return Uint32Array.from(deleted.values())
    for (const n of read.values()) deleted.add(n)
    return Uint32Array.from(deleted.values())
  }
}

/** The first octets of a message, the last two of them CRLF, as a well terminated reply needs them. */
function shortened(raw: Buffer, octets: number): Buffer {
  if (octets >= raw.length) return raw
  const short = Buffer.from(raw.subarray(0, octets))
  if (octets >= 2) short.write('\r\n', octets - 2, 'latin1')
  return short
}

/** Header block, empty line, and so many lines of the body (RFC 1939 section 7). */
function topOf(raw: Buffer, lines: number): Buffer {
  const empty = raw.indexOf('\r\n\r\n')
  let end = raw[0] === 13 && raw[1] === 10 ? 2 : empty === -1 ? raw.length : empty + 4
  for (let left = lines; left > 0 && end < raw.length; left -= 1) {
    const next = raw.indexOf('\r\n', end)
    end = next === -1 ? raw.length : next + 2
  }
  return raw.subarray(0, end)
}
