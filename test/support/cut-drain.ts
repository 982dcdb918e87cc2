/** A drain with deletion into a SQLite file over a line that breaks where it is told to, and what became of each message. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MaildrainError } from '../../src/errors.ts'
import { SqliteDatabase } from '../../src/ledger/sqlite-database.ts'
import { drain } from '../../src/pipeline/drain.ts'
import { sqlite } from '../../src/sinks/sqlite/index.ts'
import { type Pop3SourceOptions, pop3 } from '../../src/sources/pop3/index.ts'
import {
  type Behaviour,
  FaultProxy,
  type LineFault,
  type Mailbox,
  type PassedOctets,
  type Pop3Server,
  type Pop3ServerCapabilities,
  startPop3Server,
} from '../../src/testing/index.ts'
import { sha256 } from './topics.ts'

/** What clients have stumbled over, in few octets: a cut falls into each of them. */
const BODIES = ['..two dots', 'a\n.\nb', '+OK 12', '', '.\r\n.', '\xe9\0\xff', 'a\rb'] as const

export function cutMailbox(count: number): Mailbox {
  return {
    size: count,
    message(index) {
      const text = `From: a@b\r\nSubject: ${index}\r\n\r\n${BODIES[index % BODIES.length]}\r\n`
      const bytes = Buffer.from(text, 'latin1')
      return { uidl: `u${index}`, octets: bytes.length, read: () => bytes }
    },
  }
}

export interface CutDrain {
  readonly messages?: number
  readonly fault?: (connection: number) => LineFault | undefined
  readonly behaviour?: Behaviour
  readonly capabilities?: Pop3ServerCapabilities
  readonly source?: Partial<Pop3SourceOptions>
}

export interface CutOutcome {
  /** Neither in the database nor on the server. */
  readonly lost: number[]
  /** More than once in the database. */
  readonly doubled: number[]
  /** Rows whose bytes are those of no message. */
  readonly foreign: number
  /** DELE was sent, or the server removed it, before it was in the database. */
  readonly premature: number[]
  /** Still on the server. */
  readonly left: number[]
  /** Codes of the runs that failed; the last one did not, unless all did. */
  readonly failed: string[]
  readonly strikes: number
  readonly passed: readonly PassedOctets[]
  readonly server: Pop3Server
}

/** In memory where that is to be had: thousands of drains wait for no disk, and nothing here is about its power. */
const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** Runs at most; the second one is only needed when the first one gave up. */
const RUNS = 3

/** A client in a hurry: what a cut line costs is a moment. */
const QUICK: Partial<Pop3SourceOptions> = {
  ...{ greetingTimeoutMs: 200, capaTimeoutMs: 200, authTimeoutMs: 300, commandTimeoutMs: 300 },
  ...{ idleTimeoutMs: 300, quitTimeoutMs: 300, retryInitialMs: 1, openPatienceMs: 300 },
  ...{ retryPatienceMs: 1000, lookDelaysMs: [1, 2, 4], windowMessages: 5 },
}

/** What a busy machine holds up for a second is one session all the same: the drain that the places of the cuts are taken from. */
const UNHURRIED: Partial<Pop3SourceOptions> = {
  ...{ greetingTimeoutMs: 60_000, capaTimeoutMs: 60_000, authTimeoutMs: 60_000 },
  ...{ commandTimeoutMs: 60_000, idleTimeoutMs: 60_000, quitTimeoutMs: 60_000 },
}

/** Over a line that holds: what is said on it, and how many octets pass. */
export const uncutDrain = (options: Omit<CutDrain, 'fault'> = {}): Promise<CutOutcome> =>
  cutDrain({ ...options, source: { ...UNHURRIED, ...options.source } })

export async function cutDrain(options: CutDrain = {}): Promise<CutOutcome> {
  const { messages = 20, fault, behaviour = {}, capabilities = {}, source } = options
  const mailbox = cutMailbox(messages)
  const hashes = Array.from({ length: messages }, (_, i) => sha256(mailbox.message(i).read()))
  const directory = mkdtempSync(join(parent, 'maildrain-cut-'))
  const path = join(directory, 'mail.db')
  const stored = new Stored(path)
  const premature: number[] = []
  const views = new Map<number, number[]>()
  const server = await startPop3Server({
    ...{ mailbox, behaviour, capabilities },
    onEvent: ({ kind, session, verb, argument, index }) => {
      if (kind === 'login') views.set(session, server.visibleIndexes())
      const gone = verb === 'DELE' ? views.get(session)?.[Number(argument) - 1] : index
      if (gone === null || gone === undefined) return
      if (!stored.hashes().includes(hashes[gone] ?? '')) premature.push(gone)
    },
  })
  const proxy = await FaultProxy.start({ port: server.port, ...(fault && { fault }) })
  const failed: string[] = []
  try {
    do await run(proxy.port, path, source).catch((error: unknown) => failed.push(codeOf(error)))
    while (server.remaining() > 0 && failed.length > 0 && failed.length < RUNS)
    const found = stored.hashes()
    const left = server.remainingIndexes()
    const all = hashes.map((_, i) => i)
    const times = (i: number) => found.filter((hash) => hash === hashes[i]).length
    return {
      lost: all.filter((i) => times(i) === 0 && !left.includes(i)),
      doubled: all.filter((i) => times(i) > 1),
      foreign: found.filter((hash) => !hashes.includes(hash)).length,
      ...{ premature, left, failed, strikes: proxy.strikes, passed: proxy.passedByConnection },
      server,
    }
  } finally {
    stored.close()
    await proxy.close()
    await server.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

const codeOf = (error: unknown): string =>
  error instanceof MaildrainError ? error.code : String(error)

async function run(
  port: number,
  path: string,
  source: Partial<Pop3SourceOptions> | undefined,
): Promise<void> {
  await drain({
    source: pop3({
      ...{ host: '127.0.0.1', port, tls: 'none', mailboxId: 'user@cut' },
      ...{ auth: { user: 'user', password: 'secret' }, ...QUICK, ...source },
    }),
    ...{ into: sqlite({ path }), through: [], deletion: 'delete' },
    ...{ lingerMs: 1, batchMaxMessages: 5 },
  })
}

/** SHA-256 of the bytes of every row, read again when there are more. */
export class Stored {
  readonly #path: string
  #database: SqliteDatabase | undefined
  #hashes: string[] = []

  constructor(path: string) {
    this.#path = path
  }

  /** None while there is no table. */
  hashes(): readonly string[] {
    try {
      this.#database ??= SqliteDatabase.openReader(this.#path, { busyTimeoutMs: 1000 })
      const [count] = this.#database.prepare('SELECT count(*) FROM messages').row() ?? []
      if (Number(count) === this.#hashes.length) return this.#hashes
      const rows = this.#database.prepare('SELECT raw FROM messages').rows()
      this.#hashes = rows.map(([raw]) => sha256(raw as Buffer))
    } catch {
      this.close()
    }
    return this.#hashes
  }

  close(): void {
    this.#database?.close()
    this.#database = undefined
  }
}
