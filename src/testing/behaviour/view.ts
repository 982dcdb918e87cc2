import type { PerMessage, PerSession } from './per-session.ts'

/** Which messages a session sees, and in which order. */
export interface ViewBehaviour {
  /** Gmail (about 250): a session sees only the oldest so many messages. */
  cappedView?: number | undefined
  /** WildDuck (`maxMessages`, 250): a session sees only the newest so many messages, oldest first, and never older ones. */
  newestView?: number | undefined
  /** Gmail: whoever logs in as `recent:` and the name sees the newest so many messages, hidden ones too. */
  recentView?: number | undefined
  /** Courier on a full disk, Cyrus with `pop3_show_after`: false for a message that this session does not see. */
  shows?: PerMessage<boolean> | undefined
  /** James when it cannot open the mailbox: the session starts empty. */
  statZero?: PerSession<boolean> | undefined
  /** James when it cannot open the mailbox: the next session that logs in starts empty, and that one only. */
  statZeroOnce?: boolean | undefined
  /** Exchange's `MessageRetrievalSortOrder`, Courier by file name: `shuffled` is the same shuffle in each session. */
  order?: 'oldest-first' | 'newest-first' | 'shuffled' | undefined
  /** Servers that read a directory unsorted: another order, so other message-numbers, in every session. */
  renumber?: boolean | undefined
}
