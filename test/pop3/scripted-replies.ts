/** A server over memory that answers each command by a function, at once or when the test pushes bytes. */
import type {
  ConnectTransport,
  Pop3ClientIo,
  Pop3ClientOptions,
  TransportEvents,
} from '../../src/pop3/index.ts'
import { Pop3Client } from '../../src/pop3/index.ts'
import { PASSWORD } from './transcript.ts'

export class RepliesByFunction {
  /** Commands as they came, without CRLF. */
  readonly commands: string[] = []
  destroyed = false
  readonly #reply: (command: string) => string | undefined
  #events: TransportEvents | undefined

  /** @param reply text to send, one character a byte; undefined: the usual +OK */
  constructor(reply: (command: string) => string | undefined) {
    this.#reply = reply
  }

  readonly connect: ConnectTransport = (_target, events) => {
    this.#events = events
    setImmediate(() => this.push('+OK\r\n'))
    return Promise.resolve({
      secure: false,
      write: (text) => setImmediate(() => this.#answer(text)),
      startTls: () => Promise.resolve(),
      finish: () => (this.destroyed = true),
      destroy: () => (this.destroyed = true),
    })
  }

  push(bytes: string | Buffer): void {
    if (this.destroyed) return
    this.#events?.data(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** Logged in. */
  async open(
    options: Partial<Pop3ClientOptions> = {},
    io: Omit<Pop3ClientIo, 'connect'> = {},
  ): Promise<Pop3Client> {
    const auth = { user: 'mrose', password: PASSWORD }
    const client = await Pop3Client.connect(
      { host: 'localhost', tls: 'none', auth, ...options },
      { ...io, connect: this.connect },
    )
    await client.login()
    return client
  }

  #answer(text: string): void {
    for (const command of text.split('\r\n').slice(0, -1)) {
      this.commands.push(command)
      const usual = command === 'CAPA' ? '+OK\r\nUSER\r\nUIDL\r\nPIPELINING\r\n.\r\n' : '+OK\r\n'
      this.push(this.#reply(command) ?? usual)
    }
  }
}
