/** The two phases of a session with work: reading, then deleting and QUIT (G9); and what is learned for the next one. */
import { MaildrainError, describeError } from '../../errors.ts'
import type { Course, Next, Opened } from './course.ts'
import type { HeaderRules } from './header-comparison.ts'
import type { Look } from './look.ts'
import { Session } from './session.ts'
import type { WorkItem, WorkPlan } from './work.ts'

export interface Task {
  readonly plan: WorkPlan
  readonly items: Iterable<WorkItem> | AsyncIterable<WorkItem>
  /** The items are those that could not be read before, and nothing else. */
  readonly retrying: boolean
  readonly hasUidl: boolean
  readonly look: Look | undefined
  /** UIDLs that may stand for several messages. */
  readonly repeated: { has(uidl: string): boolean } | 'unknown'
  /** All of it is to stay on the server: when it is done, nothing is left to do. */
  readonly stays?: boolean
  /** Called between reading and deleting. */
  readonly afterReading?: () => Promise<void>
  /** The listing named every message that STAT counted. */
  readonly complete: boolean
  /** Every message was listed and considered, where that shows only after reading. */
  readonly isFinished?: () => boolean
}

export async function work(course: Course, opened: Opened, task: Task): Promise<Next> {
  const { context, connector, state, options } = course
  const { client, at, plan } = opened
  const session = new Session({
    ...{ client, context, state, mailbox: course.mailbox, host: course.host },
    spared: course.leftAsRead,
    ...{ removes: () => course.removes(client), due: course.due, disposes: course.disposes },
    ...{ deleting: course.deleting, sizes: options.sizes, keepAliveMs: options.keepAliveMs },
    ...{ until: at + plan.ms, oneByOne: task.retrying, repeated: task.repeated },
    headers: headerRules(course, task),
  })
  course.leftAsRead = undefined
  const { answered } = state.tally
  context.progress({ phase: 'reading' })
  const quit = await readAndFinish(course, opened, session, task)
  if (session.quota === undefined || session.progressed > 0) connector.progressed()
  ended(course, session, task, quit)
  noteAmbiguous(course, session, task.plan, answered)
  // What a session that was stopped did not meet is not gone.
  context.stopping.throwIfAborted()
  if (session.quota !== undefined) throw session.quota
  state.waiting += session.staying
  if (!context.deletion) tellDisposal(course, opened, session, quit)
  if (!task.hasUidl) return withoutUidl(course, session, task)
  const complete = task.complete || task.isFinished?.() === true
  const finished = complete && !hasMore(course, session, task)
  return finished && isLast(course, opened, { session, task, quit }) ? 'done' : 'again'
}

/** Is there nothing that only another session can show? Everything that this one saw was read. */
function isLast(
  course: Course,
  { client }: Opened,
  { session, task, quit }: { session: Session; task: Task; quit: boolean },
): boolean {
  if (course.context.deletion)
    return task.stays === true && session.deleted === 0 && course.state.inDoubt.size === 0
  // Where QUIT has disposed of what was read, a view that shows a part moves on.
  return !(
    course.disposes &&
    quit &&
    session.progressed > 0 &&
    course.removes(client) !== 'deleted'
  )
}

/** What becomes of mail that was read and is to stay, where QUIT removes what was read. */
function tellDisposal(course: Course, { client }: Opened, session: Session, quit: boolean): void {
  if (session.progressed === 0 || course.removes(client) !== 'read') return
  course.warn(
    quit
      ? 'QUIT on this server removes, archives or hides what was read: it was sent, as was accepted'
      : 'QUIT on this server removes what was read, so the session was closed without it: where the server shows a part of the mailbox (Gmail), it will show the same part again; --accept-server-disposal lets it dispose of what was delivered',
  )
}

/** Only a complete listing tells that a unique-id stands for one number; suspects are for reading. */
function headerRules(course: Course, { look, complete, retrying }: Task): HeaderRules | undefined {
  if (!course.comparesHeaders || look === undefined || !complete || retrying) return undefined
  return { runStart: course.runStart, listedOnce: (uidl) => look.timesListed(uidl) === 1 }
}

/** There will be another session whatever this one does. */
const hasMore = ({ state }: Course, session: Session, { plan, retrying }: Task): boolean =>
  plan.remaining > 0 ||
  plan.ambiguous.size > 0 ||
  session.cutShort ||
  state.suspects.size > 0 ||
  // What an earlier run could not read has a session of its own coming.
  (!retrying && plan.setAside.length > 0)

async function readAndFinish(
  course: Course,
  opened: Opened,
  session: Session,
  task: Task,
): Promise<boolean> {
  const { context, keeper, deletions, state } = course
  let quit = false
  let lost = false
  course.working = true
  try {
    await session.read(task.items, course.push)
    await task.afterReading?.()
    // One that is known to lie there: another session comes anyway, and shows what QUIT has made of it.
    const spare = hasMore(course, session, task) || course.knownOnly
    quit = await session.finish({ spare })
    if (quit) course.spared = session.spared
    return quit
  } catch (error) {
    lost = !context.stopping.aborted
    if (lost) lose(course, opened, session, error)
    throw session.quota ?? error
  } finally {
    course.working = false
    if (quit) deletions.quit(opened.messages, session.deleted)
    state.quitMs += session.quitMs
    course.heard(session)
    course.learn({
      ...{ openMs: opened.openMs, messages: opened.messages, octets: opened.octets },
      ...{ readMs: session.readMs, read: session.reached, readOctets: session.reachedOctets },
      ...{ deleted: session.deleted, quitMs: quit ? session.quitMs : null },
      end: lost ? 'lost' : quit ? 'quit' : 'closed',
    })
    if (!context.signal.aborted) {
      await keeper.settleSession()
      await course.remember()
    }
  }
}

/** A session without a QUIT reply is a lost bet: the next is half as long and begins with what is known. */
function lose(course: Course, opened: Opened, session: Session, error: unknown): void {
  const { connector, state, context } = course
  if (state.advanced()) connector.progressed()
  const { stalledAt, reached } = session
  // Courier closes the connection when it cannot read a file: one such message must not end every session.
  if (stalledAt !== undefined && isSame(course, stalledAt))
    state.suspect(stalledAt, 'disconnected', 0)
  course.stalledAt = stalledAt
  // One command at a time replies cannot be taken for one another's: then LIST n is not what LIST is.
  const alone = error instanceof MaildrainError && error.code === 'MAILDRAIN_POP3_DESYNC'
  if (alone && !opened.client.pipelining && !course.host.listing.uidl) course.giveUpEchoes()
  if (!course.deleting) return
  course.knownOnly = session.progressed > 0
  context.log.info(
    { session: state.sessions, reached, reason: describeError(error) },
    'session lost; the next one is shorter',
  )
}

/**
 * A session came to its end. Where unique-ids are still ambiguous although all of it was read, or although it brought nothing
 * new, their further numbers are no new messages: then the others may be.
 * @param answered messages that were answered for when it began
 */
function noteAmbiguous(course: Course, session: Session, plan: WorkPlan, answered: number): void {
  const { state } = course
  // Numbers are others from now on, and nothing else told which message it was.
  if (!tells(course, course.stalledAt?.uidl)) course.stalledAt = undefined
  if (session.cutShort || (plan.remaining > 0 && state.tally.answered > answered)) return
  for (const uidl of plan.ambiguous) state.ambiguous.add(uidl)
  // They were read, or nothing came of it: what is left of them may be what the ledger knows, and is to stay.
  for (const uidl of plan.distrusted) state.ambiguous.delete(uidl)
}

/** Is it the message at which the last session was lost as well? Where unique-ids repeat, it takes its number to tell. */
const isSame = (course: Course, { uidl, n }: WorkItem): boolean =>
  course.stalledAt?.uidl === uidl && (course.stalledAt.n === n || tells(course, uidl))

const tells = ({ host }: Course, uidl: string | null | undefined): boolean =>
  uidl !== null && !host.repeatsUidls

function ended(course: Course, session: Session, { plan }: Task, quit: boolean): void {
  const { state, context } = course
  // What was spoilt is durable by now: a session of known messages only can QUIT.
  course.knownOnly = session.spoilt && !quit && course.deleting && session.progressed > 0
  course.expectNothing =
    quit && plan.remaining === 0 && !session.cutShort && plan.setAside.length === 0
  const { sessions, inDoubt } = state
  context.progress({ deleted: inDoubt.deleted })
  context.log.info(
    { session: sessions, read: session.reached, quit, deleted: inDoubt.deleted },
    quit
      ? `session ended: ${session.cutShort || plan.remaining > 0 ? 'as planned' : 'nothing is left to read in it'}`
      : session.spoilt
        ? 'session closed without QUIT: not everything that was read is durable'
        : 'session closed without QUIT: what was read is to stay',
  )
}

/** Without unique-ids only the bytes tell: what a session that read everything did not meet is gone. */
async function withoutUidl({ state }: Course, session: Session, task: Task): Promise<Next> {
  if (!task.complete) return 'again'
  const whole = task.plan.remaining === 0 && !session.cutShort && !session.spoilt
  if (whole) await task.look?.absent(session.met())
  return session.progressed === 0 && state.suspects.size === 0 ? 'done' : 'again'
}
