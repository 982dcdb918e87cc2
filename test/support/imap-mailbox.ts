/** Fills and counts a mailbox by IMAP, where its files are nobody else's business: no more of IMAP than that takes. */
import { type Socket, connect } from 'node:net'

export interface Refusal {
  /** Index of the message that the server did not take. */
  readonly index: number
  readonly why: string
}

class ImapEnded extends Error {}

class Imap {
  readonly #socket: Socket
  #text = ''
  #wake: (() => void) | undefined
  #tag = 0

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1')
      this.#wake?.()
    })
    this.#socket.on('error', () => undefined).on('close', () => this.#wake?.())
    this.#socket.setNoDelay(true)
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf('\r\n')
      if (end >= 0) {
        const line = this.#text.slice(0, end)
        this.#text = this.#text.slice(end + 2)
        return line
      }
      if (this.#socket.closed) throw new ImapEnded(`IMAP ended: ${this.#text}`)
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** Resolves with all lines of the answer, the tagged one last without its tag. */
  async ask(command: string, literal?: Buffer): Promise<string[]> {
    this.#tag += 1
    const tag = `t${this.#tag} `
    this.#socket.write(`${tag}${command}\r\n`)
    const lines: string[] = []
    for (;;) {
      const line = await this.line()
      if (line.startsWith('+') && literal !== undefined) {
        this.#socket.write(Buffer.concat([literal, Buffer.from('\r\n')]))
      } else if (line.startsWith(tag)) return [...lines, line.slice(tag.length)]
      else lines.push(line)
    }
  }

  close(): void {
    this.#socket.destroy()
  }
}

export class ImapMailbox {
  readonly #port: number
  readonly #login: string

  constructor(port: number, user: string, password: string) {
    this.#port = port
    this.#login = `LOGIN ${user} ${password}`
  }

  /** A message at which the server gives up the connection (GreenMail) counts as refused. */
  async add(messages: readonly Buffer[]): Promise<readonly Refusal[]> {
    const refused: Refusal[] = []
    for (let next = 0; next < messages.length;)
      await this.#with(async (imap) => {
        for (; next < messages.length; next += 1) {
          const bytes = messages[next]!
          const lines = await imap.ask(`APPEND INBOX {${bytes.length}}`, bytes)
          const answer = lines.at(-1) ?? ''
          if (!answer.startsWith('OK')) refused.push({ index: next, why: answer })
        }
      }).catch((error: unknown) => {
        if (!(error instanceof ImapEnded)) throw error
        refused.push({ index: next, why: 'the connection is closed' })
        next += 1
      })
    return refused
  }

  /** Waits for the account, which some servers make after they listen (GreenMail), and its INBOX (Cyrus: by CREATE). */
  async exists(): Promise<void> {
    for (const deadline = Date.now() + 300_000; ;)
      try {
        await this.#with((imap) => imap.ask('CREATE INBOX'))
        await this.count()
        return
      } catch (error) {
        if (Date.now() > deadline) throw error
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
  }

  async count(): Promise<number> {
    return this.#with(async (imap) => {
      const lines = await imap.ask('STATUS INBOX (MESSAGES)')
      const found = /MESSAGES (\d+)/.exec(lines.join(' '))
      if (found === null) throw new Error(lines.join(' '))
      return Number(found[1])
    })
  }

  async #with<T>(work: (imap: Imap) => Promise<T>): Promise<T> {
    const imap = new Imap(this.#port)
    try {
      await imap.line()
      const answer = await imap.ask(this.#login)
      if (answer.at(-1)?.startsWith('OK') !== true) throw new Error(answer.join(' '))
      return await work(imap)
    } finally {
      imap.close()
    }
  }
}
