/**
 * One execution: the first bytes of an input choose what was asked, the others are what the server sends. The client's
 * parser gets them whole and in pieces; both must be what the reference reads, within the buffers that are allowed.
 */
import { MaildrainError } from '../../src/errors.ts'
import { type Command, type Verb, bare } from '../../src/pop3/commands.ts'
import {
  type Exchange,
  GREETING,
  Pop3Protocol,
  type ProtocolOptions,
  contextOf,
} from '../../src/pop3/protocol.ts'
import { type Status, cleanText, isGoodbye } from '../../src/pop3/replies.ts'
import { Finding } from './finding.ts'
import { type Asked, type Reading, type Reply, readReplies } from './reference.ts'
import { checkLines, checkText } from './values.ts'

const MAX_LINE_BYTES = 64
const MAX_COMMANDS = 6

/** What may be asked in TRANSACTION, many at once. */
const TRANSACTION: readonly (readonly [Verb, Asked['expects']])[] = [
  ['STAT', 'line'],
  ['RETR', 'body'],
  ['UIDL', 'lines'],
  ['LIST', 'line'],
  ['LIST', 'lines'],
  ['UIDL', 'line'],
  ['TOP', 'body'],
  ['NOOP', 'line'],
]
/** Before login one at a time. */
const AUTHORIZATION: readonly (readonly [Verb, Asked['expects']])[] = [
  ['CAPA', 'lines'],
  ['STLS', 'line'],
  ['AUTH', 'line'],
  ['PASS', 'line'],
]

export interface Plan {
  readonly asked: readonly Asked[]
  /** The greeting is awaited, and nothing else. */
  readonly greeting: boolean
  readonly loggedIn: boolean
  readonly cutSeed: number
  readonly wire: Buffer
}

/** Header of an input: what was asked, then two bytes that say where the pieces are cut. */
export function planOf(input: Uint8Array): Plan {
  const kind = (input[0] ?? 0) % 16
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength)
  const rest = (at: number) => ({
    cutSeed: (input[at] ?? 0) * 256 + (input[at + 1] ?? 0),
    wire: bytes.subarray(Math.min(at + 2, bytes.length)),
  })
  if (kind === 0) {
    // What follows the greeting is for the first command, which is not sent here.
    const { cutSeed, wire } = rest(1)
    const end = wire.indexOf('\n') + 1
    const line = end === 0 ? wire : wire.subarray(0, end)
    return { asked: [READY], greeting: true, loggedIn: false, cutSeed, wire: line }
  }
  if (kind < 6)
    return { asked: [askedOf(AUTHORIZATION, kind)], greeting: false, loggedIn: false, ...rest(1) }
  const count = 1 + ((kind - 6) % MAX_COMMANDS)
  const verbs = Array.from({ length: count }, (_, at) => askedOf(TRANSACTION, input[at + 1] ?? 0))
  return { asked: verbs, greeting: false, loggedIn: true, ...rest(count + 1) }
}

function askedOf(table: typeof TRANSACTION, index: number): Asked {
  const [verb, expects] = table[index % table.length] ?? ['NOOP', 'line']
  return { verb, expects }
}

const chunksOf = (wire: Buffer, seed: number): Buffer[] => {
  const chunks: Buffer[] = []
  let state = seed + 1
  for (let at = 0; at < wire.length;) {
    state = (state * 48271) % 2147483647
    const end = at + 1 + (state % (1 + (seed % 17)))
    chunks.push(wire.subarray(at, end))
    at = end
  }
  return chunks
}

/** What the client's parser made of the bytes. */
interface Outcome {
  readonly replies: readonly Reply[]
  /** `open`, or the code of the error that ended the session. */
  readonly end: string
}

/** Collects what is told of each reply, in order. One for all executions: closures cost more than parsing does. */
class Recorder {
  #replies: Reply[] = []
  #content = ''
  #lines: string[] = []

  readonly onData = (data: Buffer): void => {
    this.#content += data.toString('latin1')
  }

  begin(): void {
    this.#replies = []
    this.#content = ''
    this.#lines = []
  }

  line(line: string): void {
    this.#lines.push(line)
  }

  reply({ kind, text }: Status, octets: number, expects: Asked['expects']): void {
    if (expects === 'body' && octets !== this.#content.length)
      throw new Finding(`${octets} octets told, ${this.#content.length} given`)
    if (kind === 'other') throw new Finding('what is no reply was taken for one')
    this.#tell(kind, text, true)
  }

  /** What came, with what came of a reply that has no end. */
  finish(): readonly Reply[] {
    if (this.#content !== '' || this.#lines.length > 0) this.#tell('ok', '', false)
    return this.#replies
  }

  #tell(status: Reply['status'], text: string, whole: boolean): void {
    this.#replies.push({ status, text, content: this.#content, lines: this.#lines, whole })
    this.#content = ''
    this.#lines = []
  }
}

const recorder = new Recorder()

class RecordedExchange implements Exchange {
  readonly command: Command
  readonly expects: Asked['expects']
  readonly octets = 0
  readonly onData = recorder.onData

  constructor({ verb, expects }: Asked) {
    this.command = verb === 'GREETING' ? GREETING : bare(verb as Verb)
    this.expects = expects
  }

  onLine(line: string): void {
    recorder.line(line)
  }

  onReply(status: Status, octets: number): void {
    recorder.reply(status, octets, this.expects)
  }

  onFailure(): void {
    // The error is seen where it is thrown.
  }
}

const READY: Asked = { verb: 'GREETING', expects: 'line' }
const GREETED = Buffer.from('+OK\r\n')

const ignore = (): void => undefined
const OPTIONS: ProtocolOptions = {
  ...{ server: 'fuzz:110', maxLineBytes: MAX_LINE_BYTES, maxContentBytes: Infinity },
  limits: { maxBytes: Infinity, maxCommands: 100, maxRefusalsInRow: 100 },
  ...{ clean: cleanText, write: ignore },
}

function protocolFor(plan: Plan): Pop3Protocol {
  const protocol = new Pop3Protocol(OPTIONS, new RecordedExchange(READY))
  if (!plan.greeting) {
    protocol.receive(GREETED)
    if (plan.loggedIn) protocol.loggedIn()
    protocol.pipelining = true
    for (const asked of plan.asked) protocol.send(new RecordedExchange(asked))
    protocol.flush()
  }
  recorder.begin()
  return protocol
}

/** What the client makes of the chunks. */
function run(plan: Plan, chunks: readonly Buffer[]): Outcome {
  const protocol = protocolFor(plan)
  let end = 'open'
  try {
    for (const chunk of chunks) {
      protocol.receive(chunk)
      if (protocol.held > MAX_LINE_BYTES) throw new Finding(`${protocol.held} bytes are held`)
    }
  } catch (error) {
    if (!(error instanceof MaildrainError)) throw error
    protocol.fail(error)
    end = error.code
  }
  return { replies: recorder.finish(), end }
}

const CODE: Readonly<Record<string, readonly string[]>> = {
  open: ['open'],
  'no reply': ['MAILDRAIN_POP3_PROTOCOL', 'MAILDRAIN_POP3_DESYNC'],
  'line too long': ['MAILDRAIN_POP3_LIMIT'],
  unasked: ['MAILDRAIN_POP3_DESYNC'],
  goodbye: ['MAILDRAIN_POP3_DISCONNECTED'],
  injected: ['MAILDRAIN_POP3_PROTOCOL'],
  foreign: ['MAILDRAIN_POP3_PROTOCOL'],
}

/** Runs one input. Returns what kinds of thing happened; throws a Finding, or whatever the client threw. */
export function execute(input: Uint8Array): readonly string[] {
  const plan = planOf(input)
  const expected = readReplies(plan.wire.toString('latin1'), plan.asked, {
    maxLineBytes: MAX_LINE_BYTES,
    goodbye: (text, verb) => isGoodbyeTo(text, verb),
  })
  compare(run(plan, [plan.wire]), expected, 'whole')
  const cut = run(plan, chunksOf(plan.wire, plan.cutSeed))
  compare(cut, expected, 'in pieces')
  for (const { lines, text } of expected.replies) {
    if (lines.length > 0) once(lines.join('\n'), () => checkLines(lines))
    if (text !== '') once(text, () => checkText(text))
  }
  return featuresOf(plan, expected)
}

const CHECKED = 100_000
const checked = new Set<string>()

/** Most values come again and again; those that were found right lately are not checked once more. */
function once(values: string, check: () => void): void {
  if (checked.has(values)) return
  check()
  if (checked.size >= CHECKED) checked.clear()
  checked.add(values)
}

const isGoodbyeTo = (text: string, verb: string): boolean => {
  const command = { verb: verb as Verb, line: '' }
  return verb !== 'GREETING' && isGoodbye(text, contextOf({ command }))
}

function compare(got: Outcome, expected: Reading, how: string): void {
  const end = expected.end ?? 'open'
  if (CODE[end]?.includes(got.end) !== true)
    throw new Finding(`${how}: ended with ${got.end}, reference: ${end}`)
  // A reply of which nothing but its status line came is not told.
  const told = expected.replies.filter(
    (reply) => reply.whole || reply.content !== '' || reply.lines.length > 0,
  )
  if (got.replies.length !== told.length)
    throw new Finding(`${how}: ${got.replies.length} replies, reference: ${told.length}`)
  for (const [index, reply] of told.entries()) {
    const other = got.replies[index]
    if (other === undefined || !isSame(other, reply))
      throw new Finding(
        `${how}: reply ${index} is ${JSON.stringify(other)}, reference: ${JSON.stringify(reply)}`,
      )
  }
}

function isSame(one: Reply, other: Reply): boolean {
  if (one.whole !== other.whole || one.content !== other.content) return false
  if (one.lines.length !== other.lines.length) return false
  if (one.lines.some((line, at) => line !== other.lines[at])) return false
  return !one.whole || (one.status === other.status && one.text === other.text)
}

/** What kinds of reply came after one another, and how it ended: an input with a new one is worth keeping. */
function featuresOf({ asked }: Plan, { replies, end }: Reading): string[] {
  let before = ''
  const features = replies.map(({ status, content, lines, whole }, index) => {
    const size = content.length === 0 ? '' : content.length < 8 ? 'short' : 'long'
    const kind = `${asked[index]?.expects ?? ''} ${status} ${size}${Math.min(lines.length, 3)} ${String(whole)}`
    const feature = `${before} > ${kind}`
    before = kind
    return feature
  })
  return [...features, `${before} > ${end ?? 'open'}`]
}
