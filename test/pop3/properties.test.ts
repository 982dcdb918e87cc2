/** Properties over bytes and commands that nobody chose. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MaildrainError } from '../../src/errors.ts'
import { type Verb, bare } from '../../src/pop3/commands.ts'
import { Pop3Client } from '../../src/pop3/index.ts'
import { MultiLineDecoder } from '../../src/pop3/multi-line.ts'
import { type Exchange, GREETING, Pop3Protocol } from '../../src/pop3/protocol.ts'
import { LineBuffer } from '../../src/pop3/receive-buffer.ts'
import { cleanText } from '../../src/pop3/replies.ts'
import { PASSWORD } from './transcript.ts'

/** Any bytes, with those that mean something to the protocol more often than by chance. */
const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc
    .array(
      fc.oneof(
        fc.uint8Array({ maxLength: 12 }).map((part) => Buffer.from(part)),
        fc
          .constantFrom('\r\n', '.', '\r', '\n', '\r\n.', '\r\n.\r\n', '+OK', '-ERR', ' ', '1 a')
          .map((token) => Buffer.from(token, 'latin1')),
      ),
      { maxLength },
    )
    .map((parts) => Buffer.concat(parts))

const cuts = fc.array(fc.nat(400), { maxLength: 20 })

function pieces(whole: Buffer, at: readonly number[]): Buffer[] {
  const ends = [...new Set(at.map((cut) => cut % (whole.length + 1)))].sort((a, b) => a - b)
  let from = 0
  return [...ends, whole.length].map((end) => {
    const piece = whole.subarray(from, end)
    from = end
    return piece
  })
}

/** RFC 1939 section 3, as a server does it: byte by byte. */
function stuff(content: Buffer): Buffer {
  const out: number[] = []
  let [before, last] = [0x0d, 0x0a]
  for (const byte of content) {
    if (byte === 0x2e && before === 0x0d && last === 0x0a) out.push(0x2e)
    out.push(byte)
    ;[before, last] = [last, byte]
  }
  return Buffer.from(out)
}

describe('unstuffing', () => {
  it('is the inverse of stuffing, for any bytes in any pieces', () => {
    fc.assert(
      fc.property(bytes(40), cuts, (text, at) => {
        const content = Buffer.concat([text, Buffer.from('\r\n')])
        const wire = Buffer.concat([stuff(content), Buffer.from('.\r\n+OK next')])
        const decoder = new MultiLineDecoder()
        decoder.begin()
        const got: Buffer[] = []
        let left = wire.length
        for (const piece of pieces(wire, at)) {
          const next = decoder.feed(piece, 0, (data) => got.push(Buffer.from(data)))
          left -= next
          if (decoder.ended) break
        }
        expect(Buffer.concat(got).equals(content)).toBe(true)
        expect(decoder.octets).toBe(content.length)
        expect(decoder.ended).toBe(true)
        expect(left).toBe('+OK next'.length)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('lines', () => {
  it('hold no more than the limit, and refuse what is longer', () => {
    fc.assert(
      fc.property(bytes(40), cuts, fc.integer({ min: 1, max: 40 }), (wire, at, limit) => {
        const buffer = new LineBuffer(limit)
        try {
          for (const piece of pieces(wire, at)) {
            buffer.feed(piece, 0, (line) => line.length <= limit)
            expect(buffer.pending).toBeLessThanOrEqual(limit)
          }
        } catch (error) {
          expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_LIMIT' })
          const long = wire
            .toString('latin1')
            .split('\n')
            .some((line) => line.length > limit)
          expect(long).toBe(true)
        }
      }),
      { numRuns: 1000 },
    )
  })
})

const EXPECTED: readonly (readonly [Verb, Exchange['expects']])[] = [
  ...([
    ['STAT', 'line'],
    ['RETR', 'body'],
    ['UIDL', 'lines'],
    ['LIST', 'line'],
  ] as const),
  ...([
    ['TOP', 'body'],
    ['NOOP', 'line'],
  ] as const),
]

describe('the reply parser', () => {
  it('throws nothing but MaildrainError, and holds nothing beyond its limits, whatever comes', () => {
    const asked = fc.array(fc.constantFrom(...EXPECTED), { maxLength: 6 })
    const maxLineBytes = 512
    fc.assert(
      fc.property(bytes(120), cuts, asked, fc.nat(600), (wire, at, commands, maxContentBytes) => {
        let given = 0
        let replies = 0
        const exchange = (verb: Verb, expects: Exchange['expects']): Exchange => ({
          ...{ command: bare(verb), expects, octets: 0 },
          onData: (data) => (given += data.length),
          onReply: () => (replies += 1),
          onFailure: () => undefined,
        })
        const protocol = new Pop3Protocol(
          {
            ...{ server: 'any:110', maxLineBytes, maxContentBytes, clean: cleanText },
            limits: { maxBytes: Infinity, maxCommands: 100, maxRefusalsInRow: 100 },
            write: () => undefined,
          },
          { ...exchange('NOOP', 'line'), command: GREETING },
        )
        protocol.loggedIn()
        protocol.pipelining = true
        for (const [verb, expects] of commands) protocol.send(exchange(verb, expects))
        protocol.flush()
        try {
          for (const piece of pieces(Buffer.concat([Buffer.from('+OK\r\n'), wire]), at)) {
            protocol.receive(piece)
            expect(protocol.held).toBeLessThanOrEqual(maxLineBytes)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(MaildrainError)
          expect((error as MaildrainError).code).not.toBe('MAILDRAIN_INTERNAL')
        }
        expect(replies).toBeLessThanOrEqual(commands.length + 1)
        expect(given).toBeLessThanOrEqual(wire.length)
      }),
      { numRuns: 2000 },
    )
  })
})

/** One of a session's commands, and the answer that a model server gives to it. */
interface Turn {
  readonly kind: 'uidl' | 'list' | 'retr' | 'top' | 'noop' | 'stat'
  readonly n: number
  readonly refused: boolean
  readonly content: Buffer
}

const turns = fc.array(
  fc.record<Turn>({
    kind: fc.constantFrom('uidl', 'list', 'retr', 'top', 'noop', 'stat'),
    n: fc.integer({ min: 1, max: 99 }),
    refused: fc.boolean(),
    content: bytes(6),
  }),
  { minLength: 1, maxLength: 60 },
)

const contentOf = ({ content }: Turn): Buffer => Buffer.concat([content, Buffer.from('\r\n')])

/** What a model server sends; each reply tells the place of its turn. */
function answer(turn: Turn, place: number): Buffer {
  if (turn.refused) return Buffer.from(`-ERR turn ${place}\r\n`)
  const line = {
    ...{ uidl: `+OK ${turn.n} u${place}`, list: `+OK ${turn.n} ${place}`, retr: '+OK' },
    ...{ top: '+OK', noop: '+OK', stat: `+OK 7 ${place}` },
  }[turn.kind]
  const body =
    turn.kind === 'retr' || turn.kind === 'top'
      ? [stuff(contentOf(turn)), Buffer.from('.\r\n')]
      : []
  return Buffer.concat([Buffer.from(`${line}\r\n`), ...body])
}

/** What the client must make of it. */
const expectedOf = (turn: Turn, place: number): unknown =>
  turn.refused
    ? `turn ${place}`
    : {
        ...{ uidl: `u${place}`, list: place, noop: undefined },
        stat: { messages: 7, octets: place },
        ...{ retr: contentOf(turn).toString('latin1'), top: contentOf(turn).toString('latin1') },
      }[turn.kind]

async function ask(client: Pop3Client, { kind, n }: Turn): Promise<unknown> {
  const chunks: Buffer[] = []
  const onData = (chunk: Buffer) => chunks.push(Buffer.from(chunk))
  const text = () => Buffer.concat(chunks).toString('latin1')
  if (kind === 'uidl') return client.uidl(n)
  if (kind === 'list') return client.list(n)
  if (kind === 'stat') return client.stat()
  if (kind === 'noop') return client.noop()
  if (kind === 'top') return client.top(n, 1, { onData }).then(text)
  return client.retr(n, { octets: n * 50, onData }).then(text)
}

/** A server that answers the turns in order, in pieces, whenever commands have come. */
async function modelSession(all: readonly Turn[], at: readonly number[], options: object) {
  let place = 0
  const client = await Pop3Client.connect(
    { host: 'localhost', tls: 'none', auth: { user: 'mrose', password: PASSWORD }, ...options },
    {
      connect: (_target, events) => {
        setImmediate(() => events.data(Buffer.from('+OK\r\n')))
        const replyTo = (command: string): Buffer => {
          if (command === 'CAPA') return Buffer.from('+OK\r\nUSER\r\nPIPELINING\r\n.\r\n')
          if (/^(?:USER|PASS|NOOP)\b/.test(command) && !isTurn(all[place], command))
            return Buffer.from('+OK\r\n')
          const turn = all[place]
          if (turn === undefined) throw new Error(`unexpected: ${command}`)
          return answer(turn, place++)
        }
        return Promise.resolve({
          secure: false,
          write(text) {
            const replies = Buffer.concat(text.split('\r\n').slice(0, -1).map(replyTo))
            for (const piece of pieces(replies, at)) setImmediate(() => events.data(piece))
          },
          startTls: () => Promise.resolve(),
          finish: () => undefined,
          destroy: () => undefined,
        })
      },
    },
  )
  await client.login()
  return client
}

/** A NOOP of the client's own comes between refusals: not one of the turns. */
const isTurn = (turn: Turn | undefined, command: string): boolean =>
  turn?.kind === 'noop' && command === 'NOOP'

it('replies and commands stay together, whatever is asked, refused, and cut', async () => {
  // Where NOOPs of its own would be confused with those of the turns, the client sends none.
  const options = fc.record({
    pipelining: fc.constantFrom('auto', 'off'),
    maxPipelineCommands: fc.integer({ min: 1, max: 100 }),
    maxPipelineBytes: fc.constantFrom(1, 1000, 1_000_000),
    maxRefusalsInRow: fc.constant(1000),
  })
  await fc.assert(
    fc.asyncProperty(turns, cuts, options, async (all, at, chosen) => {
      const client = await modelSession(all, at, chosen)
      const answers = await Promise.allSettled(all.map((turn) => ask(client, turn)))
      const told = answers.map((each) =>
        each.status === 'fulfilled'
          ? each.value
          : (each.reason as { replyText?: string }).replyText,
      )
      expect(told).toEqual(all.map(expectedOf))
      client.close()
    }),
    { numRuns: 300 },
  )
})
