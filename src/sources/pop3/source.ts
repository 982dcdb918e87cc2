/**
 * The POP3 source: a Readable of deliveries over many sessions. It pushes whatever has credit and never closes a session:
 * Node destroys a Readable before the sink has acknowledged.
 */
import { Readable } from 'node:stream'
import { z } from 'zod'
import { ConfigError } from '../../errors.ts'
import { mailboxId } from '../../identity.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { Delivery } from '../../pipeline/delivery.ts'
import { type ConnectTransport, checkOptions, defaultPort } from '../../pop3/index.ts'
import type { RawMessage } from '../../message.ts'
import type { Source, SourceContext, SourceReport } from '../source.ts'
import {
  type Pop3SourceOptions,
  type ResolvedPop3SourceOptions,
  checkDeletion,
  checkSourceOptions,
  checkWatch,
  pop3SourceOptions,
} from './options.ts'
import { Connector, Logins } from './connect.ts'
import { Host } from './host.ts'
import { Pop3Run } from './run.ts'
import type { Push } from './session-options.ts'

const DAY_MS = 24 * 60 * 60 * 1000

interface Acquaintance {
  readonly ledger: Ledger
  readonly host: Host
  /** Wall clock, ms since 1970 UTC. */
  readonly since: number
}

/**
 * Options with their defaults, and the mailbox id that they name.
 * @throws ConfigError naming every option that is wrong, or those that exclude each other
 * @throws ConnectionError MAILDRAIN_POP3_CLEARTEXT, before anything is opened
 */
export function resolveSource(options: Pop3SourceOptions): {
  readonly options: ResolvedPop3SourceOptions
  readonly mailbox: string
} {
  const result = pop3SourceOptions.safeParse(options)
  if (!result.success)
    throw new ConfigError('MAILDRAIN_CONFIG_INVALID', z.prettifyError(result.error))
  checkOptions(result.data)
  checkSourceOptions(result.data)
  const { auth, host, tls, port = defaultPort(tls) } = result.data
  return {
    options: result.data,
    mailbox: result.data.mailboxId ?? mailboxId(auth.user, host, port),
  }
}

export class Pop3Source implements Source {
  readonly name = 'pop3'
  readonly mailbox: string
  readonly #options: ResolvedPop3SourceOptions
  readonly #logins = new Logins()
  readonly #connect: ConnectTransport | undefined
  #known: Acquaintance | undefined
  #run: Pop3Run | undefined

  /**
   * @param connect opens connections: sockets unless given
   * @throws as `resolveSource`
   */
  constructor(options: Pop3SourceOptions, connect?: ConnectTransport) {
    const resolved = resolveSource(options)
    this.#connect = connect
    this.#options = resolved.options
    this.mailbox = resolved.mailbox
  }

  checkDeletion(deletion: boolean): void {
    checkDeletion(this.#options, deletion)
  }

  checkWatch(): void {
    checkWatch(this.#options)
  }

  open(context: SourceContext): Readable {
    let running: Promise<void> | undefined
    const readable = new Readable({
      objectMode: true,
      read() {
        running ??= run.drain().then(
          () => void readable.push(null),
          (error: unknown) => void readable.destroy(error as Error),
        )
      },
      // Closed when the run has ended: until then deletions may be under way, and the counts may change.
      destroy(error, callback) {
        void (running ?? Promise.resolve()).then(() => callback(error))
      },
    })
    const push: Push = (message, settled) => {
      const unit = context.unit(message, settled)
      readable.push({ unit, value: message } satisfies Delivery<RawMessage>)
    }
    const { host, since } = this.#acquaintance(context)
    const run = new Pop3Run({
      ...{ options: this.#options, context, mailbox: this.mailbox, push, host },
      connector: new Connector(this.#options, context, {
        ...{ host, logins: this.#logins, connect: this.#connect },
      }),
      runStart: since,
    })
    this.#run = run
    return readable
  }

  /** While a ledger stays open, what was asked of the host is not asked again, and what was tried is not tried again. */
  #acquaintance({ ledger, clock }: SourceContext): Acquaintance {
    const now = clock.now()
    if (this.#known?.ledger !== ledger)
      this.#known = { ledger, since: now, host: new Host(ledger.host ?? null, () => clock.now()) }
    // A watch would else never try again what it could not read once.
    else if (now - this.#known.since >= DAY_MS) this.#known = { ...this.#known, since: now }
    return this.#known
  }

  report(): SourceReport {
    const state = this.#run?.state
    if (state === undefined) return nothing()
    const { tally, inDoubt, bytes, sessions, remaining, undeletable, unselected, waiting } = state
    const { listingBytes, openMs, quitMs } = state
    return {
      ...{ counts: { ...tally.counts }, copies: tally.copies },
      ...{ deleted: inDoubt.deleted, verifiedGone: inDoubt.verifiedGone },
      ...{ remaining, unselected, waiting, bytes, sessions, undeletable, listingBytes },
      ...{ openSeconds: seconds(openMs), quitSeconds: seconds(quitMs) },
    }
  }
}

/** To the millisecond. */
const seconds = (ms: number): number => Math.round(ms) / 1000

const nothing = (): SourceReport => ({
  counts: {
    ...{ seen: 0, delivered: 0, alreadyDelivered: 0, filtered: 0 },
    ...{ deadLettered: 0, kept: 0, vanished: 0 },
  },
  ...{
    copies: 0,
    deleted: 0,
    verifiedGone: 0,
    undeletable: 0,
    remaining: 0,
    unselected: 0,
    waiting: 0,
    bytes: 0,
    sessions: 0,
  },
  ...{ listingBytes: 0, openSeconds: 0, quitSeconds: 0 },
})
