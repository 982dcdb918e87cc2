/** What an error code says about itself: its row in the tables of codes. */

/** Exit codes of the command line; documented in docs/reference/errors.md. */
export const EXIT = {
  drained: 0,
  bug: 1,
  usage: 2,
  mailboxRefused: 3,
  mailboxUnreachable: 4,
  sinkFailed: 5,
  messagesKept: 6,
  otherDrainer: 7,
  ledgerUnusable: 8,
} as const

export interface CodeRow {
  readonly exit: number
  /** Can the same attempt succeed later without anybody changing anything? */
  readonly retryable: boolean
  /** What happened, in one line for the reference page. */
  readonly meaning: string
  /** What the reader of the error does now. */
  readonly remedy: string
}

/** In the order of the reference page: exit code, retryable, what happened, what to do. */
export const row = (
  exit: number,
  retryable: boolean,
  meaning: string,
  remedy: string,
): CodeRow => ({
  exit,
  retryable,
  meaning,
  remedy,
})
