/**
 * A drain at the granularity of sessions, with a virtual clock: what a server costs is a formula, and the plan of each
 * session decides how much of the mailbox it reads.
 */
import {
  type PlanReason,
  type SessionBounds,
  type SessionPlan,
  type SessionRecord,
  learn,
  newPlanner,
  planSession,
} from '../../src/sources/pop3/planner/planner.ts'

/** Costs of a server, ms. */
export interface CostlyServer {
  readonly openMs: number
  readonly openMessageMs: { readonly cold: number; readonly warm: number }
  readonly readMessageMs: number
  readonly readOctetMs: number
  readonly quitMs: number
  readonly deleteMs: number
  /** A message that is left when QUIT has deleted: mbox is written anew. */
  readonly rewriteMs: number
  readonly loginDelayMs?: number
  /** Each session is dropped so long after connecting; a function is asked once a session. */
  readonly dropsAfterMs?: number | (() => number)
  /** Each session is dropped after so many octets of mail. */
  readonly dropsAfterOctets?: number
}

export interface CostlyMailbox {
  readonly messages: number
  readonly octetsPerMessage: number
}

export interface Drained {
  readonly sessions: number
  readonly lost: number
  readonly ms: number
  readonly openMs: number
  /** Waiting for the next login. */
  readonly waitMs: number
  /** The part of QUIT that the number of DELEs does not change. */
  readonly rewriteMs: number
  /** Octets that were read more than once. */
  readonly twiceOctets: number
  readonly octets: number
  readonly whys: readonly PlanReason[]
  /** Messages that came to a good end, a figure a session; 0: lost. */
  readonly lengths: readonly number[]
}

export const NO_BOUNDS: SessionBounds = { messages: Infinity, octets: Infinity, ms: Infinity }
/** More sessions than any drain of these tests may need. */
const MOST_SESSIONS = 100_000

export interface DrainSettings {
  readonly server: CostlyServer
  readonly mailbox: CostlyMailbox
  readonly bounds?: SessionBounds
  /** Fixed batches beside the planner. */
  readonly fixedMessages?: number
  /** Factor of every time, for noise: drawn once a session. */
  readonly noise?: () => number
}

export function drainInSessions(settings: DrainSettings): Drained {
  const { server, mailbox, bounds = NO_BOUNDS, fixedMessages, noise = () => 1 } = settings
  let planner = newPlanner()
  let left = mailbox.messages
  /** Read in a session that was lost: known, to be compared when read again. */
  let known = 0
  const sums = { sessions: 0, lost: 0, ms: 0, openMs: 0, waitMs: 0, rewriteMs: 0, twiceOctets: 0 }
  const whys: PlanReason[] = []
  const lengths: number[] = []
  while (left > 0 && sums.sessions < MOST_SESSIONS) {
    const slow = noise()
    const openMs = slow * openingMs(server, left, sums.sessions === 0)
    const plan =
      fixedMessages === undefined
        ? planSession(planner, {
            ...{ messages: left, octets: left * mailbox.octetsPerMessage, openMs, bounds },
            ...{ loginDelayMs: server.loginDelayMs ?? 0, deletes: true },
          })
        : fixed(fixedMessages)
    whys.push(plan.why)
    const record = session(server, mailbox, { left, openMs, plan, slow })
    if (fixedMessages === undefined) planner = learn(planner, record)
    const wholeMs = record.openMs + record.readMs + (record.quitMs ?? 0)
    const waitMs = Math.max(0, (server.loginDelayMs ?? 0) - wholeMs)
    sums.sessions += 1
    sums.ms += wholeMs + waitMs
    sums.openMs += openMs
    sums.waitMs += waitMs
    sums.twiceOctets += Math.min(known, record.read) * mailbox.octetsPerMessage
    if (record.end === 'quit') {
      left -= record.deleted
      known = Math.max(0, known - record.deleted)
      sums.rewriteMs += slow * (server.quitMs + server.rewriteMs * left)
      lengths.push(record.deleted)
    } else {
      sums.lost += 1
      known = Math.max(known, record.read)
      lengths.push(0)
    }
  }
  const looksMs = 2 * server.openMs
  const looksWaitMs = Math.max(0, (server.loginDelayMs ?? 0) - server.openMs)
  return {
    ...{ ...sums, whys, lengths, octets: mailbox.messages * mailbox.octetsPerMessage },
    sessions: sums.sessions + 2,
    ms: sums.ms + looksMs + looksWaitMs,
    openMs: sums.openMs + looksMs,
    waitMs: sums.waitMs + looksWaitMs,
  }
}

/** Share of the whole drain that is opening, rewriting and waiting. */
export const overheadShare = ({ openMs, rewriteMs, waitMs, ms }: Drained): number =>
  (openMs + rewriteMs + waitMs) / ms

const fixed = (messages: number): SessionPlan => ({
  ...{ messages, octets: Infinity, ms: Infinity },
  why: { code: 'bound', text: 'fixed' },
})

const openingMs = (server: CostlyServer, messages: number, cold: boolean): number =>
  server.openMs + messages * (cold ? server.openMessageMs.cold : server.openMessageMs.warm)

interface Opened {
  readonly left: number
  readonly openMs: number
  readonly plan: SessionPlan
  readonly slow: number
}

/** One session: reads until the plan or the server ends it, then deletes what was read and QUITs. */
function session(server: CostlyServer, mailbox: CostlyMailbox, opened: Opened): SessionRecord {
  const { left, openMs, plan, slow } = opened
  const { octetsPerMessage } = mailbox
  const { dropsAfterMs: drops = Infinity, dropsAfterOctets = Infinity } = server
  const dropsAfterMs = typeof drops === 'number' ? drops : drops()
  const readMs = slow * (server.readMessageMs + server.readOctetMs * octetsPerMessage)
  // What was asked for before a limit is reached is read: hence the rounding up.
  const asked = Math.min(
    ...[
      left,
      plan.messages,
      Math.ceil(plan.octets / octetsPerMessage),
      Math.ceil(plan.ms / readMs),
    ],
  )
  const until = Math.min(
    Math.floor((dropsAfterMs - openMs) / readMs),
    Math.floor(dropsAfterOctets / octetsPerMessage),
  )
  const read = Math.max(0, Math.min(asked, until))
  const quitMs = slow * (server.quitMs + server.deleteMs * read + server.rewriteMs * (left - read))
  const dropped = read < asked
  const lost = dropped || openMs + read * readMs + quitMs > dropsAfterMs
  return {
    ...{ openMs, messages: left, octets: left * octetsPerMessage, readMs: read * readMs, read },
    ...{ readOctets: read * octetsPerMessage, deleted: dropped ? 0 : read },
    ...{ quitMs: lost ? null : quitMs, end: lost ? 'lost' : 'quit' },
  }
}

/** Opening 4 µs a message warm and 50 µs cold, QUIT 0.6 ms a DELE (Dovecot on Maildir, a slow disk). */
export const MAILDIR: CostlyServer = {
  ...{ openMs: 20, openMessageMs: { cold: 0.05, warm: 0.004 } },
  ...{ readMessageMs: 0.35, readOctetMs: 4e-5, quitMs: 5, deleteMs: 0.6, rewriteMs: 0 },
}

/** QUIT writes the file anew: 0.045 ms a message of 4 KB that is left (0.30–0.54 s at 10,000, 1.66–2.73 s at 50,000). */
export const MBOX: CostlyServer = {
  ...{ openMs: 20, openMessageMs: { cold: 0.055, warm: 0.001 } },
  ...{ readMessageMs: 0.35, readOctetMs: 4e-5, quitMs: 5, deleteMs: 0.004, rewriteMs: 0.045 },
}
