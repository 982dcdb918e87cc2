/**
 * How replies look on the line, and what is wrong with them whatever the command: the shape of status lines, their pace,
 * replies that mix, never come or never end.
 */
import type { Socket } from 'node:net'
import { pause } from './pause.ts'
import { Outbox } from './outbox.ts'
import type { Pop3Core } from './pop3-core.ts'

/** Octets of an endless reply between two looks whether anybody still reads. */
const ENDLESS_CHUNK = 16 * 1024

export class Wire {
  readonly out: Outbox
  readonly #core: Pop3Core
  readonly #session: number
  readonly #hasMore: () => boolean
  #socket: Socket
  #verb = ''
  #argument = ''
  /** The end of a reply that the next one's status line is to come before. */
  #owed: { readonly text: string; replies: number } | undefined
  /** Refusals in a row. */
  errors = 0

  /** @param hasMore do commands wait? */
  constructor(core: Pop3Core, session: number, socket: Socket, hasMore: () => boolean) {
    const { switches } = core
    this.#core = core
    this.#session = session
    this.#socket = socket
    this.#hasMore = hasMore
    this.out = new Outbox(socket, core.clock, switches.of(switches.now.dropAfterOctets, session))
  }

  /** Goes on on another socket: the same connection under TLS. Call only after `out.flushed`. */
  moveTo(socket: Socket): void {
    this.#socket = socket
    this.out.moveTo(socket)
  }

  /** A command is carried out now. */
  begin(verb: string, argument: string): void {
    this.#verb = verb
    this.#argument = argument
  }

  /** The reply to it is written. */
  finish(): void {
    const more = this.#core.switches.now.afterReply?.(this.#verb, this.#argument, this.#session)
    if (more !== undefined) this.out.text(more)
    const owed = this.#owed
    if (owed === undefined) return
    owed.replies += 1
    if (owed.replies > 1 || !this.#hasMore()) this.#pay()
  }

  /** A status line without its CRLF, or such a line and what follows it. */
  status(line: string): void {
    if (line.startsWith('-ERR')) this.errors += 1
    else if (line.startsWith('+OK')) this.errors = 0
    const [first = '', ...more] = line.split('\r\n')
    this.text([this.#dressed(first), ...more, ''].join('\r\n'))
    this.#pay()
  }

  /** Protocol lines, each with its CRLF. */
  text(lines: string): void {
    const { switches } = this.#core
    const bare = switches.of(switches.now.bareLf, this.#session) === true
    this.out.text(bare ? lines.replaceAll('\r\n', '\n') : lines)
  }

  /** The end of a message. */
  terminate(text: string): void {
    const { switches } = this.#core
    const race = switches.of(switches.now.pipeliningRace, this.#session) === true
    if (race && this.#hasMore()) this.#owed = { text, replies: 0 }
    else this.text(text)
  }

  /** Waits until there is room for more, at the line's pace. */
  async pause(): Promise<void> {
    const rate = this.#rate()
    if (rate === undefined) await this.out.settle(this.#core.switches.now.unreadTimeoutMs)
    else await this.out.trickle(rate)
  }

  /** Is there a reason to `pause`? */
  get due(): boolean {
    return this.out.full || this.#rate() !== undefined
  }

  isEndless(verb: string): boolean {
    const { switches } = this.#core
    return switches.of(switches.now.endless, this.#session) === verb
  }

  /** Lines until the connection ends. @param line makes the next one, without CRLF */
  async endless(line: (i: number) => string): Promise<null> {
    for (let i = 0; !this.out.closed;) {
      let lines = ''
      for (; lines.length < ENDLESS_CHUNK; i += 1) lines += `${line(i)}\r\n`
      this.text(lines)
      await this.pause()
      await pause(this.#core.clock, 0)
    }
    return null
  }

  /** Sends what there is, and nothing more until the connection ends. */
  async silence(): Promise<null> {
    this.out.flush()
    if (this.#socket.destroyed) return null
    return new Promise((resolve) => {
      this.#socket.once('close', () => resolve(null))
    })
  }

  #pay(): void {
    const owed = this.#owed
    this.#owed = undefined
    if (owed !== undefined) this.text(owed.text)
  }

  #dressed(line: string): string {
    const { saslPrompt, statusText } = this.#core.switches.now
    if (/^\+(?: |$)/.test(line))
      return this.#core.switches.of<string>(saslPrompt, this.#session) ?? line
    const text = this.#isMeaningful ? undefined : statusText?.(this.#verb, this.#session)
    if (text === undefined || !line.startsWith('+OK')) return this.#padded(line)
    return this.#padded(`+OK${text === '' ? '' : ` ${text}`}`)
  }

  #padded(line: string): string {
    // A unique-id may hold anything: more of it would be another one.
    if (this.#verb === 'UIDL' && this.#argument !== '') return line
    const octets = this.#core.switches.now.statusOctets?.(this.#verb, this.#session) ?? 0
    return line.length + 2 < octets ? `${line} `.padEnd(octets - 2, 'x') : line
  }

  /** Is the text of the reply what was asked for? */
  get #isMeaningful(): boolean {
    return this.#verb === 'STAT' || (/^(?:LIST|UIDL)$/.test(this.#verb) && this.#argument !== '')
  }

  #rate(): number | undefined {
    const { bytesPerSecond } = this.#core.switches.now
    return typeof bytesPerSecond === 'function'
      ? bytesPerSecond(this.#verb, this.#session)
      : bytesPerSecond
  }
}
