import { describe, expect, it } from 'vitest'
import { BatchError } from '../../../src/errors.ts'
import { batchOf, inTopic, openSink, persist } from '../../support/kafka-sinks.ts'
import { rawMessage } from '../../support/messages.ts'
import { ModelBroker, protocolError } from '../../support/model-broker.ts'

describe('topics (G1)', () => {
  it('those that are made keep mail for ever, and the ledger compacts', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    const settings = (topic: string) =>
      Object.fromEntries(broker.topics.get(topic)?.description.settings ?? [])
    expect(settings('mail')).toMatchObject({
      'cleanup.policy': 'delete',
      'retention.ms': '-1',
      'retention.bytes': '-1',
      'max.message.bytes': '33554432',
      'unclean.leader.election.enable': 'false',
    })
    expect(settings('mail.ledger')).toMatchObject({ 'cleanup.policy': 'compact' })
    expect(broker.topics.get('mail.ledger')?.partitions).toHaveLength(32)
    expect(sink.durabilityNote).toBe('replicated (1 replica, a lost disk loses mail)')
  })

  it('a ledger topic that is not exactly compact is refused at every open', async () => {
    for (const policy of ['delete', 'compact,delete']) {
      const broker = new ModelBroker()
      await (await openSink(broker)).close()
      broker.configure('mail.ledger', { 'cleanup.policy': policy })
      await expect(openSink(broker)).rejects.toMatchObject({
        code: 'MAILDRAIN_LEDGER_NOT_COMPACTED',
        exitCode: 8,
      })
    }
  })

  it('a ledger topic with another number of partitions is refused', async () => {
    const broker = new ModelBroker()
    const settings = { 'cleanup.policy': 'compact' }
    await broker.createTopic({ topic: 'mail.ledger', partitions: 8, replicas: 1, settings })
    await expect(openSink(broker)).rejects.toMatchObject({ code: 'MAILDRAIN_LEDGER_FOREIGN' })
    expect(broker.topics.has('mail')).toBe(false)
  })

  it('a data topic with compact,delete is refused with deletion, before anything is made', async () => {
    const broker = new ModelBroker()
    const settings = { 'cleanup.policy': 'compact,delete' }
    await broker.createTopic({ topic: 'mail', partitions: 1, replicas: 1, settings })
    await expect(openSink(broker)).rejects.toMatchObject({
      code: 'MAILDRAIN_CONFIG_TOPIC_COMPACTED',
      exitCode: 2,
    })
    expect(broker.topics.has('mail.ledger')).toBe(false)
    await expect(openSink(broker, {}, { deletion: false })).resolves.toBeDefined()
  })

  it('finite retention is in the receipt, with the day on which the first mail disappears', async () => {
    const broker = new ModelBroker()
    const settings = { 'cleanup.policy': 'delete', 'retention.ms': '86400000' }
    await broker.createTopic({ topic: 'mail', partitions: 1, replicas: 3, settings })
    broker.configure('mail', { 'min.insync.replicas': '2' })
    const sink = await openSink(broker)
    expect(sink.durabilityNote).toMatch(/retention\.ms=86400000, .* disappears on \d{4}-\d\d-\d\d/)
  })

  it('a limit that was lowered meanwhile is asked for again, and the message is rejected by name', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    broker.configure('mail', { 'max.message.bytes': '2000' })
    broker.beforeSend = (topic, records) => {
      if (topic === 'mail' && records.some(({ value }) => (value?.length ?? 0) > 2000))
        throw protocolError(10, 'MESSAGE_TOO_LARGE')
    }
    const [small, large] = [rawMessage('s', 'x'), rawMessage('l', 'y'.repeat(3000))]
    await expect(persist(sink, batchOf(small, large))).rejects.toBeInstanceOf(BatchError)
    expect(inTopic(broker)).toEqual(['s'])
  })
})
