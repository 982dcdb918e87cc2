/** What the suite of real servers does with one of them: fill it, drain it by the built command, compare bytes. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SqliteDatabase } from '../../src/ledger/sqlite-database.ts'
import type { Receipt } from '../../src/pipeline/receipt.ts'
import { generateMailbox } from '../../src/testing/index.ts'
import { PASSWORD, type Pop3Server, USER } from '../fixtures/pop3-server.ts'
import { newDirectory, startCli } from './cli.ts'
import { corpusMessages, toCrlf } from './corpus.ts'
import { type PlainMessage, PlainReader } from './plain-reader.ts'
import { sha256 } from './topics.ts'

export interface Filled {
  readonly stored: readonly Buffer[]
  /** Why messages were not taken. */
  readonly refused: readonly string[]
}

function* generated(seed: number): Iterable<Buffer> {
  const mailbox = generateMailbox({ messages: 10_000, seed, profile: 'small' })
  for (let index = 0; index < mailbox.size; index += 1) yield toCrlf(mailbox.message(index).read())
}

function* real(): Iterable<Buffer> {
  for (const { bytes } of corpusMessages()) yield bytes
}

/** So many messages: real ones as far as there are any, else generated; what the server refuses is replaced. */
export async function fill(
  server: Pop3Server,
  count: number,
  { seed, withReal }: { readonly seed: number; readonly withReal: boolean },
): Promise<Filled> {
  const stored: Buffer[] = []
  const refused: string[] = []
  const sources = (withReal ? [real(), generated(seed)] : [generated(seed)]).map((messages) =>
    messages[Symbol.iterator](),
  )
  const next = (): Buffer => {
    const found = sources[0]?.next()
    if (found === undefined) throw new Error('not enough messages')
    if (found.done !== true) return found.value
    sources.shift()
    return next()
  }
  while (stored.length < count) {
    const batch = Array.from({ length: count - stored.length }, next)
    const refusals = await server.add(batch)
    const indexes = new Set(refusals.map(({ index }) => index))
    stored.push(...batch.filter((_, index) => !indexes.has(index)))
    refused.push(...refusals.map(({ why }) => why))
  }
  return { stored, refused }
}

/** @param settles whether a first reading changes what the server gives */
export async function readPlainly(server: Pop3Server, settles = false): Promise<PlainMessage[]> {
  if (settles) await PlainReader.all(server.port, USER, PASSWORD)
  return PlainReader.all(server.port, USER, PASSWORD)
}

/** How often each fingerprint is there too seldom or too often. */
export function compare(
  expected: readonly string[],
  found: readonly string[],
): { readonly lost: number; readonly doubled: number } {
  const open = new Map<string, number>()
  for (const hash of expected) open.set(hash, (open.get(hash) ?? 0) + 1)
  let doubled = 0
  for (const hash of found) {
    const left = open.get(hash) ?? 0
    if (left === 0) doubled += 1
    else open.set(hash, left - 1)
  }
  let lost = 0
  for (const left of open.values()) lost += left
  return { lost, doubled }
}

/** Fingerprints of what one drain must bring: equal bytes under one unique-id are one message (G6). */
export function expectedOf(messages: readonly PlainMessage[], ownHeaders?: RegExp): string[] {
  const found = new Map<string, string>()
  for (const { uidl, raw } of messages) {
    const hash = fingerprint(raw, ownHeaders)
    found.set(`${uidl} ${hash}`, hash)
  }
  return [...found.values()]
}

export function fingerprint(raw: Buffer, ownHeaders?: RegExp): string {
  if (ownHeaders === undefined) return sha256(raw)
  return sha256(Buffer.from(raw.toString('latin1').replace(ownHeaders, ''), 'latin1'))
}

export interface Drained {
  readonly code: number | null
  readonly stderr: string
  readonly receipt: Receipt
  readonly seconds: number
}

type Address = Pick<Pop3Server, 'port' | 'tlsPort' | 'caFile'>

/** A database, and runs of the built command that drain a server into it with deletion. */
export class DrainTarget {
  readonly #server: Address
  readonly #directory = newDirectory()
  readonly #path = join(this.#directory, 'mail.db')

  constructor(server: Address) {
    this.#server = server
  }

  /** Over TLS, or in clear. */
  async drain(tls: boolean): Promise<Drained> {
    const begun = performance.now()
    const receiptFile = join(this.#directory, 'receipt.json')
    const { code, stderr } = await this.start(tls, ['--receipt', receiptFile]).result
    const seconds = (performance.now() - begun) / 1000
    const receipt = JSON.parse(readFileSync(receiptFile, 'utf8')) as Receipt
    return { code, stderr, receipt, seconds }
  }

  start(tls: boolean, more: readonly string[] = []) {
    const { port, tlsPort, caFile } = this.#server
    const from = tls ? `pop3s://${USER}@localhost:${tlsPort}` : `pop3://${USER}@127.0.0.1:${port}`
    const args = ['drain', '--from', from, '--to', `sqlite:${this.#path}`, '--delete']
    if (tls) args.push('--ca-file', caFile)
    const env = { MAILDRAIN_PASSWORD: PASSWORD, XDG_STATE_HOME: this.#directory }
    return startCli([...args, '--quiet', ...more], env)
  }

  /** What was written, in its order. */
  raw(): Buffer[] {
    return this.#rows('SELECT raw FROM messages').map(([raw]) => raw as Buffer)
  }

  /** Messages of which the ledger says that they stay on the server. */
  kept(): { readonly uidl: string; readonly reason: string }[] {
    const rows = this.#rows("SELECT CAST(uidl AS TEXT), reason FROM ledger WHERE state = 'kept'")
    return rows.map(([uidl, reason]) => ({ uidl: String(uidl), reason: String(reason) }))
  }

  /** Messages written so far; 0 while there is no database. */
  count(): number {
    try {
      return Number(this.#rows('SELECT count(*) FROM messages')[0]?.[0] ?? 0)
    } catch {
      return 0
    }
  }

  #rows(sql: string) {
    const database = SqliteDatabase.openReader(this.#path, { busyTimeoutMs: 1000 })
    try {
      return database.prepare(sql).rows()
    } finally {
      database.close()
    }
  }
}
