/** Connections between a life and the mail server: ordered, late, cut into chunks, and lost where the plan says so. */
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { ConnectionError } from '../../../src/errors.ts'
import type { ConnectTransport, Pop3Transport, TransportEvents } from '../../../src/pop3/index.ts'
import type { Random } from '../../../src/testing/random.ts'
import type { Faults } from './faults.ts'
import { type Life, dead } from './life.ts'
import type { Scheduler } from './scheduler.ts'

export interface NetworkOptions {
  readonly scheduler: Scheduler
  readonly random: Random
  readonly faults: Faults
  /** Gives a connection to the server. */
  readonly accept: (socket: Socket) => void
}

/** The server's end, as much of a socket as the test server uses. */
class ServerEnd extends EventEmitter {
  destroyed = false
  writable = true
  readonly writableNeedDrain = false
  readonly #line: Line

  constructor(line: Line) {
    super()
    this.#line = line
  }

  write(piece: Buffer | string, done?: () => void): boolean {
    if (typeof piece !== 'string') this.#line.toClient(piece)
    if (done !== undefined) process.nextTick(done)
    return true
  }
  destroySoon(): void {
    this.writable = false
    this.#line.serverCloses()
  }
  destroy(): this {
    this.#line.serverCloses()
    return this
  }
  cork(): void {
    return undefined
  }
  uncork(): void {
    return undefined
  }
  pause(): this {
    return this
  }
  resume(): this {
    return this
  }
  setNoDelay(): this {
    return this
  }
}

type Way = 'to-server' | 'to-client'

/** One connection. Each way is a queue: what was sent first arrives first. */
class Line {
  readonly #network: NetworkOptions
  readonly #life: Life
  readonly #events: TransportEvents
  readonly server = new ServerEnd(this)
  readonly #due: Record<Way, number> = { 'to-server': 0, 'to-client': 0 }
  #clientOpen = true
  #serverOpen = true
  #cut = false

  constructor(network: NetworkOptions, life: Life, events: TransportEvents) {
    this.#network = network
    this.#life = life
    this.#events = events
    life.signal.addEventListener('abort', () => this.clientCloses(), { once: true })
  }

  toServer(bytes: Buffer): void {
    if (this.#clientOpen) this.#send('to-server', bytes)
  }

  toClient(bytes: Buffer): void {
    // The test server goes on writing into its buffer.
    if (this.#serverOpen) this.#send('to-client', Buffer.from(bytes))
  }

  /** What was sent before arrives before. */
  clientCloses(): void {
    if (!this.#clientOpen) return
    this.#clientOpen = false
    this.#later('to-server', () => this.#endServer())
  }

  serverCloses(): void {
    if (!this.#serverOpen) return
    this.#serverOpen = false
    this.server.destroyed = true
    process.nextTick(() => this.server.emit('close'))
    this.#later('to-client', () => this.#endClient())
  }

  /** What is on its way is lost. */
  cut(): void {
    this.#cut = true
    this.#network.scheduler.after(1, () => this.#endServer())
    this.#network.scheduler.after(1, () => this.#endClient(new Error('read ECONNRESET')))
  }

  #endServer(): void {
    if (!this.#serverOpen) return
    this.#serverOpen = false
    this.server.destroyed = true
    this.server.emit('close')
  }

  #endClient(cause?: Error): void {
    this.#life.deliver(() => {
      if (!this.#clientOpen) return
      this.#clientOpen = false
      this.#events.closed(cause)
    })
  }

  #send(way: Way, bytes: Buffer): void {
    const { random } = this.#network
    const split = bytes.length > 1 && random.chance(10) ? 1 + random.below(bytes.length - 1) : 0
    if (split > 0) this.#later(way, () => this.#arrive(way, bytes.subarray(0, split)))
    this.#later(way, () => this.#arrive(way, bytes.subarray(split)))
  }

  #later(way: Way, what: () => void): void {
    const { scheduler, random } = this.#network
    const at = Math.max(this.#due[way], scheduler.now + 1 + random.below(20))
    this.#due[way] = at
    scheduler.after(at - scheduler.now, what)
  }

  #arrive(way: Way, bytes: Buffer): void {
    if (this.#cut) return
    const take = (): void => {
      if (way === 'to-client')
        this.#life.deliver(() => this.#clientOpen && this.#events.data(bytes))
      else if (this.#serverOpen) this.server.emit('data', bytes)
    }
    const { faults } = this.#network
    switch (faults.next(way, this.#life)) {
      case 'lost':
        this.cut()
        return
      case 'unanswered':
        take()
        this.cut()
        return
      case 'late':
        // Nothing comes through any more, and nobody is told.
        this.#cut = true
        return
      case 'none':
        take()
    }
  }
}

/** Connections of one life. */
export function connectOf(network: NetworkOptions, life: Life): ConnectTransport {
  const { scheduler, random, faults, accept } = network
  return (_target, events, { signal }) =>
    new Promise<Pop3Transport>((resolve, reject) => {
      const refuse = (why: string): void =>
        reject(new ConnectionError('MAILDRAIN_POP3_UNREACHABLE', why))
      if (life.state === 'dead') {
        refuse('the process is dead')
        return
      }
      const stop = (): void => reject((signal?.reason as Error | undefined) ?? dead())
      signal?.addEventListener('abort', stop, { once: true })
      scheduler.after(1 + random.below(20), () =>
        life.deliver(() => {
          signal?.removeEventListener('abort', stop)
          if (faults.next('connect', life) !== 'none' || signal?.aborted === true) {
            refuse('the line was cut')
            return
          }
          const line = new Line(network, life, events)
          accept(line.server as unknown as Socket)
          resolve(transportOf(line))
        }),
      )
    })
}

/** Commands of one turn go out together, as they do over a socket. */
function transportOf(line: Line): Pop3Transport {
  let waiting = ''
  const flush = (): void => {
    const bytes = Buffer.from(waiting, 'utf8')
    waiting = ''
    if (bytes.length > 0) line.toServer(bytes)
  }
  return {
    secure: false,
    write(text) {
      if (waiting === '') process.nextTick(flush)
      waiting += text
    },
    startTls: () => Promise.reject(new Error('there is no TLS here')),
    finish() {
      flush()
      line.clientCloses()
    },
    destroy: () => line.clientCloses(),
  }
}
