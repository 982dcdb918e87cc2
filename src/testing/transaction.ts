/**
 * The TRANSACTION and UPDATE states of a session (RFC 1939 sections 5 and 6). Rule: message-numbers are those of login
 * for the whole session, and nothing is removed before UPDATE unless a behaviour says so.
 */
import { numberOf } from './command-lines.ts'
import { Contents } from './contents.ts'
import { Listings } from './listings.ts'
import { NO_SUCH_MESSAGE } from './pop3-core.ts'
import type { Reply, SessionState } from './session-state.ts'

export class Transaction {
  readonly #state: SessionState
  readonly #listings: Listings
  readonly #contents: Contents
  readonly #recent: boolean
  /** Unique-ids that were deleted, where that is looked at. */
  #deletedUidls = new Set<string>()

  /** @param recent the client asked for the latest mail, hidden or not */
  constructor(state: Omit<SessionState, 'view'>, recent: boolean) {
    this.#recent = recent
    this.#state = { ...state, view: state.core.view(state.session, recent) }
    this.#listings = new Listings(this.#state)
    this.#contents = new Contents(this.#state)
  }

  /** Messages that login found. */
  get count(): number {
    return this.#state.view.count
  }

  /** Carries a command out. */
  handle(verb: string, argument: string): Reply {
    switch (verb) {
      case 'STAT':
        return this.#listings.stat(argument)
      case 'LIST':
        return this.#listings.list(argument)
      case 'UIDL':
        return this.#listings.uidl(argument)
      case 'RETR':
        return this.#contents.retr(argument)
      case 'TOP':
        return this.#contents.top(argument)
      case 'DELE':
        return this.#dele(argument)
      case 'NOOP':
        return argument === '' ? '+OK' : '-ERR NOOP takes no argument.'
      case 'RSET':
        return this.#rset(argument)
      default:
        return '-ERR Unknown command.'
    }
  }

  #dele(argument: string): Reply {
    const { core, session, wire, view } = this.#state
    const n = numberOf(argument)
    const index = n === undefined ? undefined : view.index(n)
    if (n === undefined || index === undefined) return NO_SUCH_MESSAGE
    const { switches } = core
    const { deleError, deleReply, deleByUidl, applyDeletesAtOnce } = switches.now
    const error = deleError?.(index, session)
    if (error !== undefined) return `-ERR ${error}`
    const reply = deleReply?.(index, session)
    if (reply !== undefined) {
      wire.out.text(reply)
      return null
    }
    if (switches.of(deleByUidl, session) === true && this.#wasDeleted(core.uidl(index, session)))
      return `-ERR Message ${n} already deleted.`
    this.#listings.deleted(index)
    view.deleted.add(n)
    if (switches.of(applyDeletesAtOnce, session) === true) core.expunge(session, index)
    return `+OK Message ${n} deleted.`
  }

  #wasDeleted(uidl: string): boolean {
    if (this.#deletedUidls.has(uidl)) return true
    this.#deletedUidls.add(uidl)
    return false
  }

  #rset(argument: string): Reply {
    if (argument !== '') return '-ERR RSET takes no argument.'
    const { core, session } = this.#state
    this.#state.view.deleted.clear()
    if (core.switches.of(core.switches.now.rsetRereads, session) === true)
      this.#state.view = core.view(session, this.#recent)
    this.#deletedUidls = new Set()
    this.#listings.renewed()
    return '+OK'
  }

  /** The connection ended without UPDATE. */
  abandon(): void {
    const { core, session, view } = this.#state
    if (core.switches.of(core.switches.now.applyDeletesOnDrop, session) !== true) return
    for (const n of view.deleted.values()) core.expunge(session, view.indexAnyway(n))
  }

  /** UPDATE. Returns the status line of QUIT. */
  update(): string {
    const { core, session } = this.#state
    const { switches } = core
    const leaving = this.#leaving()
    const error = switches.of(switches.now.quitError, session)
    if (leaving.length === 0) return '+OK Bye.'
    if (switches.takeTurn('ignoreDeletes', session)) return '+OK Bye, messages deleted.'
    const removed = leaving.filter(
      (_, i) => error === undefined || (error === 'half' && i % 2 === 0),
    )
    const { updateDelayMs } = switches.now
    if (updateDelayMs === undefined) this.#remove(removed)
    else core.clock.timer(updateDelayMs, () => this.#remove(removed), true)
    return error === undefined
      ? '+OK Bye, messages deleted.'
      : '-ERR [SYS/TEMP] Some deleted messages were not removed.'
  }

  #remove(numbers: Uint32Array): void {
    const { core, session, view } = this.#state
    const hides = core.switches.of(core.switches.now.quitHidesRead, session) === true
    for (const n of numbers) {
      if (hides) core.hide(session, view.indexAnyway(n))
      else core.expunge(session, view.indexAnyway(n))
    }
  }

  /** Numbers that QUIT removes. */
  #leaving(): Uint32Array {
    const { core, session, view } = this.#state
    const { quitRemovesRead, quitHidesRead } = core.switches.now
    const alsoRead =
      core.switches.of(quitRemovesRead, session) === true ||
      core.switches.of(quitHidesRead, session) === true
    if (alsoRead) for (const n of view.read.values()) view.deleted.add(n)
    return Uint32Array.from(view.deleted.values())
  }
}
