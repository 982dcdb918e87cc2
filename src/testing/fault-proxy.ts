/**
 * A TCP proxy on loopback that makes the line bad: far away, cut, silent, closed. It stands in front of a real server, so
 * that what a network does to it can be tried without a network.
 */
import { type Server, type Socket, connect, createServer } from 'node:net'
import { DelayLine } from './delay-line.ts'

export interface FaultProxyOptions {
  /** Where the server listens; 127.0.0.1 unless given. */
  readonly host?: string
  readonly port: number
  /** Milliseconds that each octet takes in either direction, half of a round trip; 0 unless given. */
  readonly delayMs?: number
}

/** Both directions of one client. */
interface Pair {
  readonly sockets: readonly Socket[]
  readonly lines: readonly DelayLine[]
}

export class FaultProxy {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly #server: Server
  readonly #open = new Set<Pair>()
  readonly #options: FaultProxyOptions
  #silent = false
  #refusing = false
  /** Connections accepted so far. */
  connections = 0

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
    const { host = '127.0.0.1', port, delayMs = 0 } = this.#options
    const server = connect({ host, port, allowHalfOpen: true, noDelay: true })
    const lines = [new DelayLine(client, server, delayMs), new DelayLine(server, client, delayMs)]
    const pair: Pair = { sockets: [client, server], lines }
    this.#open.add(pair)
    for (const line of lines) line.hold(this.#silent)
    for (const socket of pair.sockets)
      socket
        .on('error', () => undefined)
        .once('close', (failed) => {
          this.#open.delete(pair)
          // What ends badly on one side ends badly on the other.
          const other = socket === client ? server : client
          if (failed) other.resetAndDestroy()
        })
  }
}
