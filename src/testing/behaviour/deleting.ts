import type { PerMessage, PerSession } from './per-session.ts'

/** DELE, RSET and QUIT. */
export interface DeletingBehaviour {
  /** Mercury, `EXPIRE 0` servers, Gmail set to trash: at QUIT, messages that were RETRed go as well as those that were DELEd. */
  quitRemovesRead?: PerSession<boolean> | undefined
  /** Gmail set to keep or archive: at QUIT, messages that were RETRed or DELEd are hidden from later sessions and stay. */
  quitHidesRead?: PerSession<boolean> | undefined
  /** InterMail and old poppers: DELE takes effect although the connection ends without QUIT. */
  applyDeletesOnDrop?: PerSession<boolean> | undefined
  /** Proxies in front of other stores: DELE removes at once; QUIT and RSET change nothing. */
  applyDeletesAtOnce?: PerSession<boolean> | undefined
  /** Any server and line: the connection ends instead of the reply to QUIT, after or before UPDATE was done. */
  loseQuitReply?: PerSession<'committed' | 'not-committed'> | undefined
  /** Any server: the connection ends as QUIT comes in, as it does without QUIT. */
  dropAtQuit?: PerSession<boolean> | undefined
  /** James, Stalwart: -ERR to QUIT; none, or every second of the deleted messages, is removed (RFC 1939 section 6). */
  quitError?: PerSession<'none' | 'half'> | undefined
  /** Cyrus, Courier: +OK to QUIT and nothing goes. A number: only the next so many QUITs that would delete. */
  ignoreDeletes?: number | PerSession<boolean> | undefined
  /** WildDuck, Zimbra, GMX: +OK to QUIT, and what was deleted goes so many milliseconds later. */
  updateDelayMs?: number | undefined
  /** Exchange Online: a blank or garbage line, latin1 with its own CRLF, in place of the reply to DELE; nothing is marked. */
  deleReply?: PerMessage<string> | undefined
  /** Any server: text after `-ERR ` in reply to DELE. */
  deleError?: PerMessage<string> | undefined
  /** James: DELE of a message whose unique-id was deleted in this session already is -ERR. */
  deleByUidl?: PerSession<boolean> | undefined
  /** James: RSET reads the mailbox again, so numbers change and new mail appears. */
  rsetRereads?: PerSession<boolean> | undefined
}
