/**
 * Connections through a proxy: SOCKS5 (RFC 1928, 1929) by the library `socks`, HTTP CONNECT (RFC 9110 section 9.3.6) by
 * Node.js. The name of the POP3 server is resolved by the proxy. Nothing is taken from the environment.
 */
import http from 'node:http'
import net from 'node:net'
import { ConfigError, ConnectionError } from '../errors.ts'
import { codeOf, stopped } from './connection-errors.ts'
import { cleanText, remedy } from './replies.ts'

export interface Proxy {
  readonly kind: 'socks5' | 'http'
  readonly host: string
  readonly port: number
  /** Both or none. */
  readonly user?: string | undefined
  readonly password?: string | undefined
}

interface Place {
  readonly host: string
  readonly port: number
}

interface Destination extends Place {
  /** `host:port`, for messages. */
  readonly server: string
  readonly connectTimeoutMs: number
}

interface ProxyIo {
  readonly clock: { timer(ms: number, fire: () => void): { cancel(): void } }
  readonly signal?: AbortSignal | undefined
}

const DEFAULT_PORTS = { socks5: 1080, http: 8080 } as const

/**
 * `socks5://[USER:PASSWORD@]HOST[:PORT]`, `http://…`; the address is never shown, because it may hold a password.
 * @throws ConfigError MAILDRAIN_CONFIG_PROXY
 */
export function parseProxy(address: string): Proxy {
  const match =
    /^(socks5|http):\/\/(?:([^@/]*)@)?(\[[\da-f:.]+\]|[^:[\]/@\s]+)(?::(\d{1,5}))?\/?$/i.exec(
      address,
    )
  if (match === null) throw unreadable()
  const [, scheme = '', account, host = '', portText] = match
  const kind = scheme.toLowerCase() === 'http' ? 'http' : 'socks5'
  const port = portText === undefined ? DEFAULT_PORTS[kind] : Number(portText)
  if (port < 1 || port > 65_535) throw unreadable()
  return { kind, host: host.replace(/^\[|\]$/g, ''), port, ...readAccount(account) }
}

function readAccount(account: string | undefined): Pick<Proxy, 'user' | 'password'> {
  if (account === undefined) return {}
  const [user = '', ...password] = account.split(':')
  const credentials = { user: decode(user), password: decode(password.join(':')) }
  // RFC 1929 has one octet for each length.
  const tooLong = Object.values(credentials).some((text) => Buffer.byteLength(text) > 255)
  if (tooLong || credentials.user === '') throw unreadable()
  return credentials
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw unreadable()
  }
}

const unreadable = (): ConfigError =>
  new ConfigError(
    'MAILDRAIN_CONFIG_PROXY',
    `the address of the proxy cannot be understood; ${remedy('MAILDRAIN_CONFIG_PROXY')}`,
  )

/**
 * A connection to the destination, made by the proxy.
 * @param connect makes the one to the proxy
 * @throws ConnectionError MAILDRAIN_POP3_PROXY, MAILDRAIN_POP3_PROXY_REJECTED, MAILDRAIN_POP3_UNREACHABLE
 */
export async function connectThroughProxy(
  proxy: Proxy,
  destination: Destination,
  io: ProxyIo,
  connect: (place: Place) => Promise<net.Socket>,
): Promise<net.Socket> {
  const socket = await connect(proxy)
  const limit = { reached: false }
  const abort = () => socket.destroy()
  const timer = io.clock.timer(destination.connectTimeoutMs, () => {
    limit.reached = true
    socket.destroy()
  })
  io.signal?.addEventListener('abort', abort, { once: true })
  try {
    const tunnel = proxy.kind === 'http' ? httpTunnel : socksTunnel
    return await tunnel(socket, proxy, destination)
  } catch (error) {
    socket.on('error', () => undefined)
    socket.destroy()
    if (io.signal?.aborted === true) throw stopped(destination.server, io.signal.reason)
    if (limit.reached)
      throw failed(destination, `it did not connect within ${destination.connectTimeoutMs} ms`)
    throw error
  } finally {
    timer.cancel()
    io.signal?.removeEventListener('abort', abort)
  }
}

async function socksTunnel(
  socket: net.Socket,
  proxy: Proxy,
  destination: Destination,
): Promise<net.Socket> {
  const { SocksClient } = await import('socks')
  try {
    const { socket: tunnel } = await SocksClient.createConnection({
      command: 'connect',
      proxy: {
        ...{ type: 5, host: proxy.host, port: proxy.port },
        ...(proxy.user === undefined ? {} : { userId: proxy.user, password: proxy.password ?? '' }),
      },
      destination: { host: destination.host, port: destination.port },
      existing_socket: socket,
      timeout: destination.connectTimeoutMs,
    })
    return tunnel
  } catch (error) {
    // Never as the cause: errors of the library carry its options, with the password.
    const what = error instanceof Error ? error.message : ''
    if (/authentication|auth type|login method/i.test(what)) throw rejected(destination)
    throw failed(destination, codeOf(error) || what || 'it closed the connection')
  }
}

function httpTunnel(
  socket: net.Socket,
  proxy: Proxy,
  destination: Destination,
): Promise<net.Socket> {
  const host = net.isIPv6(destination.host) ? `[${destination.host}]` : destination.host
  const path = `${host}:${destination.port}`
  const credentials =
    proxy.user === undefined
      ? {}
      : {
          'Proxy-Authorization': `Basic ${Buffer.from(`${proxy.user}:${proxy.password ?? ''}`).toString('base64')}`,
        }
  return new Promise((resolve, reject) => {
    const request = http.request({
      ...{ method: 'CONNECT', path, headers: { Host: path, ...credentials } },
      createConnection: () => socket,
    })
    const refuse = (error: ConnectionError) => {
      request.destroy()
      reject(error)
    }
    const judge = (response: http.IncomingMessage): boolean => {
      const { statusCode = 0, statusMessage = '' } = response
      if (statusCode >= 200 && statusCode < 300) return true
      if (statusCode === 407 || statusCode === 401) refuse(rejected(destination))
      else
        refuse(failed(destination, `it answered ${statusCode} ${cleanText(statusMessage)}`.trim()))
      return false
    }
    request.once('connect', (response, tunnel: net.Socket, head: Buffer) => {
      if (!judge(response)) return
      // The greeting may have come with the answer of the proxy.
      if (head.length > 0) tunnel.unshift(head)
      resolve(tunnel)
    })
    request.once('response', (response) => {
      if (judge(response)) refuse(failed(destination, 'it does not know CONNECT'))
    })
    request.once('error', (error) =>
      refuse(failed(destination, codeOf(error) || 'it closed the connection')),
    )
    request.end()
  })
}

const failed = ({ server }: Destination, why: string): ConnectionError =>
  new ConnectionError(
    'MAILDRAIN_POP3_PROXY',
    `no connection to ${server} through the proxy: ${why}; ${remedy('MAILDRAIN_POP3_PROXY')}`,
  )

const rejected = ({ server }: Destination): ConnectionError =>
  new ConnectionError(
    'MAILDRAIN_POP3_PROXY_REJECTED',
    `no connection to ${server}: the proxy rejected user or password; ${remedy('MAILDRAIN_POP3_PROXY_REJECTED')}`,
  )
