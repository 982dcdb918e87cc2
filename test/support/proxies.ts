/** Proxies of a test, as RFC 1928, 1929 and RFC 9110 have them, no more than is needed. */
import { type IncomingMessage, createServer as createHttpServer } from 'node:http'
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net'
import { afterEach } from 'vitest'

export interface ProxyAccount {
  readonly user: string
  readonly password: string
}

export interface TestProxy {
  readonly port: number
  /** `host:port` of each connection that it was asked for. */
  readonly asked: string[]
}

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

async function listen(server: Server, asked: string[]): Promise<TestProxy> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
  })
  open.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, asked }
}

/** Both ways, until one side ends. */
function join(one: Socket, other: Socket): void {
  for (const socket of [one, other]) socket.on('error', () => socket.destroy())
  one.once('close', () => other.destroy())
  other.once('close', () => one.destroy())
  one.pipe(other).pipe(one)
}

/** In one segment with the greeting, as a fast proxy near the server has it; a server with TLS says nothing first. */
function answerWithGreeting(socket: Socket, upstream: Socket, answer: Buffer): void {
  const begin = (greeting: Buffer): void => {
    clearTimeout(timer)
    upstream.off('data', begin)
    socket.write(Buffer.concat([answer, greeting]))
    join(socket, upstream)
  }
  const timer = setTimeout(() => begin(Buffer.alloc(0)), 100)
  upstream.on('data', begin)
}

/** HTTP CONNECT; every name leads to loopback. */
export function httpProxy(
  account?: ProxyAccount,
  status = '200 Connection established',
): Promise<TestProxy> {
  const asked: string[] = []
  const server = createHttpServer()
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    asked.push(request.url ?? '')
    const wanted =
      account === undefined
        ? undefined
        : `Basic ${Buffer.from(`${account.user}:${account.password}`).toString('base64')}`
    if (wanted !== undefined && request.headers['proxy-authorization'] !== wanted) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
      return
    }
    if (!status.startsWith('2')) {
      socket.end(`HTTP/1.1 ${status}\r\n\r\n`)
      return
    }
    const upstream = connect(Number(/\d+$/.exec(request.url ?? '')?.[0]), '127.0.0.1')
    upstream.once('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'))
    answerWithGreeting(socket, upstream, Buffer.from(`HTTP/1.1 ${status}\r\n\r\n`))
  })
  return listen(server, asked)
}

/** SOCKS5 with CONNECT alone; `reply` other than 0 refuses (RFC 1928 section 6). */
export function socksProxy(account?: ProxyAccount, reply = 0): Promise<TestProxy> {
  const asked: string[] = []
  const server = createServer((socket) => {
    void serveSocks(new Reader(socket), socket, { account, reply, asked }).catch(() =>
      socket.destroy(),
    )
  })
  return listen(server, asked)
}

interface SocksSettings {
  readonly account: ProxyAccount | undefined
  readonly reply: number
  readonly asked: string[]
}

async function serveSocks(reader: Reader, socket: Socket, settings: SocksSettings): Promise<void> {
  const { account, reply, asked } = settings
  const [, methods = 0] = await reader.take(2)
  const offered = [...(await reader.take(methods))]
  const method = account === undefined ? 0 : 2
  if (!offered.includes(method)) {
    socket.end(Buffer.of(5, 255))
    return
  }
  socket.write(Buffer.of(5, method))
  if (account !== undefined) {
    const [, userLength = 0] = await reader.take(2)
    const user = (await reader.take(userLength)).toString()
    const [passwordLength = 0] = await reader.take(1)
    const password = (await reader.take(passwordLength)).toString()
    const known = user === account.user && password === account.password
    socket.write(Buffer.of(1, known ? 0 : 1))
    if (!known) return
  }
  const [, , , kind] = await reader.take(4)
  const host = await readHost(reader, kind ?? 0)
  const port = (await reader.take(2)).readUInt16BE()
  asked.push(`${host}:${port}`)
  if (reply !== 0) {
    socket.end(Buffer.of(5, reply, 0, 1, 0, 0, 0, 0, 0, 0))
    return
  }
  const upstream = connect(port, '127.0.0.1')
  reader.release()
  answerWithGreeting(socket, upstream, Buffer.of(5, 0, 0, 1, 127, 0, 0, 1, 0, 0))
}

async function readHost(reader: Reader, kind: number): Promise<string> {
  if (kind === 1) return [...(await reader.take(4))].join('.')
  const [length = 0] = await reader.take(1)
  return (await reader.take(length)).toString()
}

/** Bytes of a socket by count. */
class Reader {
  readonly #socket: Socket
  #bytes = Buffer.alloc(0)
  #wake: (() => void) | undefined
  readonly #onData = (chunk: Buffer): void => {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    this.#wake?.()
  }

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', this.#onData)
  }

  async take(count: number): Promise<Buffer> {
    while (this.#bytes.length < count) await new Promise<void>((resolve) => (this.#wake = resolve))
    const taken = this.#bytes.subarray(0, count)
    this.#bytes = this.#bytes.subarray(count)
    return taken
  }

  release(): void {
    this.#socket.off('data', this.#onData)
  }
}
