/**
 * A server that follows a script, over memory. `S: text` is a line that it sends, `S= "json"` exact characters (latin1),
 * `C: text` a line that it must get, `TLS` the beginning of TLS, `X` the end of the connection, `N` that the client closes it
 * and makes a new one. Everything up to the next `C:` leaves in one segment, or cut to pieces; the client must have sent nothing more by then.
 */
import { Pop3Client, type Pop3ClientIo, type Pop3ClientOptions } from '../../src/pop3/index.ts'
import type { ConnectTransport, TransportEvents } from '../../src/pop3/index.ts'

type Cut = (bytes: Buffer) => Buffer[]

type Step =
  | { readonly kind: 'server'; readonly bytes: Buffer }
  | { readonly kind: 'client'; readonly text: string }
  | { readonly kind: 'tls' | 'end' | 'again' }

const whole: Cut = (bytes) => [bytes]
const byteByByte: Cut = (bytes) => Array.from(bytes, (byte) => Buffer.of(byte))

/** Cuts at places that follow from the seed. */
function randomly(seed: number): Cut {
  let state = seed
  const next = () => (state = (state * 48271) % 2147483647)
  return (bytes) => {
    const pieces: Buffer[] = []
    for (let at = 0; at < bytes.length;) {
      const end = at + 1 + (next() % 7)
      pieces.push(bytes.subarray(at, end))
      at = end
    }
    return pieces
  }
}

const CUTS: readonly (readonly [string, Cut])[] = [
  ['whole', whole],
  ['byte by byte', byteByByte],
  ...[11, 42, 1939].map((seed) => [`cut by seed ${seed}`, randomly(seed)] as const),
]

export const PASSWORD = 'tan staaf!'

const OPTIONS = {
  host: 'localhost',
  tls: 'none',
  auth: { user: 'mrose', password: PASSWORD },
} as const satisfies Pop3ClientOptions

function parse(script: string): Step[] {
  return script
    .split('\n')
    .map((line) => line.trimStart())
    .filter((line) => line !== '')
    .map((line): Step => {
      if (line === 'X') return { kind: 'end' }
      if (line === 'N') return { kind: 'again' }
      if (line === 'TLS') return { kind: 'tls' }
      const text = line.slice(3)
      if (line.startsWith('C:')) return { kind: 'client', text: `${text}\r\n` }
      if (line.startsWith('S:'))
        return { kind: 'server', bytes: Buffer.from(`${text}\r\n`, 'latin1') }
      if (line.startsWith('S='))
        return { kind: 'server', bytes: Buffer.from(JSON.parse(text) as string, 'latin1') }
      throw new Error(`no step of a transcript: ${line}`)
    })
}

/** Plays one script once. */
export class ScriptedServer {
  readonly #steps: Step[]
  readonly #cut: Cut
  #events: TransportEvents | undefined
  #got = ''
  #sending: Buffer[] = []
  #scheduled = false
  #waitingForTls: (() => void) | undefined
  #closed = false
  #secure = false
  /** Writes of the client, as they came. */
  readonly writes: string[] = []
  complaint: string | undefined

  constructor(script: string, cut: Cut = whole) {
    this.#steps = parse(script)
    this.#cut = cut
  }

  readonly connect: ConnectTransport = (target, events) => {
    if (this.#events !== undefined && !this.#mayConnectAgain())
      return Promise.reject(new Error('a further connection'))
    this.#events = events
    this.#closed = false
    this.#secure = target.implicitTls
    this.#advance()
    const secure = () => this.#secure
    return Promise.resolve({
      get secure() {
        return secure()
      },
      write: (text) => this.#write(text),
      startTls: () =>
        new Promise<void>((resolve) => {
          this.#waitingForTls = resolve
          this.#advance()
        }),
      finish: () => (this.#closed = true),
      destroy: () => (this.#closed = true),
    })
  }

  #mayConnectAgain(): boolean {
    const expected = this.#closed && this.#steps[0]?.kind === 'again'
    if (expected) this.#steps.shift()
    else this.complaint ??= 'the client connects again'
    return expected
  }

  /** Throws unless the script was played to its end. */
  check(): void {
    if (this.complaint !== undefined) throw new Error(this.complaint)
    if (this.#got !== '')
      throw new Error(`unexpected from the client: ${JSON.stringify(this.#got)}`)
    const [next] = this.#steps
    if (next !== undefined) throw new Error(`not played: ${JSON.stringify(next)}`)
  }

  #write(text: string): void {
    if (this.#closed) throw new Error('the client writes after it closed')
    this.writes.push(text)
    this.#got += text
    this.#advance()
  }

  #advance(): void {
    while (this.#sending.length === 0) {
      const [step] = this.#steps
      if (step === undefined) return
      if (step.kind === 'client') {
        if (!this.#takeCommand(step.text)) return
      } else if (step.kind === 'tls') {
        if (this.#waitingForTls === undefined) return
        this.#secure = true
        this.#waitingForTls()
      } else if (step.kind === 'again') {
        return
      } else if (step.kind === 'end') {
        this.#steps.shift()
        setImmediate(() => this.#end())
        return
      } else {
        this.#sending = this.#cut(this.#takeReplies())
        this.#schedule()
        return
      }
      this.#steps.shift()
    }
  }

  #takeCommand(expected: string): boolean {
    if (this.#got.startsWith(expected)) {
      this.#got = this.#got.slice(expected.length)
      return true
    }
    if (!expected.startsWith(this.#got))
      this.#complain(`expected ${JSON.stringify(expected)}, got ${JSON.stringify(this.#got)}`)
    return false
  }

  #takeReplies(): Buffer {
    const bytes: Buffer[] = []
    for (let [step] = this.#steps; step?.kind === 'server'; [step] = this.#steps) {
      bytes.push(step.bytes)
      this.#steps.shift()
    }
    return Buffer.concat(bytes)
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      if (this.#got !== '')
        this.#complain(`sent without waiting for a reply: ${JSON.stringify(this.#got)}`)
      const piece = this.#sending.shift()
      if (piece !== undefined && !this.#closed) this.#events?.data(piece)
      if (this.#sending.length > 0) this.#schedule()
      else this.#advance()
    })
  }

  #complain(what: string): void {
    this.complaint ??= what
    this.#end()
  }

  #end(): void {
    if (this.#closed) return
    this.#closed = true
    this.#events?.closed()
  }
}

export interface Conversation {
  readonly server: ScriptedServer
  readonly connect: () => Promise<Pop3Client>
}

/** Plays the script whole, byte by byte and at random cuts, each time against a new client that `drive` makes and uses. */
export async function converse(
  script: string,
  drive: (conversation: Conversation) => Promise<void>,
  options: Partial<Pop3ClientOptions> = {},
  io: Pop3ClientIo = {},
): Promise<void> {
  for (const [name, cut] of CUTS) {
    const server = new ScriptedServer(script, cut)
    const connect = () =>
      Pop3Client.connect({ ...OPTIONS, ...options }, { ...io, connect: server.connect })
    try {
      await drive({ server, connect })
      server.check()
    } catch (error) {
      const reason = server.complaint ?? (error instanceof Error ? error.message : String(error))
      throw new Error(`${name}: ${reason}`, { cause: error })
    }
  }
}

/** Greeting, CAPA, USER, PASS and CAPA again. */
export function loginScript(...capabilities: string[]): string {
  const capa = ['C: CAPA', 'S: +OK', ...capabilities.map((tag) => `S: ${tag}`), 'S: .']
  return [
    'S: +OK ready',
    ...capa,
    ...['C: USER mrose', 'S: +OK', `C: PASS ${PASSWORD}`, 'S: +OK logged in'],
    ...capa,
    '',
  ].join('\n')
}

/** As `converse`, from a session that is logged in. */
export async function session(
  script: string,
  drive: (client: Pop3Client, server: ScriptedServer) => Promise<void>,
  capabilities: readonly string[] = ['USER', 'UIDL', 'TOP'],
  options: Partial<Pop3ClientOptions> = {},
  io: Pop3ClientIo = {},
): Promise<void> {
  await converse(
    loginScript(...capabilities) + script,
    async ({ server, connect }) => {
      const client = await connect()
      await client.login()
      await drive(client, server)
    },
    options,
    io,
  )
}

/** The error that a promise rejects with; throws when it does not. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise
  } catch (error) {
    if (error instanceof Error) return error
    throw new Error(`rejected with ${String(error)}, which is no Error`, { cause: error })
  }
  throw new Error('did not reject')
}
