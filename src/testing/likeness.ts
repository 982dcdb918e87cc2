/**
 * Switches and capabilities combined into the likeness of known servers, as far as a POP3 client can tell. Their limits
 * (250 messages, 60 s, 300 s) are those of the servers as they are installed.
 */
import type { Behaviour } from './behaviour/behaviour.ts'
import { sizes } from './behaviour/sizes.ts'
import type { Pop3ServerCapabilities, Pop3ServerOptions } from './pop3-core.ts'

export interface Likeness {
  readonly capabilities: Pop3ServerCapabilities
  readonly behaviour: Behaviour
}

export const likenesses = {
  /** Shows the oldest 250 of what was not read before, hides what was read at QUIT, wants five minutes between logins. */
  gmail: {
    capabilities: { pipelining: 'after-login', expire: '0', more: ['X-GOOGLE-RICO'] },
    behaviour: { quitHidesRead: true, cappedView: 250, recentView: 250, loginDelay: 300 },
  },
  /** No pipelining, no response codes, and sizes of the stored items instead of those of the messages. */
  exchange: {
    capabilities: { pipelining: false, respCodes: false, authRespCode: false },
    behaviour: { announce: sizes.stored },
  },
  /** Shows the newest 250, cuts off after a minute of silence or at an unknown command, deletes after its reply to QUIT. */
  wildduck: {
    capabilities: {},
    behaviour: {
      ...{ newestView: 250, idleTimeoutMs: 60_000, closesOnUnknown: true },
      ...{ renumberListings: true, updateDelayMs: 20 },
      downloadQuotaText: 'Download was rate limited',
    },
  },
  /** No pipelining announced, cuts off after five minutes of silence, wraps mail with 8-bit headers without UTF8. */
  courier: {
    capabilities: { pipelining: false, utf8: true },
    behaviour: {
      ...{ idleTimeoutMs: 300_000, wrapsEightBit: true },
      statusText: (verb) =>
        verb === 'LIST' ? 'POP3 clients that break here, they violate STD53.' : undefined,
    },
  },
  /** The octets of STAT wrap at 4 GiB, lines end at a NUL. */
  cyrus: {
    capabilities: { expire: 'NEVER' },
    behaviour: { statOctets: 'modulo-4-gib', nulBytes: 'cuts-line', loginDelay: 0 },
  },
  /** RSET reads the mailbox again, DELE goes by unique-id, and CAPA tells of UIDL and TOP only after login. */
  james: {
    capabilities: {},
    behaviour: {
      ...{ rsetRereads: true, deleByUidl: true },
      capaLines: (lines, loggedIn) =>
        loggedIn ? lines : lines.filter((line) => line !== 'UIDL' && line !== 'TOP'),
    },
  },
  /** Closes after more than 20 refusals in a row, and on clients that do not read for ten minutes. */
  dovecot: {
    capabilities: { more: ['CAPA'] },
    behaviour: { maxErrors: 20, unreadTimeoutMs: 600_000 },
  },
  /** TOP n 0 gives the whole message, LIST and UIDL go on showing what was deleted, STAT wraps at 4 GiB. */
  stalwart: {
    capabilities: {},
    behaviour: { top: 'whole', listsDeleted: true, statOctets: 'modulo-4-gib' },
  },
} as const satisfies Record<string, Likeness>

export type LikenessName = keyof typeof likenesses

/**
 * Options that make a server look like a known one: `startPop3Server({ mailbox, ...likeness('gmail') })`.
 * @param change switches and capabilities beside or instead of its own
 */
export function likeness(
  name: LikenessName,
  change: Partial<Likeness> = {},
): Pick<Pop3ServerOptions, 'capabilities' | 'behaviour'> {
  const { capabilities, behaviour }: Likeness = likenesses[name]
  return {
    capabilities: { ...capabilities, ...change.capabilities },
    behaviour: { ...behaviour, ...change.behaviour },
  }
}
