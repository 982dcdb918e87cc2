/**
 * Follows deletions until they are proven (G7): looks again before it counts that deleted mail is still listed, gives a
 * message up after three answered sessions, and stops deleting when no DELE has any effect.
 */
import type { SourceContext } from '../source.ts'
import type { Doubt } from './in-doubt.ts'
import type { Keeper } from './keeper.ts'
import type { RunState } from './run-state.ts'

/** Answered sessions after which a message that is still listed is given up. */
const MAX_ROUNDS = 3
/** Answered sessions in a row in which no accepted DELE had effect. */
const MAX_INEFFECTIVE = 3
/** Messages that may have come since without anybody wondering. */
const FEWEST = 10

export class Deletions {
  readonly #context: SourceContext
  readonly #state: RunState
  readonly #keeper: Keeper
  readonly #lookDelaysMs: readonly number[]
  #repeated = 0
  #ineffective = 0
  #stopped = false
  /** Deletions in doubt when the last look began. */
  #expected = 0
  /** Numbers that should be left of what the last session saw, by STAT less DELE; undefined when that is not known. */
  #atMost: number | undefined
  #lastDeleted = 0
  #allGone = false

  constructor(
    context: SourceContext,
    state: RunState,
    keeper: Keeper,
    lookDelaysMs: readonly number[],
  ) {
    this.#context = context
    this.#state = state
    this.#keeper = keeper
    this.#lookDelaysMs = lookDelaysMs
  }

  /** No accepted DELE had effect: mail is still delivered, and no longer deleted. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** A session that saw so many numbers went to QUIT with so many DELEs. */
  quit(messages: number, deleted: number): void {
    if (deleted === 0) return
    this.#atMost = messages - deleted
    this.#lastDeleted = deleted
  }

  /** Is far more there than the last session should have left? Said once after each. @param messages count of STAT */
  fellShort(messages: number): boolean {
    if (this.#atMost === undefined) return false
    const more = messages - this.#atMost
    const short = more >= Math.max(FEWEST, this.#lastDeleted / 2)
    if (short) this.#atMost = undefined
    return short
  }

  /** Is the mailbox smaller by all that the last session has deleted? @param messages count of STAT */
  count(messages: number): boolean {
    return this.#atMost !== undefined && messages <= this.#atMost
  }

  /**
   * Is the mailbox smaller by what was deleted, and by nothing else? Had QUIT removed what was read as well, it would be
   * smaller by more.
   */
  countExactly(messages: number): boolean {
    return this.#atMost === messages
  }

  /** To be called before a look, which removes what is gone. @param messages count of STAT */
  expect(messages: number): void {
    this.#expected = this.#state.inDoubt.size
    this.#allGone = this.count(messages)
  }

  /**
   * Some servers show deleted mail for a while after QUIT. Milliseconds after which the look is to be repeated; undefined
   * when it counts.
   */
  lookAgainAfter(still: readonly Doubt[]): number | undefined {
    const answered = !this.#allGone && still.some((doubt) => doubt.answered)
    const waitMs = answered ? this.#lookDelaysMs[this.#repeated] : undefined
    this.#repeated = waitMs === undefined ? 0 : this.#repeated + 1
    if (waitMs !== undefined)
      this.#context.log.info({ messages: still.length, waitMs }, 'deleted mail is still listed')
    return waitMs
  }

  /** The look counts. Resolves with the unique-ids of messages that were given up now, and how many numbers each answers for. */
  async settle(still: readonly Doubt[]): Promise<ReadonlyMap<string, number>> {
    // The mailbox is smaller by all that was deleted: what is listed are other messages under the same unique-ids.
    if (this.#allGone) {
      this.#ineffective = 0
      return new Map()
    }
    const answered = still.filter((doubt) => doubt.answered)
    const later = answered.map((doubt) => this.#state.inDoubt.stillListed(doubt))
    if (this.#expected > 0)
      this.#ineffective = answered.length === this.#expected ? this.#ineffective + 1 : 0
    if (this.#ineffective >= MAX_INEFFECTIVE && !this.#stopped) {
      this.#stopped = true
      this.#context.log.error(
        { sessions: this.#ineffective },
        'the server accepts DELE and QUIT and deletes nothing: deleting stops',
      )
    }
    const lost = this.#stopped
      ? [...later, ...still.filter((doubt) => !doubt.answered)]
      : later.filter((doubt) => doubt.rounds >= MAX_ROUNDS)
    if (lost.length > 0) await this.#keeper.keepUndeletable(lost)
    return numbersUnder(lost)
  }
}

function numbersUnder(doubts: readonly Doubt[]): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>()
  for (const { uidl, numbers: more } of doubts)
    if (uidl !== null) numbers.set(uidl, (numbers.get(uidl) ?? 0) + more)
  return numbers
}
