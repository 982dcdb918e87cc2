/** What is done to the clients, and what is right. */
import { createHash } from 'node:crypto'
import { END, type Script, type Step, stuffed } from './server.ts'

/** What the child reports of one step. */
export interface StepResult {
  /** Digests of the content, in every reading of it; without its last CRLF. */
  readonly shas?: readonly string[]
  readonly octets?: number
  /** Beginning of the content, one character a byte. */
  readonly begin?: string
  readonly count?: number
  readonly error?: string
}

export interface Job {
  readonly do: 'connect' | 'retr' | 'stat, retr' | 'uidl' | 'quit'
  readonly numbers?: readonly number[]
  readonly atOnce?: boolean
  /** Of the client; without them the case does not apply. */
  readonly needs?: readonly string[]
  readonly tls?: 'implicit' | 'stls'
  readonly token?: string
}

/** Undefined: right. Else what was wrong. */
type Judge = (results: readonly StepResult[], commands: readonly string[]) => string | undefined

export interface TortureCase {
  readonly name: string
  readonly script: Omit<Script, 'certificate'>
  readonly certificate?: 'right' | 'wrong'
  readonly job: Job
  readonly judge: Judge
  /** Time and memory are shown. */
  readonly measured?: boolean
}

export const PASSWORD = 'hunter2-secret'
const TOKEN = 'ya29.token-of-a-test'

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const digest = (content: Buffer | string): string =>
  createHash('sha256').update(content).digest('hex')
const sha = (message: Buffer): string =>
  digest(message.subarray(-2).equals(bytes('\r\n')) ? message.subarray(0, -2) : message)

function difference(result: StepResult, message: Buffer): string {
  const { begin = '', octets = 0 } = result
  const wanted = message.toString('latin1', 0, 4000)
  let at = 0
  while (at < wanted.length && wanted[at] === begin[at]) at += 1
  const show = (text: string): string =>
    `"${text.slice(at, at + 8).replace(/[^\x20-\x7e]/g, (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`)}"`
  return `${octets} octets of ${message.length}, at ${at} ${show(begin)} for ${show(wanted)}`
}

/** Every message comes with its exact bytes. */
const exact =
  (messages: readonly Buffer[]): Judge =>
  (results) => {
    for (const [index, message] of messages.entries()) {
      const result = results[index]
      if (result?.error !== undefined) return `error: ${result.error}`
      if (result?.shas?.includes(sha(message)) !== true) return difference(result ?? {}, message)
    }
    return undefined
  }

const refused =
  (what: string): Judge =>
  ([result]) =>
    result?.error === undefined ? what : undefined

const PLAIN = bytes('Subject: plain\r\n\r\nhello\r\n')

const reading = (
  name: string,
  messages: readonly Buffer[],
  more: Partial<Omit<TortureCase, 'script'>> & { readonly script?: Partial<Script> } = {},
): TortureCase => ({
  name,
  job: { do: 'retr', numbers: messages.map((_, index) => index + 1) },
  judge: exact(messages),
  ...more,
  script: { messages, ...more.script },
})

/** Cuts what ends like a message before its last so many octets. */
const cutBefore =
  (octets: number) =>
  (whole: Buffer): Buffer[] => {
    if (!whole.subarray(-5).equals(bytes('\r\n.\r\n'))) return [whole]
    return [whole.subarray(0, -octets), whole.subarray(-octets)]
  }

const onRetr =
  (...steps: readonly Step[]): Script['reply'] =>
  (command) =>
    command.startsWith('RETR') ? steps : undefined

const DOTS = bytes('Subject: dots\r\n\r\n.leading\r\n.\r\n..\r\n...\r\nend\r\n')
const BINARY = Buffer.concat([
  bytes('Subject: binary\r\n\r\n'),
  Buffer.from(
    Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => byte !== 10 && byte !== 13),
  ),
  bytes('\r\n'),
])
const SMUGGLED = bytes('Subject: x\r\n\r\nlook\n.\r\n+OK 12 octets\r\nfake\r\n\n.\nend\r\n')
const LARGE = bytes(`Subject: large\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(128_205)}`)
const hundred = Array.from({ length: 100 }, (_, n) =>
  bytes(`Subject: ${n + 1}\r\n\r\nbody ${n + 1}\r\n`),
)
const five = hundred.slice(0, 5)
const UIDLS = Array.from(
  { length: 144_524 },
  (_, index) => `${index + 1} ${(index + 1).toString(16).padStart(16, '0')}`,
)

const framing: readonly TortureCase[] = [
  reading('a plain message', [PLAIN]),
  reading('lines that begin with dots', [DOTS]),
  reading('8-bit and NUL bytes', [BINARY]),
  reading('an empty message', [Buffer.alloc(0)]),
  ...[1, 2, 3, 4].map((octets) =>
    reading(`the end cut before its last ${octets} octets`, [PLAIN], {
      script: { cut: cutBefore(octets) },
    }),
  ),
  reading('a segment that is a dot', [bytes('a\r\n.b\r\nc\r\n')], {
    script: { reply: onRetr('+OK\r\na\r\n', '.', '.b\r\nc\r\n.\r\n') },
  }),
  reading('a segment that ends like a message, and does not', [bytes('a\r\n.b\r\n.\r\nc\r\n')], {
    script: { reply: onRetr('+OK\r\na\r\n..b\r\n.', '.\r\n', 'c\r\n.\r\n') },
  }),
  reading('a dot between bare LFs (smuggling)', [SMUGGLED]),
  reading('a status line cut in two', [PLAIN], {
    script: { reply: onRetr('+O', Buffer.concat([bytes('K\r\n'), stuffed(PLAIN)])) },
  }),
  reading('everything in segments of 1 byte', [PLAIN, PLAIN], {
    script: { cut: (whole) => Array.from(whole, (byte) => Buffer.of(byte)) },
  }),
]

const conversation: readonly TortureCase[] = [
  reading('100 messages asked for at once, 10 ms away', hundred, {
    script: { delayMs: 10 },
    job: { do: 'retr', numbers: hundred.map((_, index) => index + 1), atOnce: true },
    measured: true,
  }),
  {
    name: '-ERR to the third of five',
    script: {
      messages: five,
      reply: (command) => (command === 'RETR 3' ? ['-ERR gone\r\n'] : undefined),
    },
    job: { do: 'retr', numbers: [1, 2, 3, 4, 5] },
    judge(results, commands) {
      if (results[2]?.error === undefined) return 'the refused message was given'
      const others = results.filter((_, index) => index !== 2)
      return exact(five.filter((_, index) => index !== 2))(others, commands)
    },
  },
  {
    name: 'a reply that nobody asked for',
    script: {
      messages: [PLAIN],
      reply: (command) => (command === 'STAT' ? ['+OK 1 27\r\n+OK\r\nforged\r\n.\r\n'] : undefined),
    },
    job: { do: 'stat, retr', numbers: [1] },
    judge: (results) => {
      const { error, shas } = results.at(-1) ?? {}
      if (error !== undefined || shas?.includes(sha(PLAIN)) === true) return undefined
      return 'the forged reply was taken for the message'
    },
  },
  {
    name: 'the connection ends in a message',
    script: { messages: [PLAIN], reply: onRetr('+OK\r\nSubject: half\r\n', 20, END) },
    job: { do: 'retr', numbers: [1] },
    judge: refused('a cut-off message was given as a whole one'),
  },
  {
    name: 'silence before the greeting',
    script: { messages: [], reply: () => null },
    job: { do: 'connect' },
    judge: refused('connected to silence'),
  },
  {
    name: 'silence in a message',
    script: { messages: [PLAIN], reply: onRetr('+OK\r\nSubject: half\r\n') },
    job: { do: 'retr', numbers: [1] },
    judge: refused('half of a message was given as a whole one'),
  },
  {
    name: '-ERR to QUIT is told',
    script: {
      messages: [PLAIN],
      reply: (command) => (command === 'QUIT' ? ['-ERR not all removed\r\n', END] : undefined),
    },
    job: { do: 'quit' },
    judge: refused('QUIT counts as accepted'),
  },
  {
    name: 'a status line without an end, 64 MB',
    script: {
      messages: [PLAIN],
      reply: (command) =>
        command === 'STAT'
          ? ['+OK ', ...Array.from({ length: 64 }, () => Buffer.alloc(2 ** 20, 'x'))]
          : undefined,
    },
    job: { do: 'stat, retr', numbers: [] },
    judge: refused('taken for an answer'),
    measured: true,
  },
]

const security: readonly TortureCase[] = [
  {
    name: 'TLS, right certificate',
    script: { messages: [PLAIN] },
    certificate: 'right',
    job: { do: 'retr', numbers: [1], tls: 'implicit' },
    judge: exact([PLAIN]),
  },
  {
    name: 'TLS, certificate of another name',
    script: { messages: [PLAIN] },
    certificate: 'wrong',
    job: { do: 'connect', tls: 'implicit' },
    judge: ([result], commands) => {
      if (commands.some((command) => command.includes(PASSWORD))) return 'the password was sent'
      return result?.error === undefined ? 'connected' : undefined
    },
  },
  {
    name: 'STLS with a reply injected before TLS',
    script: {
      messages: [PLAIN],
      reply: (command) => (command === 'STLS' ? ['+OK go\r\n+OK injected\r\n'] : undefined),
    },
    job: { do: 'connect', tls: 'stls', needs: ['stls'] },
    judge: ([result], commands) => {
      if (commands.some((command) => command.includes(PASSWORD)))
        return 'the password was sent in clear'
      return result?.error === undefined ? 'went on' : undefined
    },
  },
  {
    name: 'log in with an OAuth token',
    script: {
      messages: [PLAIN],
      reply: (command) => {
        if (command === 'AUTH XOAUTH2') return ['+ \r\n']
        const payload = Buffer.from(command, 'base64').toString('latin1')
        return payload === `user=ann\x01auth=Bearer ${TOKEN}\x01\x01` ? ['+OK\r\n'] : undefined
      },
    },
    job: { do: 'retr', numbers: [1], token: TOKEN, needs: ['token'] },
    judge: exact([PLAIN]),
  },
  {
    name: 'the password in no error, even when the server repeats it',
    script: {
      messages: [],
      reply: (command) =>
        command.startsWith('PASS') ? [`-ERR what is ${command}?\r\n`] : undefined,
    },
    job: { do: 'connect' },
    judge: ([result]) => {
      if (result?.error === undefined) return 'connected'
      return result.error.includes(PASSWORD) ? 'the error holds the password' : undefined
    },
  },
  {
    name: 'terminal escapes of the server in no error',
    script: {
      messages: [],
      reply: (command) =>
        command.startsWith('RETR') ? ['-ERR \x1b[2J\x1b[31mowned\r\n'] : undefined,
    },
    job: { do: 'retr', numbers: [1] },
    judge: ([result]) => {
      if (result?.error === undefined) return 'a refused message was given'
      return /\x1b|\\x1B|\\u001b/i.test(result.error) ? 'the error holds them' : undefined
    },
  },
]

const sizes: readonly TortureCase[] = [
  reading('a message of 10 MB', [LARGE], { measured: true }),
  {
    name: '144,524 unique-ids',
    script: {
      messages: UIDLS.map(() => Buffer.alloc(0)),
      reply: (command) =>
        command === 'UIDL' ? [`+OK\r\n${UIDLS.join('\r\n')}\r\n.\r\n`] : undefined,
    },
    job: { do: 'uidl', needs: ['uidl'] },
    judge: ([result]) => {
      if (result?.error !== undefined) return `error: ${result.error}`
      const right = digest(UIDLS.map((line) => `${line}\n`).join(''))
      return result?.shas?.[0] === right
        ? undefined
        : `${result?.count ?? 0} of them, or wrong ones`
    },
    measured: true,
  },
]

export const cases: readonly TortureCase[] = [...framing, ...conversation, ...security, ...sizes]
