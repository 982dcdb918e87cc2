/**
 * What the server sends, gathered into few writes. Rule: octets leave in order, never more than the limit of a session
 * that is to be cut, and whoever fills it waits in `settle` while the client does not read.
 */
import type { Socket } from 'node:net'

const CHUNK_OCTETS = 64 * 1024
/** Larger pieces are sent as they are, smaller ones are copied together: a write costs more than 8 KB of memcpy. */
const COPY_OCTETS = 8 * 1024
const FLUSH_OCTETS = 128 * 1024

const CRLF_DOT = Buffer.from('\r\n.', 'latin1')
const DOT = 0x2e

export class Outbox {
  #socket: Socket
  #chunk = Buffer.allocUnsafe(CHUNK_OCTETS)
  #start = 0
  #used = 0
  #queue: Buffer[] = []
  #queued = 0
  #left: number

  /** @param limit octets after which nothing more is sent */
  constructor(socket: Socket, limit = Infinity) {
    this.#socket = socket
    this.#left = limit
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

  /** A message as the body of a multi-line reply: dots stuffed after CRLF and at the start only, terminator added. */
  message(raw: Buffer): void {
    let from = 0
    if (raw[0] === DOT) this.text('.')
    for (let at = raw.indexOf(CRLF_DOT); at !== -1; at = raw.indexOf(CRLF_DOT, at + 3)) {
      this.bytes(raw.subarray(from, at + 2))
      this.text('.')
      from = at + 2
    }
    this.bytes(raw.subarray(from))
    const open = raw.length > 0 && !(raw.at(-2) === 13 && raw.at(-1) === 10)
    this.text(open ? '\r\n.\r\n' : '.\r\n')
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
    this.#seal()
    const pieces = this.#queue
    if (pieces.length === 0) return
    this.#queue = []
    this.#queued = 0
    if (!this.#socket.writable) return
    this.#socket.cork()
    for (const piece of pieces) this.#socket.write(piece)
    this.#socket.uncork()
  }

  /** Flushes; resolves when the client has read enough of it, or when the connection has ended. */
  async settle(): Promise<void> {
    this.flush()
    const socket = this.#socket
    if (!socket.writableNeedDrain || socket.destroyed) return
    await new Promise<void>((resolve) => {
      const done = () => {
        socket.off('drain', done).off('close', done)
        resolve()
      }
      socket.on('drain', done).on('close', done)
    })
  }

  /** Flushes; resolves when the last octet has been handed to the kernel, or when the connection has ended. */
  async flushed(): Promise<void> {
    this.flush()
    await new Promise<void>((resolve) => {
      this.#socket.write('', () => resolve())
    })
  }
}
