/**
 * Session after session until the mailbox is drained. What is only to be read is listed window by window; what is to prove
 * anything is a complete listing. How long a session is, the planner says.
 */
import type { Pop3Client } from '../../pop3/index.ts'
import { Course, type CourseParts, type Next, type Opened } from './course.ts'
import { Look } from './look.ts'
import { lookAndWork } from './look-session.ts'
import { quitQuietly } from './quit-quietly.ts'
import type { RunState } from './run-state.ts'
import { Stagnation } from './stagnation.ts'
import { closeWhenStopped } from './stop.ts'
import { readKept, readWindows } from './window-session.ts'

export class Pop3Run {
  readonly #course: Course
  readonly #stagnation: Stagnation
  #emptyLooks = 0

  constructor(parts: CourseParts) {
    this.#course = new Course(parts)
    this.#stagnation = new Stagnation(parts.mailbox, this.#course.state)
  }

  get state(): RunState {
    return this.#course.state
  }

  /** Resolves when the mailbox is drained (design: two empty sessions, or a complete look that leaves nothing to do). */
  async drain(): Promise<void> {
    const { context, connector, keeper, state } = this.#course
    await keeper.forgetGone()
    for (;;) {
      context.progress({ phase: 'connecting' })
      const client = await connector.open()
      const letGo = closeWhenStopped(client, context, () => this.#course.working)
      try {
        if ((await this.#session(client)) === 'done') break
      } catch (error) {
        client.close()
        context.stopping.throwIfAborted()
        await connector.failed(error)
        continue
      } finally {
        letGo()
        state.listingBytes += client.listingOctets
      }
      this.#stagnation.assertProgress(String(this.#emptyLooks))
    }
    context.starved(true)
    await this.#course.remember(true)
    context.starved(false)
  }

  async #session(client: Pop3Client): Promise<Next> {
    const course = this.#course
    const { context, connector, state } = course
    state.sessions += 1
    context.progress({ phase: 'listing', sessions: state.sessions, plan: null })
    const { messages, octets } = await client.stat()
    const at = context.clock.monotonic()
    const openMs = at - connector.connectedAt
    state.openMs += openMs
    if (messages === 0) return this.#emptyLook(client)
    this.#emptyLooks = 0
    state.remaining = messages
    await course.host.probe(client, messages)
    const seen = { messages, octets, openMs }
    const plan = course.planSession(seen)
    context.log.info(
      { session: state.sessions, listed: messages, ...plan, why: plan.why.code },
      plan.why.text,
    )
    context.progress({ plan: plan.why.text })
    return this.#read({ ...seen, client, at, plan })
  }

  async #read(opened: Opened): Promise<Next> {
    const course = this.#course
    if (!course.seesWindows(opened.client)) return lookAndWork(course, opened)
    return course.deleting ? readWindows(course, opened) : readKept(course, opened)
  }

  /** STAT 0: some servers answer so when they fail to open the mailbox (James), so one such session proves nothing. */
  async #emptyLook(client: Pop3Client): Promise<Next> {
    const { context, state, keeper, spared } = this.#course
    this.#emptyLooks += 1
    context.progress({ phase: 'verifying' })
    await quitQuietly(client, context.log)
    if (this.#emptyLooks < 2) return 'again'
    if (spared !== undefined) this.#course.quitRemovesRead(spared)
    await new Look(context, state, false).allGone()
    await keeper.vanish(() => false)
    state.remaining = 0
    state.unselected = 0
    state.waiting = 0
    return 'done'
  }
}
