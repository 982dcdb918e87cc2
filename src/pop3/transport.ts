/**
 * Sockets and TLS: the only file of `pop3` that touches the network and the system's clock. It is never paused: what was
 * asked for is read to its end, because servers end sessions of clients that do not read.
 */
import net from 'node:net'
import tls from 'node:tls'
import { ConnectionError, Pop3ProtocolError } from '../errors.ts'
import { connectTimedOut, tlsFailed, tlsTimedOut, unreachable } from './connection-errors.ts'

/** Time as the client needs it; maildrain's own clock has this shape. */
export interface Pop3Clock {
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonic(): number
  /** Calls `fire` once after `ms` milliseconds. The timer does not keep the process alive when `unref` is set. */
  timer(ms: number, fire: () => void, unref?: boolean): { cancel(): void }
}

/** The machine's time. */
export const systemPop3Clock: Pop3Clock = {
  monotonic: () => performance.now(),
  timer(ms, fire, unref = false) {
    const handle = setTimeout(fire, ms)
    if (unref) handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
}

/** Where to connect to, and how. */
export interface TransportTarget {
  /** Without brackets. */
  readonly host: string
  readonly port: number
  /** `host:port`, for messages. */
  readonly server: string
  /** TLS from the first byte; else `startTls` may begin it later. */
  readonly implicitTls: boolean
  /** Name that the certificate must carry, instead of the host. */
  readonly servername?: string | undefined
  /** PEM of the authorities to trust in place of the built-in list. */
  readonly ca?: string | Buffer | undefined
  readonly connectTimeoutMs: number
  readonly tlsTimeoutMs: number
}

/** What a transport tells. Nothing is told after `closed`. */
export interface TransportEvents {
  data(chunk: Buffer): void
  /** Once: the other side or the network ended the connection. */
  closed(cause?: Error): void
}

/** A connection. An implementation of one's own makes the client run over anything, in tests over memory. */
export interface Pop3Transport {
  readonly secure: boolean
  /** Sends the string as UTF-8. */
  write(text: string): void
  /**
   * Begins TLS on the open connection (RFC 2595 section 4).
   * @throws Pop3ProtocolError when bytes of the server came before it; ConnectionError when the handshake fails
   */
  startTls(): Promise<void>
  /** Sends what was written, then closes. */
  finish(): void
  destroy(): void
}

/** Opens a transport; rejects with a ConnectionError. */
export type ConnectTransport = (
  target: TransportTarget,
  events: TransportEvents,
  io: { readonly clock: Pop3Clock; readonly signal?: AbortSignal | undefined },
) => Promise<Pop3Transport>

/** Time for the first of several addresses of a host; the default of Node.js, 250 ms, is less than a far round trip. */
const ADDRESS_ATTEMPT_MS = 1000
const KEEP_ALIVE_MS = 60_000

/** Over TCP, and TLS 1.2 or newer (RFC 8314 section 4.1). */
export const connectSocket: ConnectTransport = async (target, events, io) => {
  const socket = await connectTcp(target, io)
  const transport = new SocketTransport(socket, target, events, io.clock)
  if (!target.implicitTls) return transport
  const abort = () => transport.destroy()
  io.signal?.addEventListener('abort', abort, { once: true })
  try {
    await transport.startTls()
  } finally {
    io.signal?.removeEventListener('abort', abort)
  }
  return transport
}

function connectTcp(
  target: TransportTarget,
  { clock, signal }: Parameters<ConnectTransport>[2],
): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({
      host: target.host,
      port: target.port,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS,
    })
    const settle = (error?: ConnectionError) => {
      timer.cancel()
      signal?.removeEventListener('abort', abort)
      socket.removeAllListeners()
      if (error === undefined) {
        socket.setNoDelay(true)
        socket.setKeepAlive(true, KEEP_ALIVE_MS)
        resolve(socket)
        return
      }
      // An address attempt that fails later must not become an uncaught exception.
      socket.on('error', ignore)
      socket.destroy()
      reject(error)
    }
    const abort = () => settle(stopped(target.server, signal?.reason))
    const timer = clock.timer(target.connectTimeoutMs, () =>
      settle(connectTimedOut(target.server, target.connectTimeoutMs)),
    )
    socket.once('connect', () => settle())
    socket.once('error', (cause) => settle(unreachable(target.server, cause)))
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
  })
}

class SocketTransport implements Pop3Transport {
  readonly #target: TransportTarget
  readonly #events: TransportEvents
  readonly #clock: Pop3Clock
  #socket: net.Socket
  #secure = false
  #closed = false

  constructor(
    socket: net.Socket,
    target: TransportTarget,
    events: TransportEvents,
    clock: Pop3Clock,
  ) {
    this.#socket = socket
    this.#target = target
    this.#events = events
    this.#clock = clock
    if (target.implicitTls) socket.on('error', ignore)
    else this.#listen(socket)
  }

  get secure(): boolean {
    return this.#secure
  }

  /** Commands of one turn of the event loop go out together: a segment, and a wake-up of the server, for all of them. */
  write(text: string): void {
    const socket = this.#socket
    if (socket.writableCorked === 0) {
      socket.cork()
      process.nextTick(() => socket.uncork())
    }
    socket.write(text, 'utf8')
  }

  finish(): void {
    this.#closed = true
    this.#socket.destroySoon()
  }

  destroy(): void {
    this.#closed = true
    this.#socket.destroy()
  }

  async startTls(): Promise<void> {
    const plain = this.#socket
    for (const event of ['data', 'end', 'close', 'error']) plain.removeAllListeners(event)
    plain.on('error', ignore)
    if (plain.readableLength > 0) throw injected(this.#target.server, plain.readableLength)
    this.#socket = await this.#handshake(plain)
    this.#secure = true
    this.#listen(this.#socket)
  }

  #handshake(plain: net.Socket): Promise<tls.TLSSocket> {
    const { server, host, ca, tlsTimeoutMs } = this.#target
    const name = this.#target.servername ?? host
    return new Promise((resolve, reject) => {
      const socket = tls.connect({
        socket: plain,
        host: name,
        // Names only: an address in SNI is forbidden (RFC 6066 section 3); the certificate is checked against it all the same.
        ...(net.isIP(name) === 0 ? { servername: name } : {}),
        ...(ca === undefined ? {} : { ca }),
        minVersion: 'TLSv1.2',
        // Said aloud, because the environment can switch the check off otherwise (NODE_TLS_REJECT_UNAUTHORIZED).
        rejectUnauthorized: true,
      })
      this.#socket = socket
      const fail = (error: ConnectionError) => {
        timer.cancel()
        socket.removeAllListeners('secureConnect')
        socket.on('error', ignore)
        socket.destroy()
        plain.destroy()
        reject(error)
      }
      const timer = this.#clock.timer(tlsTimeoutMs, () => fail(tlsTimedOut(server, tlsTimeoutMs)))
      socket.once('error', (cause) => fail(tlsFailed(server, cause)))
      socket.once('close', () => fail(tlsFailed(server, undefined)))
      socket.once('secureConnect', () => {
        timer.cancel()
        socket.removeAllListeners('error')
        socket.removeAllListeners('close')
        resolve(socket)
        // The listeners of the session come with the promise; an error in between must have one.
        socket.on('error', ignore)
      })
    })
  }

  #listen(socket: net.Socket): void {
    socket.on('data', (chunk: Buffer) => {
      if (!this.#closed) this.#events.data(chunk)
    })
    socket.on('end', () => this.#end())
    socket.on('error', (cause) => this.#end(cause))
    socket.on('close', () => this.#end())
  }

  #end(cause?: Error): void {
    if (this.#closed) return
    this.#closed = true
    this.#socket.destroy()
    this.#events.closed(cause)
  }
}

const ignore = (): void => undefined

/** The caller's signal ended the attempt. */
export const stopped = (server: string, cause: unknown): ConnectionError =>
  new ConnectionError(
    'MAILDRAIN_POP3_DISCONNECTED',
    `the connection to ${server} was given up because the caller stopped; connect again when it is wanted`,
    { cause },
  )

const injected = (server: string, bytes: number): Pop3ProtocolError =>
  new Pop3ProtocolError(
    'MAILDRAIN_POP3_PROTOCOL',
    `${server} sent ${bytes} bytes between its +OK to STLS and TLS; this is what an attacker on the line does: use pop3s://`,
  )
