/** A drain into a real broker, audited and restored: everything adds up, and what is then damaged is found and named. */
import { randomUUID } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AuditReport } from '../../src/audit/report.ts'
import { mailboxKey, messageKey } from '../../src/identity.ts'
import { silentLogger } from '../../src/logger.ts'
import type { RestoreReceipt } from '../../src/restore/receipt.ts'
import type { ProducerRecord } from '../../src/sinks/kafka/client.ts'
import { KafkajsClient } from '../../src/sinks/kafka/kafkajs-client.ts'
import { ledgerPartition } from '../../src/sinks/kafka/ledger-topic.ts'
import { kafkaSinkOptions } from '../../src/sinks/kafka/options.ts'
import { type Pop3Server, generateMailbox, startPop3Server } from '../../src/testing/index.ts'
import { encodeAvro } from '../../src/transforms/encode.ts'
import { unparsedRecord } from '../../src/message.ts'
import { type Broker, noBroker, startBroker } from '../fixtures/kafka-broker.ts'
import { type CliResult, newDirectory, runCli } from '../support/cli.ts'
import { notFull } from '../support/full.ts'
import { sha256, withAdmin } from '../support/topics.ts'

const MESSAGES = 60
const wanting = noBroker ?? notFull
const OF = 'ann@example.org'
const mailbox = generateMailbox({ messages: MESSAGES })
const contents = Array.from({ length: MESSAGES }, (_, n) => mailbox.message(n).read())
const uidls = Array.from({ length: MESSAGES }, (_, n) => mailbox.message(n).uidl)
const keyOf = (n: number): string => messageKey(OF, uidls[n]!, sha256(contents[n]!))

let broker: Broker
let server: Pop3Server
const topic = `mail-${randomUUID()}`
const manifest = join(newDirectory(), 'manifest')
const url = (): string => `kafka://${broker.brokers.join(',')}/${topic}`

const run = (name: string, ...args: string[]): Promise<CliResult> =>
  runCli([name, '--of', OF, '--json', '--log-level', 'error', ...args])

async function audit(...more: string[]): Promise<{ code: number | null; report: AuditReport }> {
  const { code, stdout, stderr } = await run('audit', '--at', url(), ...more)
  expect(stdout, stderr).not.toBe('')
  return { code, report: JSON.parse(stdout) as AuditReport }
}

/** What somebody else writes. */
async function produce(to: string, record: ProducerRecord, end: 'commit' | 'abort'): Promise<void> {
  const options = kafkaSinkOptions.parse({ brokers: broker.brokers, topic })
  const client = new KafkajsClient(options, silentLogger)
  const producer = await client.fence(`somebody-${randomUUID()}`)
  const transaction = await producer.begin()
  await transaction.send(to, [record])
  await transaction[end]()
  await client.close()
}

/** A record of message `n` with these bytes, and the hash and key of the true ones. */
function record(n: number, raw: Buffer): ProducerRecord {
  const [key, uidl, hash] = [keyOf(n), uidls[n]!, sha256(contents[n]!)]
  const value = unparsedRecord(
    {
      ...{
        mailbox: OF,
        uidl,
        listedOctets: raw.length,
        octets: raw.length,
        sha256: hash,
        key,
        raw,
      },
      ...{ headerSha256: hash, fetchedAt: 0 },
    },
    'made by a test',
  )
  const headers = {
    ...{ 'maildrain-mailbox': OF, 'maildrain-sha256': hash },
    ...{ 'maildrain-key': key, 'maildrain-uidl': uidl },
  }
  return {
    ...{ key, partition: 1, value: encodeAvro(value) },
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)]),
    ),
  }
}

describe.skipIf(wanting !== undefined)(`audit of Kafka${wanting ? `: ${wanting}` : ''}`, () => {
  beforeAll(async () => {
    broker = await startBroker()
    console.log(`Kafka: ${broker.how}`)
    server = await startPop3Server({ mailbox, capabilities: { expire: 'NEVER' } })
  })
  afterAll(async () => {
    await server.close()
    await broker.stop()
  })

  it('what was drained and deleted adds up, with a manifest', async () => {
    const drained = await runCli([
      ...['drain', '--from', server.url, '--to', url(), '--mailbox-id', OF, '--delete', '--quiet'],
    ])
    expect({ code: drained.code, stderr: drained.stderr }).toEqual({ code: 0, stderr: '' })
    expect(server.remaining()).toBe(0)
    // Never committed, so not there for anybody.
    await produce(topic, record(1, contents[1]!), 'abort')
    const { code, report } = await audit('--manifest', manifest)
    expect(report).toMatchObject({
      ...{ addsUp: true, initial: MESSAGES, delivered: MESSAGES, gone: MESSAGES },
      ...{ records: MESSAGES, bytes: contents.reduce((sum, { length }) => sum + length, 0) },
    })
    expect(code).toBe(0)
    const lines = readFileSync(manifest, 'utf8').split('\n').slice(0, MESSAGES)
    for (const line of lines)
      expect(JSON.parse(line)).toMatchObject({
        ...{
          state: 'gone',
          found: 'verified',
          position: expect.stringMatching(/^\d+:\d+$/) as string,
        },
      })
  }, 180_000)

  it.each(['maildir', 'eml'])('%s: every message comes back byte for byte', async (format) => {
    const directory = newDirectory()
    const { code, stdout } = await run('restore', '--from', url(), '--to', `${format}:${directory}`)
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ records: MESSAGES, written: MESSAGES, repeated: 0 },
      ...{ damaged: { count: 0, first: [] }, missing: { count: 0, first: [] } },
    } satisfies Partial<RestoreReceipt>)
    expect(code).toBe(0)
    const into = format === 'maildir' ? join(directory, 'new') : directory
    const found = readdirSync(into).map((name) => sha256(readFileSync(join(into, name))))
    expect(found.sort()).toEqual(contents.map(sha256).sort())
  })

  it('what the topic has removed is named, by the ledger and by a manifest', async () => {
    const partitions = await withAdmin(broker.brokers, async (admin) => {
      const offsets = await admin.fetchTopicOffsets(topic)
      const cut = offsets.find(({ high }) => Number(high) > 8)!
      await admin.deleteTopicRecords({
        topic,
        partitions: [{ partition: cut.partition, offset: '5' }],
      })
      return cut.partition
    })
    const { report } = await audit()
    expect(report.missing.count).toBeGreaterThan(0)
    expect(report.delivered).toBe(MESSAGES - report.missing.count)
    for (const { why } of report.missing.first)
      expect(why).toBe('no record has its key; the destination has removed it')
    const against = await run('audit', '--at', url(), '--against', manifest)
    expect(against.code).toBe(8)
    const { missing, held } = JSON.parse(against.stdout) as Pick<AuditReport, 'missing'> & {
      held: number
    }
    expect(held).toBe(MESSAGES - report.missing.count)
    expect(missing.first.map(({ key }) => key).sort()).toEqual(
      report.missing.first.map(({ key }) => key).sort(),
    )
    expect(missing.first[0]?.why).toContain(`the manifest says ${partitions}:`)
  })

  it('a record that is there twice, one with other bytes, and a lost ledger entry are named', async () => {
    const { report: before } = await audit()
    const lost = new Set(before.missing.first.map(({ key }) => key))
    const [two, three, four] = uidls.map((_, n) => n).filter((n) => !lost.has(keyOf(n))) as [
      number,
      number,
      number,
    ]
    await produce(topic, record(two, contents[two]!), 'commit')
    await produce(topic, record(three, Buffer.from('other bytes')), 'commit')
    await produce(
      `${topic}.ledger`,
      { key: `${mailboxKey(OF)}/${keyOf(four)}`, partition: ledgerPartition(OF, 32), value: null },
      'commit',
    )
    const { code, report } = await audit()
    const named = (kind: 'doubled' | 'altered' | 'unledgered' | 'missing') =>
      report[kind].first.map(({ uidl, key }) => [uidl, key])
    expect(named('doubled')).toEqual([[uidls[two], keyOf(two)]])
    expect(named('altered')).toEqual([[uidls[three], keyOf(three)]])
    expect(named('unledgered')).toEqual([[uidls[four], keyOf(four)]])
    expect(report.missing).toEqual(before.missing)
    expect(report).toMatchObject({ delivered: before.delivered, addsUp: false })
    expect(code).toBe(8)
  })
})
