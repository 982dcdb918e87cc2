/**
 * One round under fire: a real Dovecot is filled, the built command drains it with deletion and is killed (SIGKILL) at
 * random moments until a run comes to its end by itself, and every byte at the destination is compared.
 */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { SqliteDatabase } from '../../src/ledger/sqlite-database.ts'
import { type MailboxProfile, generateMailbox } from '../../src/testing/index.ts'
import { decodeAvro } from '../../src/transforms/encode.ts'
import type { Dovecot } from '../fixtures/dovecot.ts'
import type { Broker } from '../fixtures/kafka-broker.ts'
import { newDirectory, startCli } from './cli.ts'
import { toCrlf } from './corpus.ts'
import { eachCommitted, sha256 } from './topics.ts'

export interface KillRoundOptions {
  readonly dovecot: Dovecot
  /** Into Kafka; without, into SQLite. */
  readonly broker?: Broker | undefined
  readonly messages: number
  readonly profile: MailboxProfile
  readonly seed: number
  /** Milliseconds from start to kill, from … to. */
  readonly killMs: readonly [number, number]
  /** Kills after which the next run is left alone; without, each run is killed unless it is faster. */
  readonly maxKills?: number
  readonly random?: () => number
  readonly onKill?: (kills: number) => void
}

export interface KillRound {
  readonly messages: number
  readonly bytes: number
  readonly kills: number
  readonly lost: number
  readonly doubled: number
  readonly left: number
  readonly seconds: number
}

export async function killRound(options: KillRoundOptions): Promise<KillRound> {
  const { dovecot, broker, messages } = options
  const { expected, bytes } = await fill(options)
  const started = performance.now()
  const directory = newDirectory()
  const path = join(directory, 'mail.db')
  const topic = `mail-${randomUUID()}`
  const to = broker ? `kafka://${broker.brokers.join(',')}/${topic}` : `sqlite:${path}`
  const kills = await drainUnderFire(to, directory, options)
  const seconds = (performance.now() - started) / 1000
  const found = new Map<string, number>()
  const meet = (raw: Uint8Array): void => {
    const hash = sha256(raw)
    found.set(hash, (found.get(hash) ?? 0) + 1)
  }
  if (broker)
    await eachCommitted(broker.brokers, topic, ({ value }) => {
      if (value) meet(decodeAvro(value).raw)
    })
  else eachRow(path, meet)
  // Half a gigabyte and more in a round of 144,524 messages.
  await rm(directory, { recursive: true, force: true })
  let [lost, doubled] = [0, 0]
  for (const [hash, count] of expected) {
    const there = found.get(hash) ?? 0
    lost += Math.max(0, count - there)
    doubled += Math.max(0, there - count)
    found.delete(hash)
  }
  // What was never in the mailbox is as bad as what came twice.
  for (const count of found.values()) doubled += count
  const left = (await dovecot.files()).length
  return { messages, bytes, kills, lost, doubled, left, seconds }
}

async function fill({ dovecot, messages, profile, seed }: KillRoundOptions) {
  const mailbox = generateMailbox({ messages, seed, profile })
  const expected = new Map<string, number>()
  let bytes = 0
  for (let index = 0; index < mailbox.size; index += 1) {
    const message = toCrlf(mailbox.message(index).read())
    await dovecot.add(message)
    const hash = sha256(message)
    expected.set(hash, (expected.get(hash) ?? 0) + 1)
    bytes += message.length
  }
  return { expected, bytes }
}

async function drainUnderFire(
  to: string,
  stateHome: string,
  options: KillRoundOptions,
): Promise<number> {
  const { dovecot, killMs, maxKills = Infinity, random = Math.random, onKill } = options
  const from = `pop3://${dovecot.user}@${dovecot.host}:${dovecot.port}`
  // Short sessions, so that kills fall into all of listing, reading, committing, deleting, and QUIT.
  const args = ['drain', '--from', from, '--to', to, '--delete', '--quiet']
  args.push('--session-messages', String(Math.min(5000, Math.ceil(options.messages / 6))))
  const env = { MAILDRAIN_PASSWORD: dovecot.password, XDG_STATE_HOME: stateHome }
  for (let kills = 0; ;) {
    const { child, result } = startCli(args, env)
    const [least, most] = killMs
    const timer =
      kills < maxKills
        ? setTimeout(() => child.kill('SIGKILL'), least + random() * (most - least))
        : undefined
    const { code, stderr } = await result
    clearTimeout(timer)
    if (code === 0) return kills
    if (code !== null) throw new Error(`the drain ended with ${code}: ${stderr}`)
    kills += 1
    onKill?.(kills)
  }
}

function eachRow(path: string, meet: (raw: Uint8Array) => void): void {
  const database = SqliteDatabase.openReader(path, { busyTimeoutMs: 1000 })
  const page = database.prepare('SELECT rowid, raw FROM messages WHERE rowid > ? LIMIT 200')
  for (let after = 0; ;) {
    const rows = page.rows([after])
    for (const [, raw] of rows) meet(raw as Buffer)
    if (rows.length === 0) break
    after = Number(rows.at(-1)?.[0])
  }
  database.close()
}
