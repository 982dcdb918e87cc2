/** A drain of a mailbox whose every message is known by its SHA-256, and what became of each of them. */
import { createHash } from 'node:crypto'
import type { Clock } from '../../src/clock.ts'
import { MaildrainError } from '../../src/errors.ts'
import type { Receipt } from '../../src/pipeline/receipt.ts'
import type { Pop3SourceOptions } from '../../src/sources/pop3/index.ts'
import {
  type Behaviour,
  type Pop3Server,
  type Pop3ServerOptions,
  startPop3Server,
} from '../../src/testing/index.ts'
import { drainInto } from './drains.ts'
import { knownMailbox } from './known-mailbox.ts'
import { MemorySink } from './memory-sink.ts'

export const sha256 = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex')

/** Where the drain dies: at the write with this number, before or after it was applied; the connection dies with it. */
export interface Crash {
  readonly write: number
  readonly when: 'before' | 'after'
}

export interface Proof {
  /** Neither at the destination nor on the server where a session can see it. */
  readonly lost: number[]
  /** More than once at the destination. */
  readonly doubled: number[]
  /** Records whose bytes are those of no message. */
  readonly foreign: number
  /** Removed or hidden before they were at the destination. */
  readonly premature: number[]
  /** Still shown by the server, and not to stay. */
  readonly left: number[]
  /** Of the last run: its receipt, or the code of its error; `hang`: it had to be stopped. */
  readonly receipt: Receipt | undefined
  readonly stopped: string | undefined
  readonly server: Pop3Server
  readonly sink: MemorySink
}

export interface ProvenDrain extends Partial<Omit<Pop3ServerOptions, 'mailbox' | 'onEvent'>> {
  readonly messages?: number
  readonly crash?: Crash | undefined
  readonly source?: Partial<Pop3SourceOptions>
  /** All mail was delivered and kept by an earlier run: what dies and what is proven is the run after it. */
  readonly keptBefore?: boolean
  /** Of the runs after it. */
  readonly clock?: Clock
  /** Mail that has come since that earlier run: it is to stay on the server, whatever else is deleted. */
  readonly fresh?: number
  /** Called when the first run begins. */
  readonly meanwhile?: (server: Pop3Server) => void
}

/**
 * Waits of a client in a hurry: what a server does not answer is found out in a moment. Its patience has room for the three
 * sessions that are lost before it stops pipelining, also on a machine that is busy (900 ms had not).
 */
const SHORT: Partial<Pop3SourceOptions> = {
  ...{ greetingTimeoutMs: 150, capaTimeoutMs: 150, authTimeoutMs: 400, commandTimeoutMs: 400 },
  ...{ idleTimeoutMs: 250, quitTimeoutMs: 400, tlsTimeoutMs: 400 },
  ...{ retryInitialMs: 1, retryPatienceMs: 2000, openPatienceMs: 3000, lookDelaysMs: [3, 6, 30] },
}

const HANG_MS = 30_000

/** Of a drain that is to come to its end: a machine that pauses for seconds must not use the patience up. */
export const PATIENT: Partial<Pop3SourceOptions> = {
  ...{ retryPatienceMs: HANG_MS - 5000, openPatienceMs: HANG_MS - 5000 },
}

/** Drains with deletion, once more after the crash if there is one, and looks at every message. */
export async function proveDrain(options: ProvenDrain = {}): Promise<Proof> {
  const { messages = 24, crash, source, keptBefore, fresh = 0, clock, meanwhile } = options
  const { behaviour = {}, ...serverOptions } = serverOptionsOf(options)
  const mailbox = knownMailbox(messages)
  const known = Array.from({ length: messages + fresh }, (_, i) => mailbox.message(i))
  const hashes = known.map((message) => sha256(message.read()))
  const sink = new MemorySink()
  const premature: number[] = []
  const server = await startPop3Server({
    ...serverOptions,
    mailbox,
    behaviour: keptBefore === true ? uidlsOf(behaviour) : behaviour,
    onEvent: ({ kind, index }) => {
      if ((kind !== 'expunge' && kind !== 'hide') || index === null) return
      const hash = hashes[index]
      if (index >= messages) premature.push(index)
      else if (!sink.records.some(({ value }) => value.sha256 === hash)) premature.push(index)
    },
  })
  try {
    if (keptBefore === true) {
      await keepAll(server, sink)
      server.setBehaviour(behaviour)
      for (const message of known.slice(messages)) server.add(message)
    }
    meanwhile?.(server)
    if (crash !== undefined) await crashingRun(server, sink, crash, { source, clock })
    const { receipt, stopped } = await run(server, sink, { source, clock })
    // UPDATE may come late.
    await new Promise((resolve) => setTimeout(resolve, 40))
    const visible = new Set(server.visibleIndexes())
    const stored = sink.records.map(({ value }) => sha256(value.raw))
    const times = (i: number) => stored.filter((hash) => hash === hashes[i]).length
    const all = hashes.map((_, i) => i)
    return {
      lost: all.filter((i) => times(i) === 0 && !visible.has(i)),
      doubled: all.filter((i) => times(i) > 1),
      foreign: stored.filter((hash) => !hashes.includes(hash)).length,
      ...{
        premature,
        left: [...visible].filter((i) => i < messages),
        receipt,
        stopped,
        server,
        sink,
      },
    }
  } finally {
    await server.close()
  }
}

/** That much of the behaviour holds from the beginning: else all mail would be new. */
const uidlsOf = ({ uidlOf }: Behaviour): Behaviour => (uidlOf === undefined ? {} : { uidlOf })

interface RunOptions {
  readonly source: Partial<Pop3SourceOptions> | undefined
  readonly clock: Clock | undefined
}

const serverOptionsOf = ({
  capabilities = {},
  behaviour = {},
}: ProvenDrain): Pick<Pop3ServerOptions, 'capabilities' | 'behaviour'> => ({
  ...{ capabilities, behaviour },
})

/** On a host whose TOP is believed from then on; entries of the same millisecond would be of the run that follows. */
async function keepAll(server: Pop3Server, sink: MemorySink): Promise<void> {
  await drainInto(server, sink, { deletion: 'keep', source: SHORT })
  const notes = JSON.parse(sink.ledger.host ?? '{}') as object
  sink.ledger.host = JSON.stringify({ ...notes, headers: { agreed: 32, differ: false } })
  await new Promise((resolve) => setTimeout(resolve, 2))
}

async function crashingRun(
  server: Pop3Server,
  sink: MemorySink,
  crash: Crash,
  options: RunOptions,
): Promise<void> {
  const abort = new AbortController()
  let writes = 0
  const die = () => {
    abort.abort()
    server.dropConnections()
  }
  sink.beforeWrite = () => {
    writes += 1
    if (crash.when === 'before' && writes === crash.write) {
      die()
      throw new Error('died')
    }
  }
  sink.afterWrite = () => {
    if (crash.when === 'after' && writes === crash.write) die()
  }
  await run(server, sink, options, abort)
  sink.beforeWrite = () => undefined
  sink.afterWrite = () => undefined
}

async function run(
  server: Pop3Server,
  sink: MemorySink,
  { source, clock }: RunOptions,
  abort = new AbortController(),
): Promise<Pick<Proof, 'receipt' | 'stopped'>> {
  const hung = { yet: false }
  const guard = setTimeout(() => {
    hung.yet = true
    abort.abort()
  }, HANG_MS)
  try {
    const receipt = await drainInto(server, sink, {
      ...{ source: { ...SHORT, ...source }, signal: abort.signal, batchMaxMessages: 5 },
      ...(clock === undefined ? {} : { clock }),
      lingerMs: 1,
    })
    return { receipt, stopped: undefined }
  } catch (error) {
    const code = error instanceof MaildrainError ? error.code : String(error)
    return { receipt: undefined, stopped: hung.yet ? 'hang' : code }
  } finally {
    clearTimeout(guard)
  }
}
