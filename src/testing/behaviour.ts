/**
 * How the server departs from the RFCs. Every switch is something that a real server does (named with it); without any
 * the server keeps RFC 1939, 2449, 2595 and 5034. Switches combine, and can be changed while sessions are open.
 */

/** The same in every session, or decided by the session's number (1 is the first connection). */
export type PerSession<T> = T | ((session: number) => T | undefined)

export interface Behaviour {
  /** Gmail, `EXPIRE 0` servers, Mercury: at QUIT, messages that were RETRed go as well as those that were DELEd. */
  quitRemovesRead?: PerSession<boolean> | undefined
  /** InterMail and old poppers: DELE takes effect although the connection ends without QUIT. */
  applyDeletesOnDrop?: PerSession<boolean> | undefined
  /** Proxies in front of other stores: DELE removes at once; QUIT and RSET change nothing. */
  applyDeletesAtOnce?: PerSession<boolean> | undefined
  /** Any server and line: the connection ends instead of the reply to QUIT, after or before UPDATE was done. */
  loseQuitReply?: PerSession<'committed' | 'not-committed'> | undefined
  /** Any server: the connection ends as QUIT comes in, as it does without QUIT. */
  dropAtQuit?: PerSession<boolean> | undefined
  /** RFC 1939 section 6, James, Stalwart: -ERR to QUIT; none, or every second of the deleted messages, is removed. */
  quitError?: PerSession<'none' | 'half'> | undefined
  /** Cyrus, Courier, GMX: +OK to QUIT and nothing goes. A number: only the next so many QUITs that would delete. */
  ignoreDeletes?: number | PerSession<boolean> | undefined
  /** Dovecot on a file that was cut: RETR gives only so many octets, well terminated. Undefined: all of them. */
  shortMessages?: ((index: number, session: number) => number | undefined) | undefined
  /** Dovecot on a file that it may not read (`Message 51 expunged.`): text after `-ERR ` in reply to RETR and TOP. */
  errorOnRetr?: ((index: number, session: number) => string | undefined) | undefined
  /** Exchange: stored sizes in STAT, LIST and the reply to RETR, not those of the bytes that come. */
  announce?: ((index: number, octets: number) => number) | undefined
  /** Cyrus, hash-based servers, migrations: another unique-id (reused, duplicated, all reset). */
  uidlOf?: ((index: number, uidl: string, session: number) => string) | undefined
  /** Old servers: no UIDL, neither in CAPA nor as a command. */
  noUidl?: PerSession<boolean> | undefined
  /** Old servers: no TOP, neither in CAPA nor as a command. */
  noTop?: PerSession<boolean> | undefined
  /** RFC 2449 section 8.1.1: the next so many logins are refused with `-ERR [IN-USE]`. */
  inUse?: number | undefined
  /** Dovecot with `pop3_lock_session=yes`, the RFC's exclusive lock: -ERR [IN-USE] while another session is open. */
  lockMailbox?: boolean | undefined
  /** Gmail, Cyrus `popminpoll`: least seconds between logins, told in CAPA and enforced with `-ERR [LOGIN-DELAY]`. */
  loginDelay?: number | undefined
  /** Text after `+OK `, or a whole status line; after `-ERR …` the connection is closed; null: none ever comes. */
  greeting?: PerSession<string | null> | undefined
  /** Text after `-ERR ` in reply to every login, for instance `[AUTH] no` or `[SYS/TEMP] later`. */
  rejectLogin?: PerSession<string> | undefined
  /** Any line: the connection ends after exactly so many octets of the server's. */
  dropAfterOctets?: PerSession<number> | undefined
  /** Servers with quotas: so many commands are answered, the connection ends at the next, which is not carried out. */
  dropAfterCommands?: PerSession<number> | undefined
  /** James when it cannot open the mailbox: the session starts empty. */
  statZero?: PerSession<boolean> | undefined
  /** The same for the next session that logs in only. */
  statZeroOnce?: boolean | undefined
  /** Gmail (about 250), WildDuck: a session sees only the oldest so many messages. */
  cappedView?: number | undefined
  /** Milliseconds before each reply. */
  delayMs?: number | ((verb: string, session: number) => number) | undefined
  /** Exchange's `MessageRetrievalSortOrder`; Courier by file name. `shuffled` is the same shuffle in each session. */
  order?: 'oldest-first' | 'newest-first' | 'shuffled' | undefined
  /** Servers that read a directory unsorted: another order, so other message-numbers, in every session. */
  renumber?: boolean | undefined
  /** WildDuck: multi-line LIST and UIDL number what is left after DELE anew, while RETR and DELE keep the old numbers. */
  renumberListings?: boolean | undefined
  /** Milliseconds without a command after which the session ends with -ERR; RFC 1939 wants at least ten minutes. */
  idleTimeoutMs?: number | undefined
  /** Bytes to send instead of carrying the command out; undefined: carry it out. A string is latin1, CRLF its own. */
  replyOverride?:
    ((verb: string, argument: string, session: number) => Buffer | string | undefined) | undefined
}

/** Default of `idleTimeoutMs`: the RFC's least. */
const TEN_MINUTES_MS = 600_000

type ByNumber = 'ignoreDeletes' | 'inUse'

/** The switches of a server as they stand, with the countdowns of those that are given as a number of times. */
export class Switches {
  #behaviour: Behaviour
  readonly #left = new Map<ByNumber, number>()

  constructor(behaviour: Behaviour) {
    this.#behaviour = {}
    this.change(behaviour)
  }

  /** Sets the switches that are named; undefined turns one off; a number of times begins anew. */
  change(behaviour: Behaviour): void {
    this.#behaviour = { ...this.#behaviour, ...behaviour }
    for (const name of ['ignoreDeletes', 'inUse'] as const) {
      if (!(name in behaviour)) continue
      const value = behaviour[name]
      if (typeof value === 'number') this.#left.set(name, value)
      else this.#left.delete(name)
    }
  }

  get now(): Readonly<Behaviour> {
    return this.#behaviour
  }

  /** What a switch says for a session. */
  of<T extends boolean | number | string | null>(
    value: PerSession<T> | undefined,
    session: number,
  ): T | undefined {
    return typeof value === 'function' ? value(session) : value
  }

  /** Takes one of the times that are left. */
  takeTurn(name: ByNumber, session: number): boolean {
    const value = this.#behaviour[name]
    if (typeof value !== 'number') return value !== undefined && this.of(value, session) === true
    const left = this.#left.get(name) ?? 0
    if (left > 0) this.#left.set(name, left - 1)
    return left > 0
  }

  /** Does the session that logs in now start empty? */
  startsEmpty(session: number): boolean {
    const once = this.#behaviour.statZeroOnce === true
    if (once) this.#behaviour = { ...this.#behaviour, statZeroOnce: false }
    return once || this.of(this.#behaviour.statZero, session) === true
  }

  get idleTimeoutMs(): number {
    return this.#behaviour.idleTimeoutMs ?? TEN_MINUTES_MS
  }
}
