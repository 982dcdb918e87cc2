import { describe, expect, it } from 'vitest'
import { SinkError } from '../../../src/errors.ts'
import type { KafkaSink } from '../../../src/sinks/kafka/sink.ts'
import { batchOf, filled, inTopic, messages, openSink, persist } from '../../support/kafka-sinks.ts'
import { rawMessage } from '../../support/messages.ts'
import { ModelBroker, epochLost } from '../../support/model-broker.ts'
import { sinkContext } from '../../support/sinks.ts'

it('what was observed of a mail server is committed with a batch and read by the next owner', async () => {
  const broker = new ModelBroker()
  const sink = await openSink(broker)
  expect(sink.ledger.host).toBeNull()
  await sink.write({ messages: [], tombstones: [], host: '{"a":1}' })
  await sink.write({ ...batchOf(...messages(1)), host: '{"a":2}' })
  expect(sink.ledger.host).toBe('{"a":2}')
  expect((await openSink(broker)).ledger.host).toBe('{"a":2}')
})

describe('one drainer (G11)', () => {
  it('who was replaced commits nothing, says so, and does not fence the newcomer', async () => {
    const broker = new ModelBroker()
    const zombie = await openSink(broker)
    const newcomer = await openSink(broker)
    await expect(zombie.write(batchOf(...messages(1)))).rejects.toMatchObject({
      code: 'MAILDRAIN_SINK_FENCED',
      exitCode: 7,
    })
    expect(broker.fences).toHaveLength(2)
    await newcomer.write(batchOf(...messages(1)))
    expect(inTopic(broker)).toEqual(['uid-0'])
  })

  it('who is replaced while it asks for the commit says so at once, and does not wait for an outage to end', async () => {
    const broker = new ModelBroker()
    const zombie = await openSink(broker)
    broker.beforeCommit = async () => {
      broker.beforeCommit = () => undefined
      await openSink(broker)
    }
    await expect(zombie.write(batchOf(...messages(2)))).rejects.toMatchObject({
      code: 'MAILDRAIN_SINK_FENCED',
      retryable: false,
    })
    expect(broker.fences).toHaveLength(2)
    expect(inTopic(broker)).toEqual([])
  })

  it('who is asked whether it still owns reads nothing that it wrote itself', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    let read = 0
    const original = broker.read.bind(broker)
    broker.read = (options) =>
      original({
        ...options,
        onRecords: (records) => {
          if (options.topic === 'mail.ledger') read += records.length
          return options.onRecords(records)
        },
      })
    for (const message of messages(20)) await sink.write(batchOf(message))
    await sink.confirmOwner()
    expect(read).toBe(0)
    await openSink(broker)
    read = 0
    await expect(sink.confirmOwner()).rejects.toMatchObject({ code: 'MAILDRAIN_SINK_FENCED' })
    expect(read).toBe(1)
    expect(broker.fences).toHaveLength(2)
  })

  const away = () => new SinkError('MAILDRAIN_SINK_UNREACHABLE', 'away')

  it.each([
    [3, 'at once'],
    [3, 'by the next attempt'],
    [0, 'at once'],
    [0, 'by the next attempt'],
  ])('who is replaced while it opens a topic of %i messages says so, %s', async (count, when) => {
    const { broker } = await filled(count)
    const more = Array.from({ length: 8 }, (_, n) => rawMessage(`new-${n}`, `${n}`))
    let newcomer: KafkaSink | undefined
    const [offsets, read] = [broker.offsets.bind(broker), broker.read.bind(broker)]
    broker.offsets = async (topic) => {
      if (topic !== 'mail') return offsets(topic)
      broker.offsets = offsets
      newcomer = await openSink(broker)
      await newcomer.write(batchOf(...more))
      if (when === 'at once') return broker.offsets(topic)
      // Nor can it ask who owns the ledger now.
      broker.read = () => {
        broker.read = read
        return Promise.reject(away())
      }
      throw away()
    }
    await expect(openSink(broker, { openPatienceMs: 30_000 })).rejects.toMatchObject({
      code: 'MAILDRAIN_SINK_FENCED',
      exitCode: 7,
    })
    await newcomer?.write(batchOf(rawMessage('last', 'last')))
    // Nobody was pushed aside by who gave up.
    expect(broker.fences).toHaveLength(3)
  })

  it('who was only slow owns again and goes on', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    broker.beforeSend = () => {
      broker.beforeSend = () => undefined
      throw epochLost()
    }
    await persist(sink, batchOf(...messages(2)))
    expect(inTopic(broker)).toEqual(['uid-0', 'uid-1'])
  })

  it('a second drainer with the same state directory is told so at once', async () => {
    const broker = new ModelBroker()
    const { stateDir } = sinkContext()
    await openSink(broker, {}, { stateDir })
    await expect(openSink(broker, {}, { stateDir })).rejects.toMatchObject({
      code: 'MAILDRAIN_DRAINER_BUSY',
      exitCode: 7,
    })
  })

  it('two mailboxes drain into one topic', async () => {
    const broker = new ModelBroker()
    const { stateDir } = sinkContext()
    const one = await openSink(broker, {}, { stateDir })
    const two = await openSink(broker, {}, { stateDir, mailbox: 'other@mail.example' })
    await one.write(batchOf(rawMessage('1', 'x')))
    await two.write(batchOf(rawMessage('2', 'x', 'other@mail.example')))
    expect(inTopic(broker)).toEqual(['1', '2'])
    expect([one.ledger.size, two.ledger.size]).toEqual([1, 1])
  })
})

describe('what the ledger is believed (G5)', () => {
  it('it is read back by the next run', async () => {
    const broker = new ModelBroker()
    const first = await openSink(broker)
    const all = messages(30)
    await first.write(batchOf(...all))
    await first.close()
    const { ledger } = await openSink(broker)
    expect(ledger.size).toBe(30)
    for (const { key } of all) {
      const entry = ledger.get(key)
      expect(entry && ledger.holds(entry)).toBe(true)
    }
  })

  it('a data topic that was made anew is refused', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    await sink.write(batchOf(...messages(3)))
    await sink.close()
    broker.topics.delete('mail')
    await expect(openSink(broker)).rejects.toMatchObject({
      code: 'MAILDRAIN_LEDGER_LOST',
      exitCode: 8,
    })
  })

  it('a data topic with another record in the place is refused', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    await sink.write(batchOf(rawMessage('1', 'x')))
    await sink.close()
    const { mailbox } = sinkContext({ mailbox: 'other@mail.example' })
    const partitions = broker.topics.get('mail')?.partitions ?? []
    for (const slots of partitions)
      for (const [index, slot] of slots.entries())
        if (slot.record) slots[index] = { ...slot, record: { ...slot.record, headers: {} } }
    await expect(openSink(broker)).rejects.toMatchObject({ code: 'MAILDRAIN_LEDGER_LOST' })
    // Another mailbox has no entries that could be wrong.
    await expect(openSink(broker, {}, { mailbox })).resolves.toBeDefined()
  })

  it('what retention has removed is not held any more, and that is said once', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    const [message] = messages(1)
    await sink.write(batchOf(message!))
    await sink.close()
    const partition = broker.partitionOf(message!.key, 4)
    broker.expire('mail', partition, 2n)
    const warnings: string[] = []
    const log = { ...sinkContext().log, warn: (_: object, text: string) => warnings.push(text) }
    const { ledger } = await openSink(broker, {}, { log })
    const entry = ledger.get(message!.key)
    expect(entry && ledger.holds(entry)).toBe(false)
    expect(warnings.filter((text) => text.includes('delivered again'))).toHaveLength(1)
  })

  it('a ledger of another cluster is refused', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    await sink.close()
    broker.clusterId = 'another'
    await expect(openSink(broker)).rejects.toMatchObject({ code: 'MAILDRAIN_LEDGER_FOREIGN' })
  })

  it('a ledger record that is none is damage, named with its offset', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    const [message] = messages(1)
    await sink.write(batchOf(message!))
    await sink.close()
    for (const slots of broker.topics.get('mail.ledger')?.partitions ?? [])
      for (const [index, slot] of slots.entries())
        if (slot.record?.key.endsWith(message!.key))
          slots[index] = { ...slot, record: { ...slot.record, value: Buffer.from('{"key":1}') } }
    await expect(openSink(broker)).rejects.toMatchObject({
      code: 'MAILDRAIN_LEDGER_DAMAGED',
      exitCode: 8,
    })
  })
})
