import type { PerSession } from './per-session.ts'

/** Greeting, CAPA, STLS and login. */
export interface LoginBehaviour {
  /** Busy or banning servers: text after `+OK `, or a whole status line; after `-ERR …` the connection is closed; null: none ever comes. */
  greeting?: PerSession<string | null> | undefined
  /** Servers from before 1998, o2.pl: CAPA is answered -ERR (o2.pl only after login), never answered, or never ends. */
  capa?: PerSession<'error' | 'error-after-login' | 'hangs' | 'endless'> | undefined
  /** Gmail, James: the lines of CAPA, which may differ before and after login; also what strips STLS on the way. */
  capaLines?:
    | ((lines: readonly string[], loggedIn: boolean, session: number) => readonly string[])
    | undefined
  /** Attackers on the line: -ERR to STLS, or +OK and then no handshake (CVE-2011-1947). */
  stls?: PerSession<'refused' | 'stalls'> | undefined
  /** Attackers on the line: clear text right behind the +OK to STLS (CVE-2021-22947), latin1, CRLF its own. */
  injectAfterStls?: PerSession<string> | undefined
  /** Various: the line that asks for a SASL response, for instance `+OK` or `+ go ahead`, where RFC 5034 wants `+ `. */
  saslPrompt?: PerSession<string> | undefined
  /** Any server: text after `-ERR ` in reply to every login, for instance `[AUTH] no` or `[SYS/TEMP] later`. */
  rejectLogin?: PerSession<string> | undefined
  /** Servers that guard against guessing: after so many rejected logins every further one is `-ERR [AUTH]`. */
  lockAccountAfter?: number | undefined
  /** RFC 2449 section 8.1.1: the next so many logins are refused with `-ERR [IN-USE]`. */
  inUse?: number | undefined
  /** Dovecot with `pop3_lock_session=yes`: -ERR [IN-USE] while another session is open, the RFC's exclusive lock. */
  lockMailbox?: boolean | undefined
  /** Gmail, Cyrus with `popminpoll`: least seconds between logins, told in CAPA and enforced with `-ERR [LOGIN-DELAY]`. */
  loginDelay?: number | undefined
}
