import { describe, expect, it } from 'vitest'
import { batchOf, filled, held, openSink, refused } from '../../support/kafka-sinks.ts'
import { rawMessage } from '../../support/messages.ts'
import { ModelBroker } from '../../support/model-broker.ts'
import { sinkContext } from '../../support/sinks.ts'

const REBUILD = { rebuildLedger: true }
const ACCEPT = { acceptMissing: true }

/** At its nth commit the process is killed, and nothing of it is heard any more. */
function killAt(broker: ModelBroker, commit: number): () => void {
  let commits = 0
  broker.beforeCommit = () => {
    commits += 1
    if (commits === commit) throw Object.assign(new Error('killed'), { retriable: false })
  }
  broker.beforeFence = () => {
    if (commits >= commit) throw new Error('killed')
  }
  return () => {
    broker.beforeCommit = broker.beforeFence = () => undefined
  }
}

const slot = (record: unknown) =>
  ({ record, committed: true, transaction: null }) as ReturnType<typeof slotsOf>[number]

const slotsOf = (broker: ModelBroker, partition = 0) =>
  broker.topics.get('mail')!.partitions[partition]!

/** The topic was made anew from a copy: mail of others came before it, and some of ours is not in it. */
function makeAnew(broker: ModelBroker, isMissing: (index: number) => boolean): Set<string> {
  const slots = slotsOf(broker)
  const ours = slots.filter(({ record }) => record !== null)
  const missing = ours.filter((_, index) => isMissing(index)).map(({ record }) => record!.key)
  const headers = { 'maildrain-mailbox': Buffer.from('other@mail.example') }
  const value = Buffer.from('x')
  const others = Array.from({ length: ours.length + 100 }, (_, n) =>
    slot({ key: `other-${n}`, partition: 0, value, headers }),
  )
  const found = ours.filter((_, index) => !isMissing(index))
  slots.splice(0, Infinity, ...others, ...found, slot(null))
  return new Set(missing)
}

describe('a recovery that breaks off', () => {
  // The first commit says who owns; the second, that a recovery is under way; two or three chunks; and that it is over.
  it.each([2, 3, 4, 5])(
    'accepting, at commit %i: is asked for again, and then nothing is held that is not there',
    async (commit) => {
      const broker = new ModelBroker()
      broker.partitionOf = () => 0
      const { all } = await filled(1200, broker)
      const missing = makeAnew(broker, (index) => index % 12 === 0)
      await expect(openSink(broker)).rejects.toMatchObject(refused('LOST'))
      const revive = killAt(broker, commit)
      await expect(openSink(broker, {}, ACCEPT)).rejects.toThrow(/killed/)
      revive()
      await expect(openSink(broker)).rejects.toMatchObject(refused('LOST'))
      const sink = await openSink(broker, {}, ACCEPT)
      const there = all.filter(({ key }) => !missing.has(key))
      expect(held(sink, there)).toBe(1100)
      expect(held(sink, all)).toBe(1100)
      await sink.close()
      expect(held(await openSink(broker), all)).toBe(1100)
    },
  )

  it.each([3, 4, 5, 6])(
    'rebuilding, at commit %i: is asked for again, and goes on',
    async (commit) => {
      const { broker, all } = await filled(1300)
      broker.topics.delete('mail.ledger')
      // Before these it is said what the ledger belongs to.
      const revive = killAt(broker, commit)
      await expect(openSink(broker, {}, REBUILD)).rejects.toThrow(/killed/)
      revive()
      await expect(openSink(broker)).rejects.toMatchObject(refused('LOST'))
      if (commit > 3) await expect(openSink(broker)).rejects.toThrow(/that broke off/)
      const sink = await openSink(broker, {}, REBUILD)
      expect(held(sink, all)).toBe(1300)
      expect(sink.ledger.tally?.seen).toBe(1300)
      await sink.close()
      expect((await openSink(broker)).ledger.size).toBe(1300)
    },
  )
})

describe('mail that is looked for', () => {
  /** One byte of a record's value is another; its headers are what they were. */
  function damage(broker: ModelBroker, key: string): void {
    for (const slots of broker.topics.get('mail')!.partitions)
      for (const [at, { record, ...rest }] of slots.entries())
        if (record?.key === key) {
          const value = Buffer.from(record.value ?? '')
          value[value.indexOf('body')] = 0x42
          slots[at] = { ...rest, record: { ...record, value } }
        }
  }

  it.each([
    ['accepting', ACCEPT],
    ['rebuilding and accepting', { ...REBUILD, ...ACCEPT }],
  ])('in a topic made anew, %s: is believed by its bytes, not its headers', async (_, flags) => {
    const { broker, all } = await filled(6)
    damage(broker, all[1]!.key)
    for (const slots of broker.topics.get('mail')!.partitions) slots.unshift(slot(null))
    await expect(openSink(broker, {}, REBUILD)).rejects.toMatchObject(refused('LOST'))
    const sink = await openSink(broker, {}, flags)
    expect(held(sink, all)).toBe(5)
    expect(sink.ledger.get(all[1]!.key)).toMatchObject({ state: 'delivered', place: null })
    await sink.write(batchOf(all[1]!))
    await sink.close()
    expect(held(await openSink(broker), all)).toBe(6)
  })

  it('in a topic that is what it was: an entry does not hold what rebuilding finds damaged', async () => {
    const { broker, all } = await filled(6)
    damage(broker, all[1]!.key)
    const sink = await openSink(broker, {}, REBUILD)
    expect(held(sink, all)).toBe(5)
    await sink.write(batchOf(all[1]!))
    await sink.close()
    expect(held(await openSink(broker), all)).toBe(6)
  })

  it('what is missing is named: apart, what no listing will miss again', async () => {
    const { broker, all } = await filled(12)
    const before = await openSink(broker)
    const gone = all.slice(0, 4).map(({ key }) => ({
      entry: {
        ...before.ledger.get(key)!,
        ...{ state: 'gone' as const, was: 'delivered' as const, goneAt: 1 },
      },
      records: [],
    }))
    await before.write({ messages: gone, tombstones: [] })
    await before.close()
    broker.topics.delete('mail')
    const said: unknown[] = []
    const warn = ({ named }: { named?: { key: string }[] }, text: string) => {
      if (named !== undefined) said.push([named.map(({ key }) => key).sort(), text])
    }
    await openSink(broker, {}, { ...ACCEPT, log: { ...sinkContext().log, warn } })
    const keys = (of: typeof all) => of.map(({ key }) => key).sort()
    const there = 'what is still on the server is delivered again'
    expect(said).toEqual([
      [
        keys(all.slice(4)),
        `8 messages that the ledger calls delivered are not in topic mail: ${there}`,
      ],
      [
        keys(all.slice(0, 4)),
        '4 messages that were delivered are neither in topic mail nor on the server any more',
      ],
    ])
  })
})

describe('mail that the ledger does not know', () => {
  it('is found behind what a recovery explained, though a transaction of others begins right behind it', async () => {
    const broker = new ModelBroker()
    broker.partitionOf = () => 0
    await filled(3, broker)
    broker.topics.delete('mail.ledger')
    await (await openSink(broker, {}, REBUILD)).close()
    const older = broker.topics.get('mail.ledger')!.partitions.map((slots) => [...slots])
    const sink = await openSink(broker)
    await sink.write(batchOf(rawMessage('later', 'later')))
    await sink.close()
    for (const [n, slots] of broker.topics.get('mail.ledger')!.partitions.entries())
      slots.splice(0, Infinity, ...older[n]!)
    const theirs = await (await broker.fence('maildrain.mail.other')).begin()
    await theirs.send('mail', [{ key: 'x', partition: 0, value: Buffer.from('x') }])
    // It came between our record and the end of our transaction.
    const slots = slotsOf(broker)
    slots.push(...slots.splice(-2, 1))
    await expect(openSink(broker)).rejects.toMatchObject(refused('OLDER'))
    await theirs.abort()
    await expect(openSink(broker)).rejects.toMatchObject(refused('OLDER'))
  })
})
