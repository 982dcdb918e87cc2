/**
 * What the server says it can do: the reply to CAPA (RFC 2449). Tolerant of case, spacing and `SASL=PLAIN`, ignores what
 * it does not know, and believes a tag only when the whole word matches.
 */

/** The answer to the last CAPA. All false or null when the server does not know the command. */
export interface Capabilities {
  /** The server answered CAPA with +OK. Without that the optional commands may exist all the same. */
  readonly known: boolean
  readonly top: boolean
  readonly uidl: boolean
  /** USER and PASS are supported. */
  readonly user: boolean
  /** SASL mechanisms in upper case; empty when AUTH is not offered. */
  readonly sasl: readonly string[]
  readonly stls: boolean
  readonly pipelining: boolean
  /** Text that begins with `[` is a response code (RFC 2449 section 8). */
  readonly respCodes: boolean
  /** Only replies with [AUTH] speak about the credentials (RFC 3206). */
  readonly authRespCode: boolean
  /** Seconds between logins (RFC 2449 section 6.5); null when not announced. */
  readonly loginDelaySeconds: number | null
  /** The delay differs by user: the value after login counts. */
  readonly loginDelayPerUser: boolean
  /**
   * Days that mail stays (RFC 2449 section 6.7): 0 = QUIT may remove what was read, Infinity = NEVER, null = not announced
   * or unreadable.
   */
  readonly expireDays: number | null
  /** The days differ by user: the value after login counts. */
  readonly expirePerUser: boolean
  readonly utf8: boolean
  /** User and password may hold UTF-8 (RFC 6856 section 2.1). */
  readonly utf8User: boolean
  /** Error texts in several languages (RFC 6856 section 3). */
  readonly lang: boolean
  /** Name of the server software as it came: for logs after sanitising, never to decide upon. */
  readonly implementation: string | null
}

/** A server that was not asked, or does not know CAPA. */
export const NO_CAPABILITIES: Capabilities = {
  known: false,
  ...{ top: false, uidl: false, user: false, sasl: [], stls: false, pipelining: false },
  ...{ respCodes: false, authRespCode: false, loginDelaySeconds: null, loginDelayPerUser: false },
  ...{ expireDays: null, expirePerUser: false, utf8: false, utf8User: false, lang: false },
  implementation: null,
}

type Mutable = { -readonly [Key in keyof Capabilities]: Capabilities[Key] }

const readers: Readonly<Record<string, (into: Mutable, args: readonly string[]) => void>> = {
  TOP: (into) => (into.top = true),
  UIDL: (into) => (into.uidl = true),
  USER: (into) => (into.user = true),
  STLS: (into) => (into.stls = true),
  PIPELINING: (into) => (into.pipelining = true),
  'RESP-CODES': (into) => (into.respCodes = true),
  LANG: (into) => (into.lang = true),
  'AUTH-RESP-CODE': (into) => (into.authRespCode = true),
  SASL: (into, args) => (into.sasl = [...into.sasl, ...args.map((name) => name.toUpperCase())]),
  IMPLEMENTATION: (into, args) => (into.implementation = args.join(' ')),
  'LOGIN-DELAY': (into, [seconds, scope]) => {
    into.loginDelaySeconds = whole(seconds)
    into.loginDelayPerUser = scope?.toUpperCase() === 'USER'
  },
  EXPIRE: (into, [days, scope]) => {
    into.expireDays = days?.toUpperCase() === 'NEVER' ? Infinity : whole(days)
    into.expirePerUser = scope?.toUpperCase() === 'USER'
  },
  UTF8: (into, [scope]) => {
    into.utf8 = true
    into.utf8User = scope?.toUpperCase() === 'USER'
  },
}

/** @param lines of the reply, without CRLF and dots */
export function parseCapabilities(lines: readonly string[]): Capabilities {
  const result: Mutable = { ...NO_CAPABILITIES, known: true }
  for (const line of lines) {
    const [tag = '', ...args] = line
      .trim()
      .split(/[ \t=]+/)
      .slice(0, 64)
    const name = tag.toUpperCase()
    if (Object.hasOwn(readers, name)) readers[name]?.(result, args)
  }
  return result
}

function whole(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : null
}
