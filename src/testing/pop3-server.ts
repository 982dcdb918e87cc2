/**
 * A POP3 server for tests: by the RFCs unless told otherwise, fast enough to serve gigabytes, with a memory of what was
 * asked of it. Several may run in one process.
 */
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net'
import { createSecureContext, createServer as createTlsServer } from 'node:tls'
import type { Behaviour } from './behaviour/behaviour.ts'
import type { MailboxMessage } from './mailbox.ts'
import {
  Pop3Core,
  type Pop3Deletion,
  type Pop3LogEntry,
  type Pop3ServerOptions,
} from './pop3-core.ts'
import { Pop3Session } from './pop3-session.ts'

/** A running server; `startPop3Server` makes it. */
export class Pop3Server {
  readonly #core: Pop3Core
  readonly #server: Server
  readonly #open = new Set<Pop3Session>()
  #sessions = 0

  /** @param core what the sessions share @param listen makes the listener that gives its connections to the function */
  constructor(core: Pop3Core, listen: (accept: (socket: Socket) => void) => Server) {
    this.#core = core
    this.#server = listen((socket) => this.#accept(socket))
  }

  #accept(socket: Socket): void {
    const { tls } = this.#core.options
    const context = tls?.mode === 'stls' ? createSecureContext(tls) : undefined
    const session = new Pop3Session(this.#core, (this.#sessions += 1), socket, context)
    this.#open.add(session)
    socket.once('close', () => this.#open.delete(session))
  }

  get host(): string {
    return this.#core.options.host ?? '127.0.0.1'
  }

  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0
  }

  /** `pop3://user@127.0.0.1:1110`, or `pop3s://` with implicit TLS. */
  get url(): string {
    const { tls, user = 'user' } = this.#core.options
    const host = this.host.includes(':') ? `[${this.host}]` : this.host
    const scheme = tls?.mode === 'implicit' ? 'pop3s' : 'pop3'
    return `${scheme}://${encodeURIComponent(user)}@${host}:${this.port}`
  }

  /** Messages that are still there, hidden ones too (`quitHidesRead`). */
  remaining(): number {
    return this.#core.maildrop.remaining
  }

  /** Indexes of the messages that are still there, ascending; added ones follow those of the mailbox. */
  remainingIndexes(): number[] {
    return this.#indexes(true)
  }

  /** Those of them that are not hidden. */
  visibleIndexes(): number[] {
    return this.#indexes(false)
  }

  #indexes(hiddenToo: boolean): number[] {
    const order = this.#core.maildrop.snapshot({ hiddenToo })
    return Array.from({ length: order.count }, (_, rank) => order.at(rank))
  }

  /** The latest commands, oldest first: at most `logLimit`. Never an argument of PASS or AUTH. */
  get log(): readonly Pop3LogEntry[] {
    return this.#core.log
  }

  /** Connections so far. */
  get sessions(): number {
    return this.#sessions
  }

  /** Logins so far that succeeded. */
  get logins(): number {
    return this.#core.logins
  }

  /** What sessions removed, in order: the latest, at most `logLimit`. */
  get deletions(): readonly Pop3Deletion[] {
    return this.#core.deletions
  }

  /** New mail: later sessions see it. Returns its index. */
  add(message: MailboxMessage): number {
    return this.#core.add(message)
  }

  /** Another client took it: open sessions get -ERR for it, later ones do not see it. */
  remove(index: number): void {
    this.#core.remove(index)
  }

  /** Sets the switches that are named, undefined turns one off. Open sessions keep their view and octet limit. */
  setBehaviour(behaviour: Behaviour): void {
    this.#core.switches.change(behaviour)
  }

  /** Every open connection ends at once, without UPDATE. */
  dropConnections(): void {
    for (const session of this.#open) session.destroy()
  }

  /** Ends every connection and stops to listen. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.dropConnections()
    await closed
  }
}

/**
 * Starts a server on loopback.
 * @throws the system's error when the port is taken
 */
export async function startPop3Server(options: Pop3ServerOptions): Promise<Pop3Server> {
  const { tls, port = 0, host = '127.0.0.1' } = options
  let listener: Server | undefined
  const server = new Pop3Server(new Pop3Core(options), (accept) => {
    listener = tls?.mode === 'implicit' ? createTlsServer(tls, accept) : createServer(accept)
    return listener
  })
  await new Promise<void>((resolve, reject) => {
    listener?.once('error', reject).listen(port, host, resolve)
  })
  return server
}
