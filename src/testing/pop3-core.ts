/**
 * What the sessions of one server share: options, store, switches, and the record of what happened. Rule: no argument
 * of PASS or AUTH, and none of a command that the server does not know, is ever kept or passed on.
 */
import type { TlsOptions } from 'node:tls'
import { type Behaviour, Switches } from './behaviour.ts'
import type { Mailbox } from './mailbox.ts'
import { Maildrop, View, shuffle } from './maildrop.ts'
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
  readonly kind: 'connect' | 'login' | 'command' | 'expunge' | 'close'
  /** Number of the connection, from 1. */
  readonly session: number
  /** The command's keyword in upper case; empty for other kinds, and for a line that is no command. */
  readonly verb: string
  /** Empty for PASS and for commands that the server does not know; the mechanism alone for AUTH. */
  readonly argument: string
  /** The message that an `expunge` is about; null for other kinds. */
  readonly index: number | null
  /** Milliseconds, monotonic (performance.now). */
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
  /** The latest commands that `log` holds; default 100,000. */
  readonly logLimit?: number
  /** Called at once, in order; what it throws goes to the caller of nobody: let it not throw. */
  readonly onEvent?: (event: Pop3Event) => void
}

export const NO_SUCH_MESSAGE = '-ERR No such message.'

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
  readonly deletions: Pop3Deletion[] = []
  /** Sessions in TRANSACTION. */
  readonly open = new Set<number>()
  logins = 0
  lastLoginAt = -Infinity
  #log: Pop3LogEntry[] = []

  constructor(options: Pop3ServerOptions) {
    this.options = options
    this.capabilities = options.capabilities ?? {}
    this.maildrop = new Maildrop(options.mailbox)
    this.switches = new Switches(options.behaviour ?? {})
  }

  get #logLimit(): number {
    return this.options.logLimit ?? 100_000
  }

  get log(): readonly Pop3LogEntry[] {
    return this.#log.slice(Math.max(0, this.#log.length - this.#logLimit))
  }

  command(session: number, verb: string, argument: string): void {
    const at = performance.now()
    this.#log.push({ session, verb, argument, at })
    if (this.#log.length > 2 * this.#logLimit) this.#log = this.log.slice()
    this.options.onEvent?.({ kind: 'command', session, verb, argument, index: null, at })
  }

  tell(kind: Pop3Event['kind'], session: number, index: number | null = null): void {
    this.options.onEvent?.({
      ...{ kind, session, verb: '', argument: '', index },
      at: performance.now(),
    })
  }

  /** Removes a message for a session, unless somebody else has. */
  expunge(session: number, index: number): void {
    if (!this.maildrop.remove(index)) return
    this.deletions.push({ session, index })
    this.tell('expunge', session, index)
  }

  /** What a session that logs in sees. */
  view(session: number): View {
    const { cappedView, order, renumber } = this.switches.now
    if (this.switches.startsEmpty(session)) return new View(new Uint32Array(0))
    const indexes = this.maildrop.indexes(cappedView)
    if (order === 'newest-first') indexes.reverse()
    if (order === 'shuffled') shuffle(indexes, 1)
    if (renumber === true) shuffle(indexes, session)
    return new View(indexes)
  }

  /** Octets of a message as STAT, LIST and RETR announce them. */
  announced(index: number): number {
    const octets = this.maildrop.octets(index)
    return this.switches.now.announce?.(index, octets) ?? octets
  }

  uidl(index: number, session: number): string {
    const { uidl } = this.maildrop.message(index)
    return this.switches.now.uidlOf?.(index, uidl, session) ?? uidl
  }
}
