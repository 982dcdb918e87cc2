/**
 * Sessions that list by number, a window ahead of reading: those that read and delete, and, where mail stays on the server,
 * those that read what is new above a boundary.
 */
import { type Standing, saysDurable } from '../../ledger/ledger.ts'
import { isBoundary } from './boundary.ts'
import type { Course, Next, Opened } from './course.ts'
import { lookAndWork } from './look-session.ts'
import { quitQuietly } from './quit-quietly.ts'
import { Windows, chained } from './windows.ts'
import type { WorkItem, WorkPlan } from './work.ts'
import { work } from './work-session.ts'

/** Reads and deletes from the first number on. */
export async function readWindows(course: Course, opened: Opened): Promise<Next> {
  const { messages } = opened
  if (course.deletions.fellShort(messages) && course.suspectReset())
    return lookAndWork(course, opened)
  if (course.spared !== undefined && !(await sparedIsThere(course, opened)))
    return lookAndWork(course, opened)
  const plan = course.workPlan(opened.plan)
  const windows = windowsFrom(1, course, opened, plan)
  const items = windows.read()
  const first = await items.next()
  if (windows.deletedIsListed) return lookAndWork(course, opened)
  // The last session has left durable mail behind, and none of it is there under its unique-id.
  if (course.knownOnly && windows.known === 0 && course.suspectReset())
    return lookAndWork(course, opened)
  course.widestView = Math.max(course.widestView, messages)
  reportTotals(course, opened)
  return work(course, opened, {
    ...{ plan, hasUidl: true, look: undefined, retrying: false, complete: false },
    ...{ items: firstAndRest(first, items), repeated: 'unknown' },
    afterReading: async () => {
      plan.leftover += windows.uncovered
      course.lookDue = windows.items === 0 || windows.uncovered === 0 || windows.deletedIsListed
      await course.keeper.settlePlan(plan)
    },
  })
}

/** Mail stays on the server: reads what is above what is known, where that can be told, else after a complete listing. */
export async function readKept(course: Course, opened: Opened): Promise<Next> {
  const { client, messages } = opened
  const known = await knownNumbers(course, opened)
  if (known === undefined) return lookAndWork(course, opened)
  if (known === messages) {
    await quitQuietly(client, course.context.log)
    return course.state.suspects.size === 0 ? 'done' : 'again'
  }
  const plan = course.workPlan(opened.plan)
  const windows = windowsFrom(known + 1, course, opened, plan)
  reportTotals(course, { ...opened, messages: messages - known, octets: 0 })
  return work(course, opened, {
    ...{ plan, hasUidl: true, look: undefined, retrying: false, complete: false },
    ...{ items: windows.read(), repeated: 'unknown' },
    isFinished: () => windows.uncovered === 0 && windows.refused === 0 && plan.answered === 0,
    afterReading: async () => {
      plan.leftover += windows.uncovered
      const whole = windows.uncovered === 0 && windows.refused === 0
      if (whole && known === 0) course.host.listed()
      const unread = windows.items === 0 || windows.refused > 0 || course.state.suspects.size > 0
      // An entry that answers for a number below the boundary answers for none above it: which it stands for, a look tells.
      course.lookDue = unread || plan.answered > 0
      await course.keeper.settlePlan(plan)
    },
  })
}

/** Numbers 1 to this one are known; undefined where only a complete listing can tell. */
async function knownNumbers(course: Course, opened: Opened): Promise<number | undefined> {
  const { context, host } = course
  if (context.ledger.size === 0) return 0
  const now = course.clock.now()
  const standing = context.ledger.standing?.(context.fingerprint, course.runStart, now)
  if (standing === undefined || standing.undecided > 0 || !host.listedLately) return undefined
  // Those are to be read again: it takes a listing to find them.
  if (course.options.retryKept && standing.kept + standing.filtered > 0) return undefined
  const { client, messages } = opened
  const { numbers } = standing
  const holds = await isBoundary({
    ...{ client, messages, numbers, listing: host.listing },
    ...{ ledger: context.ledger, random: context.random },
  })
  if (!holds) return undefined
  countStanding(course, standing)
  return numbers
}

/**
 * Once a run. Before it has counted anything, by the number; else one by one, for a session that was full has not looked at
 * what came behind it.
 */
function countStanding({ state, clock, context, keeper }: Course, standing: Standing): void {
  if (state.standingBefore !== undefined) return
  if (state.tally.counts.seen === 0) state.tally.standing(standing)
  else
    for (const entry of context.ledger.present())
      keeper.skipped({ entry, why: saysDurable(entry) ? 'delivered' : 'kept' })
  state.standingBefore = clock.now()
}

function windowsFrom(from: number, course: Course, opened: Opened, plan: WorkPlan): Windows {
  const { client, messages } = opened
  return new Windows({
    ...{ client, plan, from, messages, host: course.host, inDoubt: course.state.inDoubt },
    windowMessages: course.options.windowMessages,
    knownOnly: course.knownOnly,
    deletionsCount: course.deletions.count(messages),
  })
}

/** Is the message that was read and not deleted the first one now? Else it takes a complete look to find out. */
async function sparedIsThere(course: Course, { client, messages }: Opened): Promise<boolean> {
  const { spared, host } = course
  if (spared === undefined) return false
  const [first] = await client.window(1, 1, host.listing)
  if (first?.uidl !== spared.uidl) return false
  if (!course.expectSpared(spared, messages)) return false
  course.spared = undefined
  return true
}

function reportTotals({ state, context }: Course, { messages, octets }: Opened): void {
  const { kept, filtered, deadLettered } = state.tally.counts
  context.progress({
    messagesTotal: state.tally.answered - kept - filtered - deadLettered + messages,
    bytesTotal: octets > 0 ? state.bytesDone + octets : null,
  })
}

function firstAndRest(
  first: IteratorResult<WorkItem, unknown>,
  items: AsyncIterable<WorkItem>,
): Iterable<WorkItem> | AsyncIterable<WorkItem> {
  return first.done === true ? [] : chained(first.value, items)
}
