/**
 * A POP3 reader that shares nothing with maildrain's: USER, PASS, LIST, UIDL, RETR. What a server gives
 * to it is what a server gives.
 */
import { type Socket, connect } from 'node:net'

export interface PlainMessage {
  readonly uidl: string
  readonly listedOctets: number
  readonly raw: Buffer
}

const END = Buffer.from('\r\n.\r\n')
const PATIENCE_MS = 20_000
/** Commands of one write: a server that waits for each acknowledgement (popa3d, GreenMail) takes 40 ms otherwise. */
const AT_ONCE = 16

export class PlainReader {
  readonly #socket: Socket
  #bytes = Buffer.alloc(0)
  #pieces: Buffer[] = []
  #wake: (() => void) | undefined

  private constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.on('data', (chunk: Buffer) => {
      this.#pieces.push(chunk)
      this.#wake?.()
    })
    this.#socket.on('error', () => undefined).on('close', () => this.#wake?.())
    this.#socket.setTimeout(PATIENCE_MS, () => this.#socket.destroy())
  }

  static async login(port: number, user: string, password: string): Promise<PlainReader> {
    for (let attempt = 0; ; attempt += 1) {
      const reader = new PlainReader(port)
      try {
        await reader.#status()
        // Courier wraps mail with 8-bit headers in another message, each time otherwise, for whoever does not say it.
        if ((await reader.capabilities()).some((line) => line.startsWith('UTF8')))
          await reader.ask('UTF8')
        await reader.ask(`USER ${user}`)
        await reader.ask(`PASS ${password}`)
        return reader
      } catch (error) {
        reader.close()
        // GNU Mailutils holds the mailbox for a while after a session that was closed without QUIT.
        if (attempt === 100 || !String(error).includes('[IN-USE]')) throw error
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
  }

  /** Every message of the mailbox, in its order. The session is closed without QUIT. */
  static async all(port: number, user: string, password: string): Promise<PlainMessage[]> {
    const reader = await PlainReader.login(port, user, password)
    const sizes = new Map(await reader.listing('LIST'))
    const uidls = await reader.listing('UIDL')
    const found: PlainMessage[] = []
    for (let at = 0; at < uidls.length; at += AT_ONCE) {
      const some = uidls.slice(at, at + AT_ONCE)
      reader.#socket.write(some.map(([n]) => `RETR ${n}\r\n`).join(''))
      for (const [n, uidl] of some)
        found.push({ uidl, listedOctets: Number(sizes.get(n)), raw: await reader.#retrieved() })
    }
    reader.close()
    return found
  }

  async ask(command: string): Promise<string> {
    this.#socket.write(`${command}\r\n`)
    const line = await this.#status()
    if (!line.startsWith('+OK')) throw new Error(`${command.split(' ')[0]}: ${line}`)
    return line
  }

  async capabilities(): Promise<string[]> {
    this.#socket.write('CAPA\r\n')
    const line = await this.#status()
    return line.startsWith('+OK') ? this.#lines() : []
  }

  async listing(command: 'LIST' | 'UIDL'): Promise<[number, string][]> {
    await this.ask(command)
    return (await this.#lines()).map((line) => {
      const [n = '', value = ''] = line.split(' ')
      return [Number(n), value]
    })
  }

  async #retrieved(): Promise<Buffer> {
    const line = await this.#status()
    if (!line.startsWith('+OK')) throw new Error(`RETR: ${line}`)
    return this.#body()
  }

  close(): void {
    this.#socket.destroy()
  }

  async #lines(): Promise<string[]> {
    return (await this.#body()).toString('latin1').split('\r\n').slice(0, -1)
  }

  async #more(): Promise<void> {
    if (this.#socket.closed) throw new Error('the server closed the connection or fell silent')
    if (this.#pieces.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve))
  }

  #gather(): void {
    if (this.#pieces.length > 0) this.#bytes = Buffer.concat([this.#bytes, ...this.#pieces])
    this.#pieces = []
  }

  async #status(): Promise<string> {
    for (;;) {
      this.#gather()
      const end = this.#bytes.indexOf('\r\n')
      if (end >= 0) {
        const line = this.#bytes.toString('latin1', 0, end)
        this.#bytes = this.#bytes.subarray(end + 2)
        return line
      }
      await this.#more()
    }
  }

  /** Up to CRLF.CRLF, the first two of which may be those of the status line; dots unstuffed (RFC 1939 section 3). */
  async #body(): Promise<Buffer> {
    for (;;) {
      this.#gather()
      const empty = this.#bytes.subarray(0, 3).equals(END.subarray(2))
      const end = empty ? -2 : this.#bytes.indexOf(END)
      if (empty || end >= 0) {
        const body = this.#bytes.subarray(0, end + 2)
        this.#bytes = this.#bytes.subarray(end + 5)
        const text = `\r\n${body.toString('latin1')}`.replaceAll('\r\n.', '\r\n')
        return Buffer.from(text.slice(2), 'latin1')
      }
      await this.#more()
    }
  }
}
