/**
 * A TCP proxy on loopback that makes the line bad: far away, cut, silent, closed, broken at a given octet or reply. It stands in front of a real server, so
 * that what a network does to it can be tried without a network.
 */
import { type Server, type Socket, connect, createServer } from 'node:net'
import { DelayLine, type LineEnd } from './delay-line.ts'
import { type LineFault, type LineGate, type Side, gateOf } from './line-fault.ts'

export interface FaultProxyOptions {
  /** Where the server listens; 127.0.0.1 unless given. */
  readonly host?: string
  readonly port: number
  /** Milliseconds that each octet takes in either direction, half of a round trip; 0 unless given. */
  readonly delayMs?: number
  /** Where the line of a connection breaks, by its number from 1; undefined: nowhere. */
  readonly fault?: (connection: number) => LineFault | undefined
}

/** Octets that have arrived, by who sent them. */
export interface PassedOctets {
  readonly client: number
  readonly server: number
}

/** Both directions of one client. */
interface Pair {
  readonly sockets: readonly [client: Socket, server: Socket]
  readonly lines: readonly [fromClient: DelayLine, fromServer: DelayLine]
}

export class FaultProxy {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly #server: Server
  readonly #open = new Set<Pair>()
  readonly #passed: PassedOctets[] = []
  readonly #options: FaultProxyOptions
  #silent = false
  #refusing = false
  /** Connections accepted so far. */
  connections = 0
  /** Faults that have struck. */
  strikes = 0

  private constructor(server: Server, port: number, options: FaultProxyOptions) {
    this.#server = server
    this.port = port
    this.#options = options
    server.on('connection', (client) => this.#accept(client))
  }

  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    // Each side is closed when its octets have arrived, not before.
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(0, '127.0.0.1', resolve)
    })
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
    return new FaultProxy(server, address.port, options)
  }

  /** Octets that passed, both directions, of the connections that are open. */
  get passed(): number {
    let sum = 0
    for (const { lines } of this.#open) for (const line of lines) sum += line.passed
    return sum
  }

  /** What passed on each connection so far, in the order of their numbers. */
  get passedByConnection(): readonly PassedOctets[] {
    return this.#passed.map((passed) => ({ ...passed }))
  }

  /** Resets every open connection. */
  cut(): void {
    for (const { sockets } of this.#open) for (const socket of sockets) socket.resetAndDestroy()
  }

  /** While silent nothing passes and nothing is closed: a frozen host, a NAT that has forgotten the connection. */
  silence(silent: boolean): void {
    this.#silent = silent
    for (const { lines } of this.#open) for (const line of lines) line.hold(silent)
  }

  /** While refusing, whoever connects is reset. */
  refuse(refusing: boolean): void {
    this.#refusing = refusing
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const { sockets } of this.#open) for (const socket of sockets) socket.destroy()
    await closed
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.on('error', () => undefined).resetAndDestroy()
      return
    }
    this.connections += 1
    const { host = '127.0.0.1', port, delayMs = 0, fault: faultOf } = this.#options
    const server = connect({ host, port, allowHalfOpen: true, noDelay: true })
    const fault = faultOf?.(this.connections)
    const endOf = (from: Side, gate: LineGate | undefined): LineEnd | undefined =>
      fault &&
      gate && { judge: (chunk) => gate(from, chunk), strike: () => this.#strike(fault, pair) }
    const gate = fault && gateOf(fault)
    const pair: Pair = {
      sockets: [client, server],
      lines: [
        new DelayLine(client, server, delayMs, endOf('client', gate)),
        new DelayLine(server, client, delayMs, endOf('server', gate)),
      ],
    }
    this.#open.add(pair)
    this.#count(pair)
    for (const line of pair.lines) line.hold(this.#silent)
    for (const socket of pair.sockets)
      socket
        .on('error', () => undefined)
        .once('close', (failed) => {
          const other = socket === client ? server : client
          // Where the end of one side was swallowed, the other stays open.
          if (other.destroyed) this.#open.delete(pair)
          // What ends badly on one side ends badly on the other.
          if (failed) other.resetAndDestroy()
        })
  }

  #count({ sockets: [client], lines: [fromClient, fromServer] }: Pair): void {
    const index = this.#passed.length
    const count = (): PassedOctets => ({ client: fromClient.passed, server: fromServer.passed })
    this.#passed.push({
      get client() {
        return count().client
      },
      get server() {
        return count().server
      },
    })
    // Not the sockets of connections that are over.
    client.once('close', () => (this.#passed[index] = count()))
  }

  #strike({ then }: LineFault, { sockets }: Pair): void {
    this.strikes += 1
    if (then === 'reset') for (const socket of sockets) socket.resetAndDestroy()
  }
}
