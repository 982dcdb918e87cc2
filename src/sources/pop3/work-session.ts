/** The two phases of a session with work: reading, then deleting and QUIT (G9); and what is learned for the next one. */
import { describeError } from '../../errors.ts'
import type { Course, Next, Opened } from './course.ts'
import { quitRemoves } from './host.ts'
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
    removes: quitRemoves(client.capabilities.expireDays, options.quitDeletes, course.host.quit),
    ...{ deleting: course.deleting, sizes: options.sizes, keepAliveMs: options.keepAliveMs },
    ...{ until: at + plan.ms, oneByOne: task.retrying, repeated: task.repeated },
  })
  context.progress({ phase: 'reading' })
  const quit = await readAndFinish(course, opened, session, task)
  if (session.quota === undefined || session.progressed > 0) connector.progressed()
  ended(course, session, task, quit)
  // What a session that was stopped did not meet is not gone.
  context.stopping.throwIfAborted()
  if (session.quota !== undefined) throw session.quota
  if (!task.hasUidl) return withoutUidl(course, session, task)
  const complete = task.complete || task.isFinished?.() === true
  const finished = complete && !hasMore(course, session, task)
  return finished && !context.deletion ? 'done' : 'again'
}

/** There will be another session whatever this one does. */
const hasMore = ({ state }: Course, session: Session, { plan }: Task): boolean =>
  plan.remaining > 0 || session.cutShort || state.suspects.size > 0

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
    if (lost) lose(course, session, error)
    throw session.quota ?? error
  } finally {
    course.working = false
    deletions.quit(opened.messages, session.deleted)
    state.quitMs += session.quitMs
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
function lose(course: Course, session: Session, error: unknown): void {
  const { connector, state, context } = course
  if (state.advanced()) connector.progressed()
  const { stalledAt, reached } = session
  // Courier closes the connection when it cannot read a file: one such message must not end every session.
  const again = stalledAt !== undefined && stalledAt.uidl === course.stalledAt?.uidl
  if (again) state.suspect(stalledAt, 'disconnected', 0)
  course.stalledAt = stalledAt
  if (!course.deleting) return
  course.knownOnly = session.progressed > 0
  context.log.info(
    { session: state.sessions, reached, reason: describeError(error) },
    'session lost; the next one is shorter',
  )
}

function ended(course: Course, session: Session, { plan }: Task, quit: boolean): void {
  const { state, context } = course
  // What was spoilt is durable by now: a session of known messages only can QUIT.
  course.knownOnly = !quit && course.deleting && session.progressed > 0
  course.expectNothing =
    quit && plan.remaining === 0 && !session.cutShort && plan.setAside.length === 0
  const { sessions, inDoubt } = state
  context.progress({ deleted: inDoubt.deleted })
  context.log.info(
    { session: sessions, read: session.reached, quit, deleted: inDoubt.deleted },
    quit
      ? `session ended: ${session.cutShort || plan.remaining > 0 ? 'as planned' : 'nothing is left to read in it'}`
      : 'session closed without QUIT: not everything that was read is durable',
  )
}

/** Without unique-ids only the bytes tell: what a session that read everything did not meet is gone. */
async function withoutUidl({ state }: Course, session: Session, task: Task): Promise<Next> {
  if (!task.complete) return 'again'
  const whole = task.plan.remaining === 0 && !session.cutShort && !session.spoilt
  if (whole) await task.look?.absent(session.met())
  return session.progressed === 0 && state.suspects.size === 0 ? 'done' : 'again'
}
