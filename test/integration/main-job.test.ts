/**
 * The job itself on the real parts: the built command drains a real Dovecot into a real Kafka, or into SQLite, with
 * deletion, and every byte is compared with the files that the server held.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Receipt } from '../../src/pipeline/receipt.ts'
import { SqliteDatabase } from '../../src/ledger/sqlite-database.ts'
import { generateMailbox } from '../../src/testing/index.ts'
import { type Dovecot, noDovecot, startDovecot } from '../fixtures/dovecot.ts'
import { type Broker, noBroker, startBroker } from '../fixtures/kafka-broker.ts'
import { corpusMessages, noCorpus, toCrlf } from '../support/corpus.ts'
import { readTopic, sha256 } from '../support/topics.ts'

const MESSAGES = process.env.MAILDRAIN_TEST_FULL === undefined ? 200 : 2000
const cli = join(import.meta.dirname, '../../dist/cli/main.js')

let directory: string
let dovecot: Dovecot
let broker: Broker
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'maildrain-job-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

async function fill(messages: Iterable<Buffer>): Promise<string[]> {
  const hashes: string[] = []
  for (const bytes of messages) {
    await dovecot.add(bytes)
    hashes.push(sha256(bytes))
  }
  return hashes.sort()
}

function* generated(): Iterable<Buffer> {
  const mailbox = generateMailbox({ messages: MESSAGES, seed: 7, profile: 'mixed' })
  for (let index = 0; index < mailbox.size; index += 1)
    // Dovecot gives a bare LF as CRLF: files are stored as they will be given, so that both can be compared.
    yield toCrlf(mailbox.message(index).read())
}

function* corpus(): Iterable<Buffer> {
  for (const { bytes } of corpusMessages()) yield bytes
}

async function run(to: string): Promise<{ code: number | null; receipt: Receipt; stderr: string }> {
  const passwordFile = join(directory, 'password')
  await writeFile(passwordFile, `${dovecot.password}\n`, { mode: 0o600 })
  const receiptFile = join(directory, `${randomUUID()}.json`)
  const from = `pop3://${dovecot.user}@${dovecot.host}:${dovecot.port}`
  const args = ['drain', '--from', from, '--to', to, '--delete', '--receipt', receiptFile]
  const child = spawn(
    process.execPath,
    [cli, ...args, '--password-file', passwordFile, '--quiet'],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, XDG_STATE_HOME: directory },
    },
  )
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  const receipt = JSON.parse(await readFile(receiptFile, 'utf8')) as Receipt
  return { code, receipt, stderr }
}

function readTable(path: string): string[] {
  const database = SqliteDatabase.openReader(path, { busyTimeoutMs: 1000 })
  try {
    return database
      .prepare('SELECT raw, sha256 FROM messages')
      .rows()
      .map(([raw, named]) => {
        const hash = sha256(raw as Buffer)
        expect(hash).toBe(named)
        return hash
      })
      .sort()
  } finally {
    database.close()
  }
}

function expectDrained(receipt: Receipt, count: number, distinct: number): void {
  expect(receipt).toMatchObject({
    ...{ seen: distinct, delivered: distinct, alreadyDelivered: 0, filtered: 0 },
    ...{ deadLettered: 0, kept: 0, vanished: 0, copies: count - distinct },
    ...{ deleted: count, verifiedGone: count, remaining: 0 },
  })
}

describe.skipIf(noDovecot !== undefined)(`from Dovecot${noDovecot ? `: ${noDovecot}` : ''}`, () => {
  beforeAll(async () => {
    dovecot = await startDovecot()
    console.log(`Dovecot: ${dovecot.how}`)
  })
  afterAll(() => dovecot.stop())

  it(`${MESSAGES} mixed messages into SQLite with deletion: every byte, and the mailbox is empty`, async () => {
    const hashes = await fill(generated())
    const path = join(directory, 'mail.db')
    const { code, receipt, stderr } = await run(`sqlite:${path}`)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(readTable(path)).toEqual(hashes)
    expect(await dovecot.files()).toEqual([])
    expectDrained(receipt, MESSAGES, MESSAGES)
  }, 900_000)

  describe.skipIf(noBroker !== undefined)(`into Kafka${noBroker ? `: ${noBroker}` : ''}`, () => {
    beforeAll(async () => {
      broker = await startBroker()
      console.log(`Kafka: ${broker.how}`)
    })
    afterAll(() => broker.stop())

    it(`${MESSAGES} mixed messages with deletion: every byte once, and the mailbox is empty`, async () => {
      const hashes = await fill(generated())
      const topic = `mail-${randomUUID()}`
      const { code, receipt, stderr } = await run(`kafka://${broker.brokers.join(',')}/${topic}`)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(await readTopic(broker.brokers, topic, hashes.length)).toEqual(hashes)
      expect(await dovecot.files()).toEqual([])
      expectDrained(receipt, MESSAGES, MESSAGES)
      console.log(
        `drained ${receipt.delivered} messages, ${receipt.bytes} bytes in ${receipt.seconds} s`,
      )
    }, 900_000)

    it.skipIf(noCorpus !== undefined)(
      `real mail with deletion: every byte once${noCorpus ? `: ${noCorpus}` : ''}`,
      async () => {
        const hashes = await fill(corpus())
        const topic = `mail-${randomUUID()}`
        const { code, receipt, stderr } = await run(`kafka://${broker.brokers.join(',')}/${topic}`)
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
        expect(await readTopic(broker.brokers, topic, hashes.length)).toEqual(hashes)
        expect(await dovecot.files()).toEqual([])
        expectDrained(receipt, hashes.length, hashes.length)
      },
      900_000,
    )
  })
})
