import { describe, expect, it } from 'vitest'
import { KafkaSink } from '../../../src/sinks/kafka/sink.ts'
import type { LedgerView } from '../../../src/sinks/sink.ts'
import { batchOf, messages, openSink, persist } from '../../support/kafka-sinks.ts'
import { ModelBroker } from '../../support/model-broker.ts'
import { sinkContext } from '../../support/sinks.ts'

const peek = (broker: ModelBroker, mailbox?: string): Promise<LedgerView | null> =>
  new KafkaSink({ brokers: ['model:9092'], topic: 'mail', openPatienceMs: 0 }, () =>
    Promise.resolve(broker),
  ).peek(sinkContext(mailbox === undefined ? {} : { mailbox }))

describe('a look at a Kafka destination', () => {
  it('G11: finds what the ledger topic holds, and fences nobody', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    await persist(sink, { ...batchOf(...messages(3)), host: '{"at":1}' })
    const [fences, sends] = [broker.fences.length, broker.sends.length]
    const view = await peek(broker)
    expect(view?.ledger.byUidl('uid-1').map((entry) => view.ledger.holds(entry))).toEqual([true])
    expect(view?.ledger.byUidl('uid-7')).toEqual([])
    expect(view?.ledger.host).toBe('{"at":1}')
    view?.close()
    expect([broker.fences.length, broker.sends.length]).toEqual([fences, sends])
    // Whoever was fenced could not write any more.
    await persist(sink, batchOf(...messages(5)), 1)
    const other = await peek(broker, 'bob@example.org')
    expect(other?.ledger.size).toBe(0)
    other?.close()
  })

  it('no topics: no ledger, and none is made', async () => {
    const broker = new ModelBroker()
    expect(await peek(broker)).toBeNull()
    expect(broker.topics.size).toBe(0)
  })

  it('records that the topic has lost are not known', async () => {
    const broker = new ModelBroker()
    await persist(await openSink(broker), batchOf(...messages(3)))
    broker.topics.delete('mail')
    const view = await peek(broker)
    expect(view?.ledger.byUidl('uid-1').map((entry) => view.ledger.holds(entry))).toEqual([false])
    view?.close()
  })
})
