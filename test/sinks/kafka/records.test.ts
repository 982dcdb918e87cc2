import { describe, expect, it } from 'vitest'
import { BatchError } from '../../../src/errors.ts'
import { type MailRecord, unparsedRecord } from '../../../src/message.ts'
import { decodeAvro, decodeJson } from '../../../src/transforms/encode.ts'
import { batchOf, inTopic, messages, openSink } from '../../support/kafka-sinks.ts'
import { entryFor, rawMessage } from '../../support/messages.ts'
import { ModelBroker } from '../../support/model-broker.ts'
import { batchMessage } from '../../support/sinks.ts'

describe('what is written', () => {
  it.each(['avro', 'json'] as const)(
    'a record with key K, its headers, and %s as value',
    async (format) => {
      const broker = new ModelBroker()
      const sink = await openSink(broker, { format })
      const message = rawMessage('uid-0', 'body')
      await sink.write(batchOf(message))
      const [record] = broker.committed('mail')
      expect(record?.key).toBe(message.key)
      expect(Object.fromEntries(record?.headers ?? [])).toEqual({
        'maildrain-key': message.key,
        'maildrain-mailbox': message.mailbox,
        'maildrain-uidl': 'uid-0',
        'maildrain-sha256': message.sha256,
      })
      const value = record?.value ?? Buffer.alloc(0)
      const { raw } = format === 'avro' ? decodeAvro(value) : decodeJson(value)
      expect(raw).toEqual(message.raw)
    },
  )

  it('G5: records first, ledger entries second, in one transaction; entries say the place', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    const before = broker.sends.length
    const [a, b] = messages(2)
    await sink.write(batchOf(a!, b!))
    expect(broker.sends.slice(before).map(({ topic }) => topic)).toEqual(['mail', 'mail.ledger'])
    for (const { key } of [a!, b!]) {
      const place = sink.ledger.get(key)?.place ?? ''
      const [partition, offset] = place.split(':').map(Number)
      const slot = broker.topics.get('mail')?.partitions[partition!]?.[offset!]
      expect(slot?.record?.key).toBe(key)
    }
  })

  it('G4: all records of a message and its entry are in one transaction, places are right in one partition', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    const [message] = messages(1)
    const value = unparsedRecord(message!, '')
    const keys = [message!.key, `${message!.key}.1`, `${message!.key}.2`]
    const records = keys.map((key) => ({ key, value }))
    await sink.write({ messages: [{ entry: entryFor(message!), records }], tombstones: [] })
    expect(broker.committed('mail').map(({ key }) => key)).toEqual(keys)
    expect(broker.fences).toHaveLength(1)
  })

  it('tombstones and kept entries go without data', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    const [a, b] = messages(2)
    await sink.write(batchOf(a!))
    const kept = { entry: entryFor(b!, { state: 'kept', reason: 'filtered' }), records: [] }
    await sink.write({ messages: [kept], tombstones: [a!.key] })
    expect(sink.ledger.get(a!.key)).toBeUndefined()
    const again = await openSink(broker)
    expect(again.ledger.get(a!.key)).toBeUndefined()
    expect(again.ledger.get(b!.key)).toMatchObject({
      state: 'kept',
      reason: 'filtered',
      place: null,
    })
    expect(inTopic(broker)).toEqual(['uid-0'])
  })

  it('a record too large with text goes without it, one too large without is rejected by name', async () => {
    const broker = new ModelBroker()
    await broker.createTopic({ topic: 'mail', partitions: 1, replicas: 1, settings: {} })
    broker.configure('mail', { 'max.message.bytes': '4000' })
    const sink = await openSink(broker)
    expect(sink.maxRecordBytes).toBeLessThan(4000)
    const [a, b] = [rawMessage('a', 'x'.repeat(2000)), rawMessage('b', 'y'.repeat(5000))]
    const whole: MailRecord = {
      ...unparsedRecord(a, ''),
      ...{ text: 'x'.repeat(2000), parseStatus: 'ok', parseReasons: [] },
    }
    const large = { entry: entryFor(a), records: [{ key: a.key, value: whole }] }
    const failure = await sink
      .write({ messages: [batchMessage(b), large], tombstones: [] })
      .catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(BatchError)
    expect([...(failure as BatchError).failures].map(([index, { code }]) => [index, code])).toEqual(
      [[0, 'MAILDRAIN_SINK_RECORD_TOO_LARGE']],
    )
    const [record] = broker.committed('mail')
    expect(decodeAvro(record?.value ?? Buffer.alloc(0))).toMatchObject({
      ...{ text: null, parseStatus: 'partial', parseReasons: ['too large'], raw: a.raw },
    })
  })
})
