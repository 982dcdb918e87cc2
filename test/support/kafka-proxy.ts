/**
 * A TCP proxy that understands so much of Kafka's protocol as to meddle with one request of one kind: its reply is lost, or
 * it is held back for as long as one likes. Everything else passes as it is.
 */
import { type Server, type Socket, connect, createServer } from 'node:net'
import { freePort } from '../fixtures/free-port.ts'

/** Kafka protocol: api keys. */
export const API = { produce: 0, initProducerId: 22, endTxn: 26, saslAuthenticate: 36 } as const

export interface Meddling {
  readonly apiKey: number
  /** `lose`: the broker carries it out, the reply never comes and the connection is reset. `hold`: until `release`. */
  readonly how: 'lose' | 'hold'
}

interface Pair {
  readonly client: Socket
  readonly broker: Socket
  /** Correlation id of the reply that is to be lost. */
  losing: number | undefined
  /** Requests behind one that is held, in order. */
  held: Buffer[] | undefined
}

/** Whole frames out of whatever pieces come: four octets of length before each. */
function frames(onFrame: (frame: Buffer) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE()) {
      const end = 4 + rest.readInt32BE()
      onFrame(rest.subarray(0, end))
      rest = rest.subarray(end)
    }
  }
}

export class KafkaProxy {
  readonly port: number
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  /** Where the broker listens. */
  brokerPort = 0
  #next: Meddling | undefined
  /** Requests meddled with so far. */
  meddled = 0

  private constructor(server: Server, port: number) {
    this.#server = server
    this.port = port
    server.on('connection', (client) => this.#accept(client))
  }

  static async start(): Promise<KafkaProxy> {
    const port = await freePort()
    const server = createServer({ noDelay: true })
    // All addresses: brokers name `localhost`, which may be ::1.
    await new Promise<void>((resolve) => server.listen(port, resolve))
    return new KafkaProxy(server, port)
  }

  /** The next request of that kind, whoever sends it. */
  meddle(next: Meddling): void {
    this.#next = next
  }

  /** What was held goes to the broker, also when its client is gone. */
  release(): void {
    for (const pair of this.#pairs)
      if (pair.held !== undefined) {
        for (const frame of pair.held) pair.broker.write(frame)
        pair.held = undefined
      }
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const { client, broker } of this.#pairs)
      for (const each of [client, broker]) each.destroy()
    await closed
  }

  #accept(client: Socket): void {
    const broker = connect({ port: this.brokerPort, host: '127.0.0.1', noDelay: true })
    const pair: Pair = { client, broker, losing: undefined, held: undefined }
    this.#pairs.add(pair)
    client.on(
      'data',
      frames((frame) => this.#request(pair, frame)),
    )
    broker.on(
      'data',
      frames((frame) => this.#reply(pair, frame)),
    )
    for (const socket of [client, broker]) socket.on('error', () => undefined)
    client.once('close', () => {
      // The broker does not hear of it before it has got what was on its way.
      if (pair.held === undefined) broker.destroy()
    })
    broker.once('close', () => {
      client.destroy()
      this.#pairs.delete(pair)
    })
  }

  /** Octets 4–5: api key, 8–11: correlation id. */
  #request(pair: Pair, frame: Buffer): void {
    const next = this.#next
    if (next?.apiKey === frame.readInt16BE(4)) {
      this.#next = undefined
      this.meddled += 1
      if (next.how === 'hold') pair.held = []
      else pair.losing = frame.readInt32BE(8)
    }
    if (pair.held === undefined) pair.broker.write(frame)
    else pair.held.push(frame)
  }

  /** Octets 4–7: correlation id. */
  #reply(pair: Pair, frame: Buffer): void {
    if (pair.losing === frame.readInt32BE(4)) {
      pair.client.resetAndDestroy()
      pair.broker.destroy()
    } else pair.client.write(frame)
  }
}
