/** What a session is given. */
import type { RawMessage } from '../../message.ts'
import type { Verdict } from '../../pipeline/delivery.ts'
import type { QuitRemoves } from '../../pipeline/gate.ts'
import type { Pop3Client } from '../../pop3/index.ts'
import type { SourceContext } from '../source.ts'
import type { Due } from './due.ts'
import type { HeaderRules } from './header-comparison.ts'
import type { Host } from './host.ts'
import type { RunState } from './run-state.ts'

/** Hands a message to the pipeline; `settled` is called with its verdict. */
export type Push = (message: RawMessage, settled: (verdict: Verdict) => void) => void

export interface SessionOptions {
  readonly client: Pop3Client
  readonly context: SourceContext
  readonly state: RunState
  readonly host: Host
  readonly mailbox: string
  /** Key of a message that an earlier session has read and not deleted; its bytes show that QUIT has left it. */
  readonly spared: string | undefined
  /** Asked when reading is over: the session itself may show it. */
  readonly removes: () => QuitRemoves
  readonly deleting: boolean
  readonly due: Due
  /** Mail stays, and QUIT may dispose of what is durable all the same. */
  readonly disposes: boolean
  readonly sizes: 'auto' | 'exact' | 'advisory'
  readonly keepAliveMs: number
  /** One message at a time: for those that were short or unreadable before. */
  readonly oneByOne: boolean
  /** UIDLs listed more than once; `unknown` while the listing goes on: then any may be. */
  readonly repeated: { has(uidl: string): boolean } | 'unknown'
  /** Monotonic clock after which no further mail is asked for, ms. */
  readonly until: number
  /** Known messages may be compared by their headers; undefined: by all their bytes. */
  readonly headers: HeaderRules | undefined
}
