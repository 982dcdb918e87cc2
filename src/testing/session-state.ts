import type { View } from './maildrop.ts'
import type { Pop3Core } from './pop3-core.ts'
import type { Wire } from './wire.ts'

/** The status line still to be sent; null: the reply is written. A promise where the client has to read meanwhile. */
export type Reply = string | null | Promise<string | null>

/** What the commands of a session in TRANSACTION share. */
export interface SessionState {
  readonly core: Pop3Core
  readonly session: number
  readonly wire: Wire
  view: View
  /** The client issued UTF8 (RFC 6856). */
  readonly utf8: () => boolean
  /** Sends what there is, with a last status line, and ends the connection. */
  readonly end: (line?: string) => null
}
