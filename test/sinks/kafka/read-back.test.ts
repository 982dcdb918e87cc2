import { describe, expect, it } from 'vitest'
import { encodeJson } from '../../../src/transforms/encode.ts'
import { unparsedRecord } from '../../../src/message.ts'
import type { KafkaSinkOptions } from '../../../src/sinks/kafka/options.ts'
import { KafkaSink } from '../../../src/sinks/kafka/sink.ts'
import type { StoredRecord } from '../../../src/sinks/sink.ts'
import { batchOf, messages, openSink, persist } from '../../support/kafka-sinks.ts'
import { MAILBOX, rawMessage } from '../../support/messages.ts'
import { ModelBroker } from '../../support/model-broker.ts'
import { sinkContext } from '../../support/sinks.ts'

async function readBack(
  broker: ModelBroker,
  mailbox = MAILBOX,
  options: Partial<KafkaSinkOptions> = {},
): Promise<StoredRecord[]> {
  const sink = new KafkaSink(
    { brokers: ['model:9092'], topic: 'mail', openPatienceMs: 0, ...options },
    () => Promise.resolve(broker),
  )
  const found: StoredRecord[] = []
  for await (const record of sink.readBack(sinkContext({ mailbox }))) found.push(record)
  return found
}

const byKey = (a: { readonly key: string }, b: { readonly key: string }) => (a.key < b.key ? -1 : 1)

/** What somebody else writes into the topic. */
async function produce(
  broker: ModelBroker,
  record: { key: string; value: Buffer | null; headers?: Record<string, Buffer> },
): Promise<void> {
  const producer = await broker.fence('somebody')
  const transaction = await producer.begin()
  await transaction.send('mail', [{ partition: 0, ...record }])
  await transaction.commit()
}

const headers = (sha256: string, mailbox = MAILBOX) => ({
  'maildrain-mailbox': Buffer.from(mailbox),
  'maildrain-sha256': Buffer.from(sha256),
})

describe('a Kafka destination read back', () => {
  it('gives the records of one mailbox in either format, byte for byte, and fences nobody', async () => {
    const broker = new ModelBroker()
    const binary = rawMessage('h\xf6her\xff', 'nul \0 and latin1 \xe9\xff')
    const mine = [...messages(5), binary, rawMessage(null, 'no unique-id')]
    const avro = await openSink(broker)
    await persist(avro, batchOf(...mine.slice(0, 3)))
    await avro.close()
    const json = await openSink(broker, { format: 'json' })
    await persist(json, batchOf(...mine.slice(3)))
    const other = await openSink(broker, {}, { mailbox: 'bob@mail.example' })
    await persist(other, batchOf(rawMessage('uid-1', 'his', 'bob@mail.example')))
    const [fences, sends] = [broker.fences.length, broker.sends.length]
    const found = await readBack(broker)
    const wanted = mine.map(({ key, uidl, sha256, raw }) => ({ key, uidl, sha256, raw }))
    expect(
      found.map(({ key, uidl, sha256, raw }) => ({ key, uidl, sha256, raw })).sort(byKey),
    ).toEqual(wanted.sort(byKey))
    expect(found.every(({ damage }) => damage === null)).toBe(true)
    // As the ledger says it.
    for (const { key, position } of found)
      expect([key, json.ledger.get(key)?.place]).toEqual([key, position])
    expect(await readBack(broker, 'bob@mail.example')).toHaveLength(1)
    expect([broker.fences.length, broker.sends.length]).toEqual([fences, sends])
    await persist(json, batchOf(rawMessage('uid-9', 'still the owner')), 1)
  })

  it('gives a record twice that is there twice, and one that cannot be decoded with what is wrong', async () => {
    const broker = new ModelBroker()
    const message = rawMessage('uid-1', 'one')
    await persist(await openSink(broker), batchOf(message))
    const value = encodeJson(unparsedRecord(message, 'not parsed'))
    await produce(broker, { key: message.key, value, headers: headers(message.sha256) })
    await produce(broker, { key: message.key, value, headers: headers('0'.repeat(64)) })
    await produce(broker, { key: 'x', value: Buffer.of(0xc3, 1), headers: headers('00') })
    await produce(broker, { key: 'y', value: null, headers: headers('00') })
    await produce(broker, { key: 'z', value: Buffer.from('not of maildrain') })
    const found = await readBack(broker)
    expect(found.filter(({ key, damage }) => key === message.key && damage === null)).toHaveLength(
      2,
    )
    const damaged = found.filter(({ damage }) => damage !== null)
    expect(damaged.map(({ key, damage }) => `${key}: ${damage}`.slice(0, 80)).sort()).toEqual(
      [
        `${message.key}: its header maildrain-sha256`,
        'x: these bytes are not Avro single-object encoding (C3 01): read them with what wr',
        'y: it is a tombstone',
      ].map((text) => expect.stringContaining(text.slice(0, 70)) as string),
    )
  })

  it('does not take a partition for read that gives less than it has', async () => {
    const broker = new ModelBroker()
    await persist(await openSink(broker), batchOf(...messages(3)))
    const read = broker.read.bind(broker)
    broker.read = (options) =>
      options.topic === 'mail' ? Promise.resolve(options.from) : read(options)
    await expect(readBack(broker)).rejects.toMatchObject({ code: 'MAILDRAIN_SINK_UNREACHABLE' })
  })

  it('no topic: nothing, and none is made', async () => {
    const broker = new ModelBroker()
    expect(await readBack(broker)).toEqual([])
    expect(broker.topics.size).toBe(0)
  })
})
