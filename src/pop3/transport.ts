/**
 * Sockets and TLS, and the system's clock; only proxy.ts and discovery.ts touch the network besides. It is never paused: what
 * was asked for is read to its end, because servers end sessions of clients that do not read.
 */
import { createHash } from 'node:crypto'
import net from 'node:net'
import tls from 'node:tls'
import { ConfigError, ConnectionError, Pop3ProtocolError } from '../errors.ts'
import {
  codeOf,
  connectTimedOut,
  pinMismatch,
  stopped,
  tlsFailed,
  tlsTimedOut,
  unreachable,
} from './connection-errors.ts'
import type { TlsVersion } from './options.ts'
import { type Proxy, connectThroughProxy } from './proxy.ts'

/** Time as the client needs it; maildrain's own clock has this shape. */
export interface Pop3Clock {
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonic(): number
  /** Wall clock, milliseconds since 1970 UTC: for the lifetime of tokens. */
  now(): number
  /** Calls `fire` once after `ms` milliseconds. The timer does not keep the process alive when `unref` is set. */
  timer(ms: number, fire: () => void, unref?: boolean): { cancel(): void }
}

/** The machine's time. */
export const systemPop3Clock: Pop3Clock = {
  monotonic: () => performance.now(),
  now: () => Date.now(),
  timer(ms, fire, unref = false) {
    const handle = setTimeout(fire, ms)
    if (unref) handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
}

/** Named as in Node.js, where there is a name. */
export interface TlsSettings {
  /** PEM of the authorities to trust in place of the built-in list. */
  readonly ca?: string | Buffer | undefined
  /** PEM of the client certificate and its key, or both in PKCS #12. */
  readonly cert?: string | Buffer | undefined
  readonly key?: string | Buffer | undefined
  readonly pfx?: Buffer | undefined
  readonly passphrase?: string | undefined
  readonly minVersion: TlsVersion
  /** Base64 of SHA-256 of the public keys (SPKI) that the server may have; empty: any. */
  readonly pins: readonly string[]
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
  /** Certificates, keys and versions of TLS; none without TLS. */
  readonly tls?: TlsSettings | undefined
  readonly proxy?: Proxy | undefined
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
  const { tls: settings, proxy, server, connectTimeoutMs } = target
  const context = settings === undefined ? undefined : secureContext(settings)
  const socket =
    proxy === undefined
      ? await connectTcp(target, io)
      : await connectThroughProxy(proxy, target, io, (place) =>
          connectTcp({ ...place, server: `the proxy for ${server}`, connectTimeoutMs }, io),
        )
  const transport = new SocketTransport(socket, { ...target, context }, events, io.clock)
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

/** @throws ConfigError MAILDRAIN_CONFIG_CLIENT_CERTIFICATE, before anything is connected */
function secureContext(settings: TlsSettings): tls.SecureContext {
  const { ca, cert, key, pfx, passphrase, minVersion } = settings
  const given = { ca, cert, key, pfx, passphrase }
  try {
    return tls.createSecureContext({
      ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
      minVersion,
      // OpenSSL 3 does not speak TLS 1.0 and 1.1 at its usual level, whatever the versions say.
      ...(minVersion < 'TLSv1.2' ? { ciphers: 'DEFAULT:@SECLEVEL=0' } : {}),
    })
  } catch (error) {
    // Not as the cause: what OpenSSL says is enough, and the settings hold a passphrase.
    throw new ConfigError(
      'MAILDRAIN_CONFIG_CLIENT_CERTIFICATE',
      `the certificates for TLS cannot be used: ${codeOf(error) || 'unreadable'}; check that certificate and key are a pair, and the passphrase`,
    )
  }
}

function connectTcp(
  target: Pick<TransportTarget, 'host' | 'port' | 'server' | 'connectTimeoutMs'>,
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

interface SocketTarget extends TransportTarget {
  readonly context: tls.SecureContext | undefined
}

class SocketTransport implements Pop3Transport {
  readonly #target: SocketTarget
  readonly #events: TransportEvents
  readonly #clock: Pop3Clock
  #socket: net.Socket
  #secure = false
  #closed = false

  constructor(socket: net.Socket, target: SocketTarget, events: TransportEvents, clock: Pop3Clock) {
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
    const { server, host, context, tlsTimeoutMs } = this.#target
    const { minVersion = 'TLSv1.2', pins = [] } = this.#target.tls ?? {}
    const name = this.#target.servername ?? host
    return new Promise((resolve, reject) => {
      const socket = tls.connect({
        socket: plain,
        host: name,
        // Names only: an address in SNI is forbidden (RFC 6066 section 3); the certificate is checked against it all the same.
        ...(net.isIP(name) === 0 ? { servername: name } : {}),
        ...(context === undefined ? {} : { secureContext: context }),
        minVersion,
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
      socket.once('error', (cause) => fail(tlsFailed(server, cause, minVersion)))
      socket.once('close', () => fail(tlsFailed(server, undefined, minVersion)))
      socket.once('secureConnect', () => {
        const seen = keyPin(socket)
        if (pins.length > 0 && !pins.some((pin) => samePin(pin, seen))) {
          fail(pinMismatch(server, seen))
          return
        }
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

/** `sha256/` and base64 of SHA-256 of the server's public key (RFC 7469 section 2.4). */
function keyPin(socket: tls.TLSSocket): string {
  const key = socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' })
  return key === undefined
    ? 'no key'
    : `sha256/${createHash('sha256').update(key).digest('base64')}`
}

const samePin = (pin: string, seen: string): boolean => pin.slice(-44) === seen.slice(-44)

const ignore = (): void => undefined

const injected = (server: string, bytes: number): Pop3ProtocolError =>
  new Pop3ProtocolError(
    'MAILDRAIN_POP3_PROTOCOL',
    `${server} sent ${bytes} bytes between its +OK to STLS and TLS; this is what an attacker on the line does: use pop3s://`,
  )
