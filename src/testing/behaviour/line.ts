import type { PerSession } from './per-session.ts'

/** Time, order and shape of replies, whatever the command. */
export interface LineBehaviour {
  /** Any server: milliseconds before each reply. */
  delayMs?: number | ((verb: string, session: number) => number) | undefined
  /** Slow loris: replies leave at so many bytes a second; the greeting has the empty verb. */
  bytesPerSecond?: number | ((verb: string, session: number) => number | undefined) | undefined
  /** Hostile servers: the reply to this command (CAPA, LIST, UIDL, RETR) never ends. */
  endless?: PerSession<'CAPA' | 'LIST' | 'UIDL' | 'RETR'> | undefined
  /** Courier (`clients that break here, they violate STD53.`): text after `+OK` in place of the usual one, where it means nothing. */
  statusText?: ((verb: string, session: number) => string | undefined) | undefined
  /** Hostile servers: so many octets at least in a status line; RFC 2449 allows 512. */
  statusOctets?: ((verb: string, session: number) => number | undefined) | undefined
  /** UNIX servers: protocol lines end with LF alone; the lines of a message keep their CRLF. */
  bareLf?: PerSession<boolean> | undefined
  /** Broken servers, faults on the line: bytes behind a reply, such as a second `+OK`; latin1, CRLF its own. */
  afterReply?: ((verb: string, argument: string, session: number) => string | undefined) | undefined
  /** Any server: bytes to send instead of carrying the command out; undefined: carry it out. A string is latin1, CRLF its own. */
  replyOverride?:
    ((verb: string, argument: string, session: number) => Buffer | string | undefined) | undefined
  /** WildDuck before 2026: with commands waiting, the status line of the next reply comes before the end of a RETR. */
  pipeliningRace?: PerSession<boolean> | undefined
  /** Broken proxies: of two commands that came together the second is answered first. */
  swapsReplies?: PerSession<boolean> | undefined
  /** o2.pl: the connection ends when a command comes before the reply to the one before it was sent. */
  breaksPipelining?: PerSession<boolean> | undefined
  /** Dovecot (20): the connection ends when more than so many commands in a row were -ERR. */
  maxErrors?: number | undefined
  /** WildDuck: an unknown command, or a line that is none, ends the connection. */
  closesOnUnknown?: PerSession<boolean> | undefined
  /** Courier (300 s), WildDuck (60 s): milliseconds without a command after which the session ends; RFC 1939 wants ten minutes. */
  idleTimeoutMs?: number | undefined
  /** Most servers: the idle timeout closes the connection without a word; otherwise -ERR is sent first, as Dovecot does. */
  idleSilent?: PerSession<boolean> | undefined
  /** Dovecot (600 s): milliseconds that a client may leave a reply unread; then the connection ends inside it. */
  unreadTimeoutMs?: number | undefined
  /** Any line: the connection ends after exactly so many octets of the server's. */
  dropAfterOctets?: PerSession<number> | undefined
  /** Servers with quotas: so many commands are answered, the connection ends at the next, which is not carried out. */
  dropAfterCommands?: PerSession<number> | undefined
}
