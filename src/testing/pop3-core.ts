/**
 * What the sessions of one server share: options, store, switches, and the record of what happened. Rule: no argument
 * of PASS or AUTH, and none of a command that the server does not know, is ever kept or passed on.
 */
import type { TlsOptions } from 'node:tls'
import { type Clock, systemClock } from '../clock.ts'
import type { Behaviour } from './behaviour/behaviour.ts'
import { Switches } from './behaviour/switches.ts'
import type { Mailbox, MailboxMessage } from './mailbox.ts'
import { Maildrop, View } from './maildrop.ts'
import { NOTHING, type Order, newest, oldest, only, reversed, shuffled } from './order.ts'
import type { ServerMechanism } from './sasl.ts'

/** What CAPA says (RFC 2449). Only the saying: the commands work all the same, unless a behaviour turns them off. */
export interface Pop3ServerCapabilities {
  /** Default true; `after-login` as Gmail has it. */
  readonly pipelining?: boolean | 'after-login'
  /** Default true. */
  readonly uidl?: boolean
  /** Default true. */
  readonly top?: boolean
  /** Default true. */
  readonly user?: boolean
  /** Arguments of EXPIRE, for instance `0`, `NEVER`, `31 USER`; undefined (default): not listed. */
  readonly expire?: string | undefined
  /** Default true: `SASL PLAIN`, unless `sasl` is given. */
  readonly saslPlain?: boolean
  /** SASL mechanisms, which then are all that AUTH knows. */
  readonly sasl?: readonly ServerMechanism[] | undefined
  /** Default false: a timestamp in the greeting (RFC 1939 section 7), and the command APOP. */
  readonly apop?: boolean
  /** Default false (RFC 6856); `user`: also in user and password. */
  readonly utf8?: boolean | 'user'
  /** Default true. */
  readonly respCodes?: boolean
  /** Default true (RFC 3206). */
  readonly authRespCode?: boolean
  /** Further lines. */
  readonly more?: readonly string[]
  /** Default true; false: CAPA is answered -ERR, as servers from before 1998 do. */
  readonly capa?: boolean
}

export interface Pop3ServerTls extends Pick<TlsOptions, TlsOptionName> {
  /** From the first byte on (RFC 8314), or by the command STLS (RFC 2595). */
  readonly mode: 'implicit' | 'stls'
}

type TlsOptionName = 'key' | 'cert' | 'ca' | 'requestCert' | 'minVersion' | 'maxVersion' | 'ciphers'

/** Something that happened, in order. */
export interface Pop3Event {
  readonly kind: 'connect' | 'login' | 'command' | 'expunge' | 'hide' | 'close'
  /** Number of the connection, from 1. */
  readonly session: number
  /** The command's keyword in upper case; empty for other kinds, and for a line that is no command. */
  readonly verb: string
  /** Empty for PASS and for commands that the server does not know; the mechanism alone for AUTH. */
  readonly argument: string
  /** The message that an `expunge` or a `hide` is about; null for other kinds. */
  readonly index: number | null
  /** Milliseconds, monotonic. */
  readonly at: number
}

/** A command that came in. */
export interface Pop3LogEntry extends Pick<Pop3Event, 'session' | 'verb' | 'argument' | 'at'> {}

/** A message that UPDATE removed. */
export interface Pop3Deletion {
  readonly session: number
  readonly index: number
}

export interface Pop3ServerOptions {
  readonly mailbox: Mailbox
  /** Default `user`. */
  readonly user?: string
  /** Default `secret`. */
  readonly password?: string
  /** Which access tokens XOAUTH2 and OAUTHBEARER accept; default none. */
  readonly acceptsToken?: ((token: string) => boolean) | undefined
  /** Default 0: any free port. */
  readonly port?: number
  /** Default 127.0.0.1. */
  readonly host?: string
  readonly tls?: Pop3ServerTls
  readonly capabilities?: Pop3ServerCapabilities
  readonly behaviour?: Behaviour
  /** The latest commands that `log` holds, and the latest removals that `deletions` holds; default 100,000 of each. */
  readonly logLimit?: number
  /** Time of delays and timeouts; the machine's unless given. */
  readonly clock?: Clock
  /** Called at once, in order; what it throws goes to the caller of nobody: let it not throw. */
  readonly onEvent?: (event: Pop3Event) => void
}

export const NO_SUCH_MESSAGE = '-ERR No such message.'

/** Commands of RFC 1939, 2449, 2595, 5034 and 6856. */
export const KNOWN_VERBS: ReadonlySet<string> = new Set([
  ...['USER', 'PASS', 'APOP', 'AUTH', 'CAPA', 'STLS', 'UTF8', 'LANG', 'QUIT'],
  ...['STAT', 'LIST', 'UIDL', 'RETR', 'TOP', 'DELE', 'NOOP', 'RSET'],
])

const KNOWN_ARGUMENTS = new Set(['USER', 'LIST', 'UIDL', 'RETR', 'TOP', 'DELE', 'STAT', 'CAPA'])

/** What of a command's argument may be kept. */
export function speakable(verb: string, argument: string): string {
  if (verb === 'AUTH') return /^[A-Za-z0-9_-]{1,20}(?= |$)/.exec(argument)?.[0].toUpperCase() ?? ''
  return KNOWN_ARGUMENTS.has(verb) ? argument : ''
}

export class Pop3Core {
  readonly options: Pop3ServerOptions
  readonly capabilities: Pop3ServerCapabilities
  readonly maildrop: Maildrop
  readonly switches: Switches
  readonly clock: Clock
  /** Sessions in TRANSACTION. */
  readonly open = new Set<number>()
  logins = 0
  lastLoginAt = -Infinity
  /** Logins rejected for name or password. */
  rejected = 0
  #log: Pop3LogEntry[] = []
  #deletions: Pop3Deletion[] = []
  #total: { readonly announce: Behaviour['announce']; octets: number } | undefined

  constructor(options: Pop3ServerOptions) {
    this.options = options
    this.capabilities = options.capabilities ?? {}
    this.maildrop = new Maildrop(options.mailbox)
    this.switches = new Switches(options.behaviour ?? {})
    this.clock = options.clock ?? systemClock
  }

  get #logLimit(): number {
    return this.options.logLimit ?? 100_000
  }

  get log(): readonly Pop3LogEntry[] {
    return this.#log.slice(Math.max(0, this.#log.length - this.#logLimit))
  }

  command(session: number, verb: string, argument: string): void {
    const at = this.clock.monotonic()
    this.#log.push({ session, verb, argument, at })
    if (this.#log.length > 2 * this.#logLimit) this.#log = this.log.slice()
    this.options.onEvent?.({ kind: 'command', session, verb, argument, index: null, at })
  }

  tell(kind: Pop3Event['kind'], session: number, index: number | null = null): void {
    this.options.onEvent?.({
      ...{ kind, session, verb: '', argument: '', index },
      at: this.clock.monotonic(),
    })
  }

  /** Removes a message for a session, unless somebody else has. */
  expunge(session: number, index: number): void {
    if (!this.remove(index)) return
    this.#deletions.push({ session, index })
    if (this.#deletions.length > 2 * this.#logLimit) this.#deletions = this.deletions.slice()
    this.tell('expunge', session, index)
  }

  /** The latest, oldest first: at most `logLimit`. */
  get deletions(): readonly Pop3Deletion[] {
    return this.#deletions.slice(Math.max(0, this.#deletions.length - this.#logLimit))
  }

  add(message: MailboxMessage): number {
    const index = this.maildrop.add(message)
    this.#sum(index, 1)
    return index
  }

  /** False if it had gone already. */
  remove(index: number): boolean {
    const counted = this.maildrop.isVisible(index)
    const removed = this.maildrop.remove(index)
    if (removed && counted) this.#sum(index, -1)
    return removed
  }

  /** Hides a message from all later sessions but `recent:` ones. */
  hide(session: number, index: number): void {
    if (!this.maildrop.isVisible(index)) return
    this.#sum(index, -1)
    this.maildrop.hide(index)
    this.tell('hide', session, index)
  }

  /** What a session that logs in sees. @param recent it asked for the latest mail, hidden or not */
  view(session: number, recent: boolean): View {
    const { cappedView, newestView, recentView, shows } = this.switches.now
    if (this.switches.startsEmpty(session)) return new View(NOTHING)
    let order = this.maildrop.snapshot({ hiddenToo: recent })
    if (recent) order = newest(order, recentView ?? Infinity)
    if (shows !== undefined) order = only(order, (index) => shows(index, session) ?? true)
    order = newest(oldest(order, cappedView ?? Infinity), newestView ?? Infinity)
    return new View(this.#numbered(order, session))
  }

  #numbered(order: Order, session: number): Order {
    const { order: sorted, renumber } = this.switches.now
    if (renumber === true) return shuffled(order, session)
    if (sorted === 'shuffled') return shuffled(order, 1)
    return sorted === 'newest-first' ? reversed(order) : order
  }

  /** Octets of all visible messages as announced: summed once, then kept up with what comes and goes. */
  get octets(): number {
    const { announce } = this.switches.now
    if (this.#total === undefined || this.#total.announce !== announce)
      this.#total = { announce, octets: this.#sumUp() }
    return this.#total.octets
  }

  #sumUp(): number {
    const { size } = this.maildrop
    let octets = 0
    for (let index = 0; index < size; index += 1)
      if (this.maildrop.isVisible(index)) octets += Number(this.announced(index))
    return octets
  }

  #sum(index: number, sign: 1 | -1): void {
    if (this.#total === undefined) return
    if (this.#total.announce === this.switches.now.announce)
      this.#total.octets += sign * Number(this.announced(index))
    else this.#total = undefined
  }

  /** Octets of a message as STAT, LIST and RETR announce them. */
  announced(index: number): number | bigint {
    const octets = this.maildrop.octets(index)
    const { announce } = this.switches.now
    return announce?.(index, octets, () => this.maildrop.message(index).read()) ?? octets
  }

  uidl(index: number, session: number): string {
    const { uidl } = this.maildrop.message(index)
    return this.switches.now.uidlOf?.(index, uidl, session) ?? uidl
  }
}
