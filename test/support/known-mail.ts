/**
 * A mailbox whose every message is known by its SHA-256, served to the built command, and what became of each of them in a
 * SQLite file.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SqliteDatabase } from '../../src/ledger/sqlite-database.ts'
import {
  type Mailbox,
  type MailboxMessage,
  type Pop3Server,
  type Pop3ServerOptions,
  startPop3Server,
} from '../../src/testing/index.ts'
import { knownMailbox } from './known-mailbox.ts'
import { sha256 } from './topics.ts'

/** Messages by index. */
export interface Fates {
  /** Neither in the file nor on the server. */
  readonly lost: number[]
  /** In the file more than once. */
  readonly doubled: number[]
  /** Rows that are no message of this mailbox. */
  readonly foreign: number
  /** The server removed them before their bytes were committed in the file. */
  readonly premature: number[]
}

export const NO_LOSS: Fates = { lost: [], doubled: [], foreign: 0, premature: [] }

export interface KnownMailOptions extends Omit<Pop3ServerOptions, 'mailbox' | 'onEvent'> {
  readonly messages?: number
  /** Instead of the small messages that differ in what clients stumble over. */
  readonly mailbox?: Mailbox
}

export class KnownMail {
  /** Of each message, by index. */
  readonly hashes: string[]
  /** The file; another one when the drain goes on elsewhere. */
  path: string
  readonly premature: number[] = []
  #server: Pop3Server | undefined
  #durable = new Map<string, number>()

  private constructor(path: string, mailbox: Mailbox) {
    this.path = path
    this.hashes = Array.from({ length: mailbox.size }, (_, index) =>
      sha256(mailbox.message(index).read()),
    )
  }

  static async serve(path: string, options: KnownMailOptions = {}): Promise<KnownMail> {
    const { messages = 24, mailbox = knownMailbox(messages), ...rest } = options
    const mail = new KnownMail(path, mailbox)
    mail.#server = await startPop3Server({
      ...{ ...rest, mailbox },
      onEvent: ({ kind, index }) => {
        if (kind === 'expunge' && index !== null) mail.#removed(index)
      },
    })
    return mail
  }

  get server(): Pop3Server {
    if (this.#server === undefined) throw new Error('the server has not started')
    return this.#server
  }

  /** New mail. */
  add(message: MailboxMessage): void {
    this.hashes.push(sha256(message.read()))
    this.server.add(message)
  }

  /** Arguments of the command that drains it with deletion, in short sessions. */
  args(sessionMessages = 10): string[] {
    const args = ['drain', '--from', this.server.url, '--to', `sqlite:${this.path}`]
    return [...args, '--delete', '--quiet', '--session-messages', String(sessionMessages)]
  }

  /** Indexes of what the server does not have any more. */
  removed(): number[] {
    const there = new Set(this.server.remainingIndexes())
    return [...this.hashes.keys()].filter((index) => !there.has(index))
  }

  /** By what server and file hold now; the file is looked at in a copy, so that whoever opens it next finds it as it was. */
  fates(path = this.path): Fates {
    const stored = storedIn(path)
    const there = new Set(this.server.remainingIndexes())
    const all = [...this.hashes.keys()]
    const times = (index: number) => stored.get(this.hashes[index] ?? '') ?? 0
    const known = new Set(this.hashes)
    return {
      lost: all.filter((index) => times(index) === 0 && !there.has(index)),
      doubled: all.filter((index) => times(index) > 1),
      foreign: [...stored.keys()].filter((hash) => !known.has(hash)).length,
      premature: this.premature,
    }
  }

  /** Indexes of what is committed in the file, while nobody writes. */
  committed(): number[] {
    const stored = storedIn(this.path)
    return [...this.hashes.keys()].filter((index) => stored.has(this.hashes[index] ?? ''))
  }

  /** Messages in the file. */
  stored(path = this.path): number {
    let sum = 0
    for (const count of storedIn(path).values()) sum += count
    return sum
  }

  async close(): Promise<void> {
    await this.server.close()
  }

  #removed(index: number): void {
    const hash = this.hashes[index] ?? ''
    if (!this.#durable.has(hash)) this.#durable = committedIn(this.path)
    if (!this.#durable.has(hash)) this.premature.push(index)
  }
}

/** While somebody writes: what is committed at this moment. */
function committedIn(path: string): Map<string, number> {
  try {
    return hashesIn(path)
  } catch {
    return new Map()
  }
}

/** While nobody writes. A reader that is the last to close a file would write its log into it. */
function storedIn(path: string): Map<string, number> {
  const directory = mkdtempSync(join(tmpdir(), 'maildrain-look-'))
  const copy = join(directory, 'mail.db')
  try {
    for (const end of ['', '-wal'])
      if (existsSync(`${path}${end}`)) copyFileSync(`${path}${end}`, `${copy}${end}`)
    return existsSync(copy) ? hashesIn(copy) : new Map<string, number>()
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function hashesIn(path: string): Map<string, number> {
  const found = new Map<string, number>()
  const database = SqliteDatabase.openReader(path, { busyTimeoutMs: 1000 })
  try {
    const tables = "SELECT count(*) FROM sqlite_master WHERE name = 'messages'"
    if (database.prepare(tables).row()?.[0] === 0) return found
    for (const [raw] of database.prepare('SELECT raw FROM messages').rows()) {
      const hash = sha256(raw as Buffer)
      found.set(hash, (found.get(hash) ?? 0) + 1)
    }
    return found
  } finally {
    database.close()
  }
}
