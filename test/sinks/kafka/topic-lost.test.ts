import { describe, expect, it } from 'vitest'
import { drainInto, serve } from '../../support/drains.ts'
import { batchOf, filled, inTopic, messages, openSink, refused } from '../../support/kafka-sinks.ts'
import { rawMessage } from '../../support/messages.ts'
import { ModelBroker } from '../../support/model-broker.ts'
import { KafkaSink } from '../../../src/sinks/kafka/sink.ts'

/** The brokers come back without what was in their page caches, or the topic was made anew. */
function lose(broker: ModelBroker, from = 0): void {
  for (const slots of broker.topics.get('mail')!.partitions) slots.splice(from)
}

/** Records of somebody else, one in each partition and round. */
async function overtake(broker: ModelBroker, rounds: number): Promise<void> {
  const theirs = await broker.fence('theirs')
  for (let round = 0; round < rounds; round += 1) {
    const transaction = await theirs.begin()
    const value = Buffer.from('x')
    await transaction.send(
      'mail',
      [0, 1, 2, 3].map((partition) => ({ key: `${round}`, partition, value })),
    )
    await transaction.commit()
  }
}

describe('G5: a data topic that is not any more what it was when the run began', () => {
  it.each([60, 90, 200])('after %i of 200 messages: nothing is deleted', async (after) => {
    const broker = new ModelBroker()
    const server = await serve(200)
    let lost = 0
    broker.afterCommit = () => {
      if (lost > 0 || !broker.topics.has('mail') || inTopic(broker).length < after) return
      lost = inTopic(broker).length
      lose(broker)
    }
    const sink = new KafkaSink({ brokers: ['model:9092'], topic: 'mail', openPatienceMs: 0 }, () =>
      Promise.resolve(broker),
    )
    const draining = drainInto(server, sink, { batchMaxMessages: 10, lingerMs: 1 })
    await expect(draining).rejects.toMatchObject(refused('LOST'))
    expect(lost).toBeGreaterThanOrEqual(after)
    expect(server.deletions).toEqual([])
    const mailbox = `user@${server.host}:${server.port}`
    await expect(openSink(broker, {}, { mailbox })).rejects.toMatchObject(refused('LOST'))
  })

  it('a record that is put below what was written is not committed', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    await sink.write(batchOf(...messages(20)))
    const known = broker.committed('mail.ledger').length
    lose(broker, 1)
    await expect(sink.write(batchOf(...messages(30)))).rejects.toMatchObject(refused('LOST'))
    const more = broker.committed('mail.ledger').slice(known)
    // Who owns it was said again, when the outcome was asked for.
    expect(more.map(({ key }) => key.slice(17))).toEqual(['@owner'])
    await expect(openSink(broker)).rejects.toMatchObject(refused('LOST'))
  })

  it('is noticed before deletion where others have overtaken what is lost', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    await sink.write(batchOf(...messages(20)))
    lose(broker, 2)
    await overtake(broker, 20)
    await expect(sink.confirmOwner()).rejects.toMatchObject(refused('LOST'))
  })

  it('is noticed when the mailbox had to be taken over once more', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    await sink.write(batchOf(...messages(20)))
    broker.beforeSend = () => {
      broker.beforeSend = () => undefined
      lose(broker, 2)
      throw new Error('the broker went away')
    }
    await expect(sink.write(batchOf(rawMessage('new', 'new')))).rejects.toMatchObject(
      refused('LOST'),
    )
  })

  it('is not confounded with a transaction that hides its end: that is not waited for', async () => {
    const { broker } = await filled(8)
    const sink = await openSink(broker)
    const theirs = await (await broker.fence('theirs')).begin()
    const value = Buffer.from('x')
    const records = [0, 1, 2, 3].map((partition) => ({ key: 'x', partition, value }))
    await theirs.send('mail', records)
    await sink.write(batchOf(...messages(16)))
    await expect(sink.confirmOwner()).resolves.toBeUndefined()
  })

  it('but what was accepted as missing is not missed again', async () => {
    const { broker, all } = await filled(8)
    lose(broker, 1)
    const sink = await openSink(broker, {}, { acceptMissing: true })
    await expect(sink.confirmOwner()).resolves.toBeUndefined()
    await sink.write(batchOf(...all))
    await expect(sink.confirmOwner()).resolves.toBeUndefined()
  })

  it('nor what a new leader does not show yet, as its followers have still to catch up', async () => {
    const { broker } = await filled(8)
    const sink = await openSink(broker)
    const read = broker.read.bind(broker)
    let hidden = 4
    broker.read = (options) => {
      hidden -= 1
      return hidden >= 0 ? Promise.resolve(options.from) : read(options)
    }
    await expect(sink.confirmOwner()).resolves.toBeUndefined()
    expect(hidden).toBeLessThan(0)
  })

  it('nor what retention has removed', async () => {
    const { broker } = await filled(8)
    const sink = await openSink(broker)
    for (const partition of [0, 1, 2, 3]) {
      const end = broker.topics.get('mail')!.partitions[partition]!.length
      broker.expire('mail', partition, BigInt(end))
    }
    await expect(sink.confirmOwner()).resolves.toBeUndefined()
  })
})
