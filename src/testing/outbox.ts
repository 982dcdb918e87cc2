/**
 * What the server sends, gathered into few writes. Rule: octets leave in order, never more than the limit of a session
 * that is to be cut, and whoever fills it waits in `settle` while the client does not read.
 */
import type { Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import { pause } from './pause.ts'

const CHUNK_OCTETS = 64 * 1024
/** Larger pieces are sent as they are, smaller ones are copied together: a write costs more than 8 KB of memcpy. */
const COPY_OCTETS = 8 * 1024
const FLUSH_OCTETS = 128 * 1024

/** A slow line is served this often. */
const TRICKLE_MS = 10

export class Outbox {
  #socket: Socket
  readonly #clock: Clock
  #chunk = Buffer.allocUnsafe(CHUNK_OCTETS)
  #start = 0
  #used = 0
  #queue: Buffer[] = []
  #queued = 0
  #left: number
  #flushes = 0

  /** @param limit octets after which nothing more is sent */
  constructor(socket: Socket, clock: Clock, limit = Infinity) {
    this.#socket = socket
    this.#clock = clock
    this.#left = limit
  }

  /** Nothing that is written now will arrive. */
  get closed(): boolean {
    return this.#socket.destroyed || this.cut
  }

  /** The limit is reached: what was written after it is lost, and the connection should end. */
  get cut(): boolean {
    return this.#left <= 0
  }

  /** Is there enough to be worth a write? */
  get full(): boolean {
    return this.#queued + this.#used - this.#start >= FLUSH_OCTETS
  }

  /** Goes on on another socket: the same connection under TLS. Call only after `flushed`. */
  moveTo(socket: Socket): void {
    this.#socket = socket
  }

  text(latin1: string): void {
    if (latin1.length > COPY_OCTETS || latin1.length > this.#left) {
      this.bytes(Buffer.from(latin1, 'latin1'))
      return
    }
    this.#left -= latin1.length
    if (this.#used + latin1.length > CHUNK_OCTETS) this.#renew()
    this.#used += this.#chunk.write(latin1, this.#used, 'latin1')
  }

  bytes(piece: Buffer): void {
    const sent = piece.length > this.#left ? piece.subarray(0, this.#left) : piece
    this.#left -= sent.length
    if (sent.length > COPY_OCTETS) {
      this.#seal()
      this.#queue.push(sent)
      this.#queued += sent.length
      return
    }
    if (this.#used + sent.length > CHUNK_OCTETS) this.#renew()
    this.#used += sent.copy(this.#chunk, this.#used)
  }

  /** A place in what waits to be sent, for `swap`. */
  mark(): { readonly piece: number; readonly flushes: number } {
    this.#seal()
    return { piece: this.#queue.length, flushes: this.#flushes }
  }

  /** What was written between the marks goes behind what was written since, unless some of it has left already. */
  swap(from: ReturnType<Outbox['mark']>, to: ReturnType<Outbox['mark']>): void {
    if (from.flushes !== this.#flushes) return
    this.#seal()
    const moved = this.#queue.splice(from.piece, to.piece - from.piece)
    this.#queue.push(...moved)
  }

  #renew(): void {
    this.#seal()
    this.#chunk = Buffer.allocUnsafe(CHUNK_OCTETS)
    this.#start = 0
    this.#used = 0
  }

  #seal(): void {
    if (this.#used === this.#start) return
    this.#queue.push(this.#chunk.subarray(this.#start, this.#used))
    this.#queued += this.#used - this.#start
    this.#start = this.#used
  }

  flush(): void {
    const pieces = this.#take()
    if (pieces.length === 0 || !this.#socket.writable) return
    this.#socket.cork()
    for (const piece of pieces) this.#socket.write(piece)
    this.#socket.uncork()
  }

  /** What waits. */
  #take(): readonly Buffer[] {
    this.#seal()
    const pieces = this.#queue
    if (pieces.length === 0) return pieces
    this.#queue = []
    this.#queued = 0
    this.#flushes += 1
    return pieces
  }

  /**
   * Flushes; resolves when the client has read enough of it, or when the connection has ended.
   * @param patienceMs after which the connection of a client that does not read is ended
   */
  async settle(patienceMs = Infinity): Promise<void> {
    this.flush()
    const socket = this.#socket
    if (!socket.writableNeedDrain || socket.destroyed) return
    await new Promise<void>((resolve) => {
      const timer =
        patienceMs === Infinity
          ? undefined
          : this.#clock.timer(patienceMs, () => void socket.destroy())
      const done = () => {
        timer?.cancel()
        socket.off('drain', done).off('close', done)
        resolve()
      }
      socket.on('drain', done).on('close', done)
    })
  }

  /** Sends what waits at so many octets a second; resolves when it has left, or when the connection has ended. */
  async trickle(octetsPerSecond: number): Promise<void> {
    const all = Buffer.concat(this.#take())
    const begun = this.#clock.monotonic()
    for (let sent = 0; sent < all.length && !this.#socket.destroyed;) {
      const due = Math.ceil(((this.#clock.monotonic() - begun) / 1000) * octetsPerSecond) + 1
      if (due > sent) this.#socket.write(all.subarray(sent, due))
      sent = Math.max(sent, due)
      await pause(this.#clock, TRICKLE_MS)
    }
  }

  /** Flushes; resolves when the last octet has been handed to the kernel, or when the connection has ended. */
  async flushed(): Promise<void> {
    this.flush()
    await new Promise<void>((resolve) => {
      this.#socket.write('', () => resolve())
    })
  }
}
