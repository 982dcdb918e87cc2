/** Sessions that list everything: they prove what is gone, judge what is left, and then read like others. */
import { sleep } from '../../clock.ts'
import { ConfigError, Pop3ProtocolError } from '../../errors.ts'
import type { Course, Next, Opened } from './course.ts'
import { type Judgement, NOTHING_JUDGED, judge } from './judge.ts'
import { list } from './listing.ts'
import { Look } from './look.ts'
import { quitQuietly } from './quit-quietly.ts'
import type { WorkItem, WorkPlan } from './work.ts'
import { work } from './work-session.ts'

/** New mail found by closing looks is drained this many times; then it is `remaining`. */
const MAX_NEW_MAIL_ROUNDS = 3

const MUST_CLOSE: Judgement = { ...NOTHING_JUDGED, mustClose: true }

interface Seen {
  readonly look: Look
  readonly plan: WorkPlan
  readonly hasUidl: boolean
  /** The listing named every message that STAT counted: only then absence from it proves anything. */
  readonly complete: boolean
  /** Header blocks of mail that is to be left alone were read. */
  readonly peeked: boolean
}

export async function lookAndWork(course: Course, opened: Opened): Promise<Next> {
  const { client, messages } = opened
  const seen = await listAll(course, opened)
  const { plan, complete, hasUidl, look } = seen
  const judged = await judgeLook(course, opened, seen)
  if (judged.mustClose) {
    client.close()
    return 'again'
  }
  course.looked ||= complete
  if (complete) course.host.listed()
  if (judged.lookAgainMs !== undefined) return lookAgain(course, opened, judged.lookAgainMs)
  await course.keeper.settlePlan(plan)
  reportPlan(course, plan)
  const { items, retrying } = surestFirst(course, opened, plan, taskOf(plan, judged.givenUp))
  if (items.length === 0 && !complete) throw unlisted(course, opened, seen)
  if (items.length === 0 || onlyNewMail(course, plan, messages)) {
    return endLook(course, opened, items.length === 0 && plan.remaining > 0)
  }
  course.widestView = Math.max(course.widestView, messages)
  course.lookDue = plan.remaining === 0 || takesLook(course, plan, items)
  return work(course, opened, {
    ...{ plan, items, retrying, hasUidl, look, complete, repeated: plan.repeated },
    stays: course.due.waits && items.every(({ due }) => !due),
  })
}

/** @param more all that fitted into this session was given up just now: the others come next */
async function endLook(course: Course, { client }: Opened, more: boolean): Promise<Next> {
  await quitQuietly(client, course.context.log)
  return more ? 'again' : 'done'
}

/** Windows do not tell whether a unique-id stands for one number. */
const takesLook = (
  { options, comparesHeaders }: Course,
  { ambiguous }: WorkPlan,
  items: readonly WorkItem[],
): boolean =>
  options.listing === 'full' ||
  ambiguous.size > 0 ||
  (comparesHeaders && items.some(({ known }) => known))

async function listAll(course: Course, opened: Opened): Promise<Seen & { named: number }> {
  const { client, messages } = opened
  const { context, state, host, deletions, mailbox } = course
  deletions.expect(messages)
  await course.selection?.prepare(client, messages)
  let seen = await listOnce(course, opened)
  const still = [...seen.plan.ambiguous].filter((uidl) => state.ambiguous.has(uidl))
  // That these are to be read shows when the last of their numbers was listed: once more, then.
  if (still.length > 0) seen = await listOnce(course, opened, new Set(still))
  const { look, plan, hasUidl, named } = seen
  state.unselected = plan.unselected
  state.waiting = plan.waiting
  if (look.hasRepeated) host.uidlRepeats()
  if (!hasUidl && (!context.deletion || course.due.waits)) throw keepNeedsUidl(mailbox)
  const peeked = course.selection?.listed() ?? false
  return { ...seen, peeked, complete: named === messages }
}

async function listOnce(
  course: Course,
  { client, messages, plan: bounds }: Opened,
  ambiguous?: ReadonlySet<string>,
) {
  const { context, state, host } = course
  const look = new Look(context, state, !course.looked, course.recheck)
  const plan = course.workPlan(bounds, ambiguous)
  return { look, plan, ...(await list(client, messages, { look, plan, host })) }
}

async function judgeLook(course: Course, opened: Opened, seen: Seen): Promise<Judgement> {
  // TOP is no RETR, but who knows what a server that removes what was read takes it for.
  if (seen.peeked && course.removes(opened.client) !== 'deleted') return MUST_CLOSE
  if (!seen.complete) return NOTHING_JUDGED
  const { options, mailbox, deletions, keeper } = course
  judgeSpared(course, opened, seen)
  const due = !course.resetChecked || course.recheck
  const checkReset = options.onUidlReset === 'stop' && due
  const judged = await judge({
    ...{ client: opened.client, ...seen, mailbox, checkReset, deletions, keeper },
  })
  // Not before: a connection lost while the samples were read has answered nothing.
  course.resetChecked = true
  course.recheck = false
  return judged
}

/** A message was read, and QUIT sent without DELE for it: this look shows what QUIT made of it. */
function judgeSpared(course: Course, { messages }: Opened, { look }: Seen): void {
  const { spared } = course
  if (spared === undefined) return
  course.spared = undefined
  if (look.timesListed(spared.uidl) === 0) course.quitRemovesRead(spared)
  else course.expectSpared(spared, messages)
}

/** This session has read nothing: it may QUIT, and must, for the next look is a fresh session. */
async function lookAgain({ context }: Course, { client }: Opened, waitMs: number): Promise<Next> {
  context.progress({ phase: 'verifying' })
  await quitQuietly(client, context.log)
  await sleep(context.clock, waitMs, context.stopping)
  return 'again'
}

interface Items {
  readonly items: readonly WorkItem[]
  /** They are those that could not be read before, and nothing else. */
  readonly retrying: boolean
}

/**
 * A session that has read what is to stay cannot QUIT where QUIT may remove what was read (G2). What surely goes is read in
 * sessions of its own, then: what is due where some is not, and what is not ambiguous.
 */
function surestFirst(course: Course, { client }: Opened, plan: WorkPlan, task: Items): Items {
  if (!course.deleting || task.retrying || course.removes(client) === 'deleted') return task
  const goes = ({ due, ambiguous }: WorkItem) => (due || !course.due.waits) && !ambiguous
  const sure = task.items.filter(goes)
  if (sure.length === 0) return task
  plan.leftover += task.items.length - sure.length
  return { ...task, items: sure }
}

/** The work of this session; messages that could not be read come last, in sessions of their own. */
function taskOf(plan: WorkPlan, givenUp: ReadonlyMap<string, number>): Items {
  const left = new Map(givenUp)
  // Further numbers under the unique-id of a message that was given up are other messages.
  const open = ({ uidl, known }: WorkItem): boolean => {
    const numbers = uidl === null || !known ? 0 : (left.get(uidl) ?? 0)
    if (uidl !== null && numbers > 0) left.set(uidl, numbers - 1)
    return numbers === 0
  }
  const items = plan.items.filter(open)
  if (items.length > 0) return { items, retrying: false }
  return { items: plan.setAside.filter(open), retrying: true }
}

/** A closing look found new mail once too often. A view that is as large as before is a capped one: looped over. */
function onlyNewMail(course: Course, plan: WorkPlan, messages: number): boolean {
  if (!course.expectNothing || plan.freshMessages === 0 || messages >= course.widestView)
    return false
  course.newMailRounds += 1
  return course.context.deletion && course.newMailRounds > MAX_NEW_MAIL_ROUNDS
}

function reportPlan({ state, context }: Course, plan: WorkPlan): void {
  const { tally, bytesDone } = state
  context.progress({
    messagesTotal: tally.answered + plan.pendingMessages,
    bytesTotal: bytesDone + plan.pendingOctets,
  })
}

const keepNeedsUidl = (mailbox: string): ConfigError =>
  new ConfigError(
    'MAILDRAIN_CONFIG_KEEP_NEEDS_UIDL',
    `the server of ${mailbox} has no UIDL, so mail that stays there could not be told from new mail: drain with --delete`,
  )

const unlisted = (
  { mailbox }: Course,
  { messages }: Opened,
  { named }: { readonly named: number },
): Pop3ProtocolError =>
  new Pop3ProtocolError(
    'MAILDRAIN_POP3_PROTOCOL',
    `the server of ${mailbox} lists ${named} of the ${messages} messages that it counts: the others stay there unread; look at the mailbox on the server`,
  )
