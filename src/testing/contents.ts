/** RETR and TOP (RFC 1939 sections 5 and 7). */
import { numberOf } from './command-lines.ts'
import {
  type Stuffing,
  corrupted,
  endsLine,
  shortened,
  stuff,
  topOf,
  withoutNul,
  wrapped,
} from './message-bytes.ts'
import { NO_SUCH_MESSAGE } from './pop3-core.ts'
import type { Reply, SessionState } from './session-state.ts'

/** Where Maillennium cuts the reply to TOP. */
const TOP_OCTETS = 64 * 1024

interface Found {
  readonly raw: Buffer
  readonly index: number
  readonly n: number
}

export class Contents {
  readonly #state: SessionState

  constructor(state: SessionState) {
    this.#state = state
  }

  retr(argument: string): Reply {
    const { core, session, wire, view, end } = this.#state
    const { now } = core.switches
    const found = this.#find(argument)
    if (typeof found === 'string') return found
    if (now.downloadQuota !== undefined && !core.switches.takeTurn('downloadQuota', session))
      return end(`-ERR ${now.downloadQuotaText ?? 'Download exceed. msg=10'}`)
    const { raw, index, n } = found
    view.read.add(n)
    wire.status(`+OK ${core.announced(index)} octets`)
    const cut = now.cutMessages?.(index, session)
    if (cut !== undefined) {
      this.#send(raw.subarray(0, cut))
      return end()
    }
    const stall = now.stallMessages?.(index, session)
    if (stall !== undefined) {
      this.#send(raw.subarray(0, stall))
      return wire.silence()
    }
    if (wire.isEndless('RETR')) {
      this.#send(raw)
      return wire.endless(() => 'and so on')
    }
    const octets = now.shortMessages?.(index, session)
    return this.#whole(octets === undefined ? raw : shortened(raw, octets), index)
  }

  top(argument: string): Reply {
    const { core, session, wire, end } = this.#state
    const { switches } = core
    if (switches.of(switches.now.noTop, session) === true) return '-ERR Unknown command.'
    const [number, count, ...more] = argument.split(' ')
    const lines = numberOf(count)
    if (lines === undefined || more.length > 0)
      return '-ERR TOP takes a message-number and a number of lines.'
    const found = this.#find(number)
    if (typeof found === 'string') return found
    const form = switches.of(switches.now.top, session)
    const top = form === 'whole' && lines === 0 ? found.raw : topOf(found.raw, lines)
    const sent = form === 'cut' ? top.subarray(0, TOP_OCTETS) : top
    wire.status('+OK')
    const ends = switches.now.cutMessages?.(found.index, session)
    if (ends !== undefined) {
      this.#send(sent.subarray(0, ends))
      return end()
    }
    this.#send(sent, form === 'unstuffed' ? 'none' : undefined)
    this.#end(sent)
    return null
  }

  /** A message as this server and this session have it, or the -ERR line. */
  #find(argument: string | undefined): Found | string {
    const { core, session, view, utf8 } = this.#state
    const n = numberOf(argument)
    const index = n === undefined ? undefined : view.index(n)
    if (n === undefined || index === undefined) return NO_SUCH_MESSAGE
    const { switches } = core
    const { errorOnRetr, nulBytes, wrapsEightBit, corruptMessages } = switches.now
    const error = errorOnRetr?.(index, session)
    if (error !== undefined) return `-ERR ${error}`
    if (!core.maildrop.has(index)) return `-ERR Message ${n} expunged.`
    let raw = core.maildrop.message(index).read()
    const nul = switches.of(nulBytes, session)
    if (nul !== undefined) raw = withoutNul(raw, nul)
    if (!utf8() && switches.of(wrapsEightBit, session) === true) raw = wrapped(raw)
    if (corruptMessages?.(index, session) === true) raw = corrupted(raw)
    return { raw, index, n }
  }

  /** The bytes of a message and the end of the reply, in one of its forms. */
  #whole(raw: Buffer, index: number): Reply {
    const { core, session, wire } = this.#state
    switch (core.switches.now.terminator?.(index, session)) {
      case 'no-crlf':
        this.#send(endsLine(raw) ? raw.subarray(0, -2) : raw)
        wire.terminate('.\r\n')
        return null
      case 'dot-cr':
        this.#send(raw)
        this.#end(raw, '.\r')
        return wire.silence()
      case 'lf':
        this.#send(raw)
        this.#end(raw, '.\n')
        return null
      case undefined:
        this.#send(raw)
        this.#end(raw)
        return null
    }
  }

  #send(raw: Buffer, stuffing?: Stuffing): void {
    const { core, session, wire } = this.#state
    const { switches } = core
    const where = stuffing ?? switches.of(switches.now.stuffing, session) ?? 'after-crlf'
    stuff(raw, where, (piece) => wire.out.bytes(piece))
  }

  #end(raw: Buffer, dot = '.\r\n'): void {
    this.#state.wire.terminate(raw.length > 0 && !endsLine(raw) ? `\r\n${dot}` : dot)
  }
}
