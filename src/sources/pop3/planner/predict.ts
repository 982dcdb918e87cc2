/** What draining a mailbox will take: the planner plays it against what sessions cost. */
import { type Cost, costOf } from './cost.ts'
import { learn } from './learn.ts'
import { type Costs, meanOctets } from './overhead.ts'
import type { Prediction, SessionBounds, SessionPlan } from './plan.ts'
import { planSession } from './plan-session.ts'
import type { SessionRecord } from './session-record.ts'
import type { PlannerState } from './state.ts'

/** Sessions that are played one by one; those behind them are all like the last. */
const PLAYED = 500
/** STAT 0 in two fresh sessions (G7). */
const CLOSING_LOOKS = 2
/** `+OK `, a space and the end of line in the answer about one number. */
const ANSWER_OCTETS = 7
/** Digits of the size of an ordinary message. */
const SIZE_DIGITS = 5

export interface Mailbox {
  readonly messages: number
  /** 0 where the server does not say. */
  readonly octets: number
  /** Mean length of a unique-id. */
  readonly uidlOctets: number
  /** From connecting to the answer of STAT, ms, as it was just seen. */
  readonly openMs: number
  readonly bounds: SessionBounds
  readonly loginDelayMs: number
}

interface Played {
  sessions: number
  readMs: number
  openMs: number
  /** For LOGIN-DELAY. */
  waitMs: number
  quitMs: number
}

/** Takes some milliseconds, however large the mailbox is. */
export function predict(state: PlannerState, mailbox: Mailbox): Prediction {
  const { messages, uidlOctets } = mailbox
  const cost = costOf(state, messages > 0 ? mailbox : undefined)
  const octetsPerMessage = meanOctets(mailbox, cost)
  const costs = { cost, octetsPerMessage, readMs: cost.readMs(octetsPerMessage) }
  const played = close(play(state, mailbox, costs), mailbox, cost)
  const digits = String(messages).length
  return {
    sessions: played.sessions,
    seconds: (played.openMs + played.waitMs + played.readMs + played.quitMs) / 1000,
    readSeconds: played.readMs / 1000,
    openSeconds: (played.openMs + played.waitMs) / 1000,
    quitSeconds: played.quitMs / 1000,
    octets: Math.round(octetsPerMessage * messages),
    listingOctets: Math.round(messages * (2 * (ANSWER_OCTETS + digits) + uidlOctets + SIZE_DIGITS)),
    assumptions: assumptions(state, mailbox),
  }
}

function play(start: PlannerState, mailbox: Mailbox, costs: Costs): Played {
  const { cost, readMs, octetsPerMessage } = costs
  const { bounds, loginDelayMs } = mailbox
  const played: Played = { sessions: 0, readMs: 0, openMs: 0, waitMs: 0, quitMs: 0 }
  let state = start
  let left = mailbox.messages
  let read = 1
  while (left > 0 && played.sessions < PLAYED) {
    const openMs = played.sessions === 0 ? mailbox.openMs : cost.openMs(left)
    const octets = mailbox.octets > 0 ? left * octetsPerMessage : 0
    const plan = planSession(state, {
      ...{ messages: left, octets, openMs, bounds, loginDelayMs, deletes: true },
    })
    read = Math.min(left, readIn(plan, costs))
    const record: SessionRecord = {
      ...{ openMs, messages: left, octets, readMs: read * readMs },
      ...{ read, readOctets: read * octetsPerMessage, deleted: read },
      ...{ quitMs: read * cost.deleteMs + cost.rewriteMs(left - read), end: 'quit' },
    }
    add(played, 1, record, loginDelayMs)
    state = learn(state, record)
    left -= read
  }
  if (left > 0) playAlike(played, { left, read }, mailbox, costs)
  return played
}

/** Many sessions that read as much as the last: all that grows with the mailbox is in the mean what it is at its half. */
function playAlike(
  played: Played,
  { left, read }: { left: number; read: number },
  { loginDelayMs }: Mailbox,
  { cost, readMs }: Costs,
): void {
  const sessions = Math.ceil(left / read)
  const mean = left / sessions
  add(
    played,
    sessions,
    {
      ...{ openMs: cost.openMs(left / 2), readMs: mean * readMs },
      quitMs: mean * cost.deleteMs + cost.rewriteMs(Math.max(0, left - mean) / 2),
    },
    loginDelayMs,
  )
}

/** After each session another one is opened. */
function add(
  played: Played,
  sessions: number,
  { openMs, readMs, quitMs }: Pick<SessionRecord, 'openMs' | 'readMs' | 'quitMs'>,
  loginDelayMs: number,
): void {
  const wholeMs = openMs + readMs + (quitMs ?? 0)
  played.sessions += sessions
  played.openMs += sessions * openMs
  played.readMs += sessions * readMs
  played.quitMs += sessions * (quitMs ?? 0)
  played.waitMs += sessions * Math.max(0, loginDelayMs - wholeMs)
}

function close(played: Played, { loginDelayMs, messages, openMs }: Mailbox, cost: Cost): Played {
  // Where nothing was there, the session that was just opened was the first look.
  const lookMs = messages > 0 ? cost.openMs(0) : openMs
  return {
    ...played,
    sessions: played.sessions + CLOSING_LOOKS,
    openMs: played.openMs + CLOSING_LOOKS * lookMs,
    waitMs: played.waitMs + Math.max(0, loginDelayMs - lookMs),
  }
}

/** Messages until the first of the three is reached. */
function readIn(plan: SessionPlan, { readMs, octetsPerMessage }: Costs): number {
  const read = Math.min(plan.messages, plan.octets / octetsPerMessage, plan.ms / readMs)
  return Math.max(1, Math.floor(read))
}

function assumptions(state: PlannerState, mailbox: Mailbox): readonly string[] {
  const known = state.samples.length
  const costs =
    known === 0
      ? 'No session of this mailbox is known: reading and deleting cost what they cost on Dovecot, and the opening was taken for an ordinary one.'
      : `Costs are those of the last ${known === 1 ? 'session' : `${known} sessions`} of this mailbox.`
  return [
    costs,
    'No session is lost, nothing is read twice, and no new mail arrives.',
    'LIST and UIDL answer about single numbers, so that each message is listed once.',
    ...(mailbox.octets > 0 ? [] : ['The server does not say how large the mailbox is.']),
    ...(mailbox.loginDelayMs > 0
      ? ['Waiting for the next login (LOGIN-DELAY) is counted as opening.']
      : []),
  ]
}
