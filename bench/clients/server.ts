/** A POP3 server that says what a case wants, in the segments that the case wants. */
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

/** Bytes of one segment (a string is one character a byte), or milliseconds to wait, or the end of the connection. */
export type Step = Buffer | string | number | typeof END

type Segment = Exclude<Step, string>

/** The server closes the connection. */
export const END = Symbol('end')

export interface Script {
  readonly messages: readonly Buffer[]
  /** Instead of the usual reply; undefined: the usual one. `null`: none, ever. */
  readonly reply?: ((command: string) => readonly Step[] | null | undefined) | undefined
  /** How what is sent is cut into segments. */
  readonly cut?: ((bytes: Buffer) => readonly Buffer[]) | undefined
  /** Milliseconds before what a client has sent is seen. */
  readonly delayMs?: number | undefined
  readonly certificate?: { readonly key: string; readonly cert: string } | undefined
}

export interface RunningServer {
  readonly port: number
  /** Lines that clients sent. */
  readonly commands: readonly string[]
  close(): void
}

/** Time for a segment to arrive by itself. */
const GAP_MS = 8

/** The same for a single byte, of which there are many. */
const BYTE_GAP_MS = 2

/** RFC 1939 section 3. */
export function stuffed(message: Buffer): Buffer {
  const text = message.toString('latin1')
  return Buffer.from(`${text.replace(/(^|\r\n)\./g, '$1..')}.\r\n`, 'latin1')
}

const CAPABILITIES = ['USER', 'UIDL', 'TOP', 'PIPELINING', 'STLS', 'SASL XOAUTH2']

function usual(command: string, messages: readonly Buffer[]): readonly Step[] {
  const [verb = '', argument] = command.split(' ')
  const octets = messages.reduce((sum, { length }) => sum + length, 0)
  if (verb === 'CAPA') return [`+OK\r\n${CAPABILITIES.join('\r\n')}\r\n.\r\n`]
  if (verb === 'STAT') return [`+OK ${messages.length} ${octets}\r\n`]
  if (verb === 'AUTH' || verb === '') return ['-ERR no\r\n']
  if (verb === 'QUIT') return ['+OK bye\r\n', END]
  if (verb !== 'RETR') return ['+OK\r\n']
  const message = messages[Number(argument) - 1]
  if (message === undefined) return ['-ERR no such message\r\n']
  return [Buffer.concat([Buffer.from('+OK\r\n'), stuffed(message)])]
}

class Connection {
  readonly #socket: Socket
  readonly #script: Script
  readonly #commands: string[]
  #waiting: Segment[] = []
  #busy = false
  #rest = ''

  constructor(socket: Socket, script: Script, commands: string[]) {
    this.#socket = socket
    this.#script = script
    this.#commands = commands
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1')
      const { delayMs } = script
      if (delayMs === undefined) this.#receive(text)
      else setTimeout(() => this.#receive(text), delayMs)
    })
    this.#say('GREETING')
  }

  #receive(text: string): void {
    const lines = (this.#rest + text).split('\r\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#say(line)
  }

  #say(command: string): void {
    const { reply, cut, messages } = this.#script
    this.#commands.push(command)
    const said = reply?.(command)
    if (said === null) return
    const steps = said ?? (command === 'GREETING' ? ['+OK ready\r\n'] : usual(command, messages))
    const segments = steps.flatMap((step): readonly Segment[] => {
      if (step === END || typeof step === 'number') return [step]
      const bytes = typeof step === 'string' ? Buffer.from(step, 'latin1') : step
      return cut?.(bytes) ?? [bytes]
    })
    for (const [index, segment] of segments.entries()) {
      // A pause makes what follows a segment of its own.
      if (index > 0 && Buffer.isBuffer(segment))
        this.#waiting.push(segment.length === 1 ? BYTE_GAP_MS : GAP_MS)
      this.#waiting.push(segment)
    }
    void this.#send()
  }

  async #send(): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    for (let step = this.#waiting.shift(); step !== undefined; step = this.#waiting.shift()) {
      if (step === END) this.#socket.end()
      else if (typeof step === 'number') await sleep(step)
      else {
        if (this.#socket.write(step)) continue
        await new Promise((resolve) => this.#socket.once('drain', resolve).once('close', resolve))
      }
    }
    this.#busy = false
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export async function serveScript(script: Script): Promise<RunningServer> {
  const commands: string[] = []
  const sockets = new Set<Socket>()
  const accept = (socket: Socket): void => {
    sockets.add(socket)
    new Connection(socket, script, commands)
  }
  const { certificate } = script
  const server: Server =
    certificate === undefined ? createServer(accept) : createTlsServer(certificate, accept)
  server.on('tlsClientError', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    commands,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
