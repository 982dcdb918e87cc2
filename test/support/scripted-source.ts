import { Readable } from 'node:stream'
import type { Source, SourceContext, SourceReport } from '../../src/sources/source.ts'

/** What one reading of the mailbox brings, or fails by. */
export type ScriptedPoll = Partial<SourceReport['counts']> | Error

const NOTHING = {
  ...{ seen: 0, delivered: 0, alreadyDelivered: 0, filtered: 0 },
  ...{ deadLettered: 0, kept: 0, vanished: 0 },
}

/** A source without a server: each reading goes as it is told, those after the last bring nothing. */
export class ScriptedSource implements Source {
  readonly name = 'scripted'
  readonly mailbox = 'user@example.org'
  /** By the monotonic clock of the context, when it was opened. */
  readonly openedAt: number[] = []
  readonly #polls: ScriptedPoll[]
  #counts: SourceReport['counts'] = NOTHING

  constructor(polls: readonly ScriptedPoll[]) {
    this.#polls = [...polls]
  }

  open({ clock }: SourceContext): Readable {
    this.openedAt.push(clock.monotonic())
    const poll = this.#polls.shift() ?? {}
    this.#counts = NOTHING
    if (poll instanceof Error)
      return new Readable({
        objectMode: true,
        read() {
          this.destroy(poll)
        },
      })
    const seen = Object.values(poll).reduce((sum, count) => sum + count, 0)
    this.#counts = { ...NOTHING, ...poll, seen }
    return Readable.from([])
  }

  report(): SourceReport {
    return {
      ...{ counts: this.#counts, copies: 0, deleted: 0, verifiedGone: 0, remaining: 0 },
      ...{ undeletable: 0, unselected: 0, waiting: 0, bytes: 0, sessions: 1 },
      ...{ listingBytes: 0, openSeconds: 0, quitSeconds: 0 },
    }
  }
}
