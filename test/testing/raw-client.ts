/** A socket that speaks no protocol: tests of the server say every byte themselves. */
import { type Socket, connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Pop3Server } from '../../src/testing/index.ts'

type Endpoint = Pick<Pop3Server, 'host' | 'port'>

export class RawClient {
  #socket: Socket
  #chunks: Buffer[] = []
  #octets = 0
  #ended = false
  #wake: (() => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#listen()
  }

  #listen(): void {
    this.#socket
      .on('data', (chunk: Buffer) => {
        this.#chunks.push(chunk)
        this.#octets += chunk.length
        this.#wake?.()
      })
      .on('error', () => undefined)
      .on('close', () => {
        this.#ended = true
        this.#wake?.()
      })
  }

  static async connect(server: Endpoint, tls = false): Promise<RawClient> {
    const { host, port } = server
    const socket = tls
      ? connectTls({ host, port, rejectUnauthorized: false })
      : connect({ host, port })
    const client = new RawClient(socket)
    await new Promise<void>((resolve, reject) => {
      socket.once(tls ? 'secureConnect' : 'connect', () => resolve()).once('error', reject)
    })
    return client
  }

  /** Connected, greeted, logged in. */
  static async login(server: Endpoint, user = 'user'): Promise<RawClient> {
    const client = await RawClient.connect(server)
    await client.line()
    await client.ask(`USER ${user}`)
    const reply = await client.ask('PASS secret')
    if (!reply.startsWith('+OK')) throw new Error(`login: ${reply}`)
    return client
  }

  /** The same connection under TLS. */
  async startTls(): Promise<void> {
    this.#socket.removeAllListeners('data')
    const secure = connectTls({ socket: this.#socket, rejectUnauthorized: false })
    this.#socket = secure
    this.#listen()
    await new Promise<void>((resolve, reject) => {
      secure.once('secureConnect', () => resolve()).once('error', reject)
    })
  }

  send(text: string | Buffer): void {
    this.#socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  get octets(): number {
    return this.#octets
  }

  async #more(): Promise<boolean> {
    if (this.#ended) return false
    await new Promise<void>((resolve) => (this.#wake = resolve))
    return true
  }

  #take(octets: number): Buffer {
    const all = Buffer.concat(this.#chunks)
    this.#chunks = octets === all.length ? [] : [all.subarray(octets)]
    return all.subarray(0, octets)
  }

  /** Up to and with a mark; what there is when the connection ends first. */
  async until(mark: string): Promise<Buffer> {
    for (;;) {
      const all = Buffer.concat(this.#chunks)
      this.#chunks = [all]
      const at = all.indexOf(mark)
      if (at !== -1) return this.#take(at + mark.length)
      if (!(await this.#more())) return this.#take(all.length)
    }
  }

  async line(): Promise<string> {
    return (await this.until('\r\n')).toString('latin1').replace(/\r\n$/, '')
  }

  /** A command, and the status line of its reply. */
  ask(command: string): Promise<string> {
    this.send(`${command}\r\n`)
    return this.line()
  }

  /** What follows a status line up to `CRLF . CRLF`, still stuffed, without the dot line. */
  async body(): Promise<Buffer> {
    const first = await this.until('.\r\n')
    if (first.length === 3) return Buffer.alloc(0)
    let all = first
    while (!all.subarray(-5).equals(Buffer.from('\r\n.\r\n'))) {
      const more = await this.until('.\r\n')
      if (more.length === 0) throw new Error('the connection ended inside a reply')
      all = Buffer.concat([all, more])
    }
    return all.subarray(0, -3)
  }

  /** A command with a multi-line reply: its lines. */
  async lines(command: string): Promise<string[]> {
    const status = await this.ask(command)
    if (!status.startsWith('+OK')) throw new Error(`${command}: ${status}`)
    return (await this.body()).toString('latin1').split('\r\n').slice(0, -1)
  }

  /** RETR, dots unstuffed. */
  async retr(n: number): Promise<Buffer> {
    const status = await this.ask(`RETR ${n}`)
    if (!status.startsWith('+OK')) throw new Error(status)
    return unstuff(await this.body())
  }

  /** Everything until the connection ends. */
  async rest(): Promise<string> {
    while (await this.#more()) continue
    return this.#take(Buffer.concat(this.#chunks).length).toString('latin1')
  }
}

export function unstuff(body: Buffer): Buffer {
  return Buffer.from(
    `\r\n${body.toString('latin1')}`.replaceAll('\r\n..', '\r\n.').slice(2),
    'latin1',
  )
}
