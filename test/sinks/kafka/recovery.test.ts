import { describe, expect, it } from 'vitest'
import { mailboxKey } from '../../../src/identity.ts'
import { LedgerRecords } from '../../../src/sinks/kafka/ledger-topic.ts'
import type { ProducerRecord } from '../../../src/sinks/kafka/client.ts'
import { Random } from '../../../src/testing/random.ts'
import { batchOf, filled, held, inTopic, openSink, refused } from '../../support/kafka-sinks.ts'
import { answersOf } from '../../support/ledger-files.ts'
import { MAILBOX, entryFor, rawMessage } from '../../support/messages.ts'
import { ModelBroker } from '../../support/model-broker.ts'

const OTHER = 'other@mail.example'
const REBUILD = { rebuildLedger: true }
const ACCEPT = { acceptMissing: true }

/** Everything of a topic, to be put back later. */
const copyOf = (broker: ModelBroker, topic: string) => {
  const { partitions } = broker.topics.get(topic)!
  return partitions.map((slots) => [...slots])
}

function restore(broker: ModelBroker, topic: string, copy: ReturnType<typeof copyOf>): void {
  for (const [partition, slots] of broker.topics.get(topic)!.partitions.entries())
    slots.splice(0, Infinity, ...(copy[partition] ?? []))
}

/** Changes the records of a mailbox's ledger. */
function alter(
  broker: ModelBroker,
  change: (record: ProducerRecord) => ProducerRecord | undefined,
): void {
  for (const slots of broker.topics.get('mail.ledger')!.partitions)
    for (const [at, slot] of slots.entries()) {
      const record = slot.record && change(slot.record)
      if (record) slots[at] = { ...slot, record }
    }
}

const withoutChecksum = ({ value }: ProducerRecord): Record<string, unknown> => {
  const fields = JSON.parse(String(value)) as Record<string, unknown>
  delete fields.checksum
  return fields
}

describe('fault 73: a ledger topic that was deleted, while the data topic holds mail', () => {
  it('is refused, naming the ways on', async () => {
    const { broker } = await filled()
    broker.topics.delete('mail.ledger')
    await expect(openSink(broker)).rejects.toMatchObject(refused('LOST'))
    await expect(openSink(broker)).rejects.toThrow(/--rebuild-ledger.*--accept-missing/)
  })

  it('is made anew from the mail, and then nothing is written twice', async () => {
    const { broker, all } = await filled()
    broker.topics.delete('mail.ledger')
    const sink = await openSink(broker, {}, REBUILD)
    expect(held(sink, all)).toBe(12)
    const { key, octets, sha256, headerSha256 } = all[3]!
    expect(sink.ledger.get(key)).toMatchObject({
      ...{ state: 'delivered', octets, listedOctets: octets, sha256, headerSha256, copies: 0 },
    })
    expect(sink.ledger.tally?.seen).toBe(12)
    await sink.write(batchOf(...all, rawMessage('new', 'new')))
    await sink.close()
    const again = await openSink(broker)
    expect(held(again, all)).toBe(12)
    expect(again.ledger.tally?.seen).toBe(13)
    expect(inTopic(broker)).toHaveLength(13)
  })

  it('accepted, it begins anew: what is on the server is delivered again', async () => {
    const { broker, all } = await filled()
    broker.topics.delete('mail.ledger')
    const sink = await openSink(broker, {}, ACCEPT)
    expect(sink.ledger.size).toBe(0)
    await sink.write(batchOf(all[0]!))
    await sink.close()
    expect((await openSink(broker)).ledger.size).toBe(1)
    expect(inTopic(broker)).toHaveLength(13)
  })

  it('believes only what the bytes bear out', async () => {
    const { broker, all } = await filled(3)
    broker.topics.delete('mail.ledger')
    for (const slots of broker.topics.get('mail')!.partitions)
      for (const [at, { record, ...slot }] of slots.entries())
        if (record?.key === all[1]!.key) {
          const value = Buffer.from(record.value ?? '')
          value[value.indexOf('body')] = 0x42
          slots[at] = { ...slot, record: { ...record, value } }
        }
    const sink = await openSink(broker, {}, REBUILD)
    expect(held(sink, all)).toBe(2)
    expect(sink.ledger.get(all[1]!.key)).toBeUndefined()
  })
})

describe('fault 72: a ledger topic of before the last mail', () => {
  it('is refused, and added to', async () => {
    const { broker, all } = await filled(6)
    const older = copyOf(broker, 'mail.ledger')
    const later = [rawMessage('later-1', '1'), rawMessage('later-2', '2')]
    const sink = await openSink(broker)
    const kept = entryFor(rawMessage('kept', 'k'), { state: 'kept', reason: 'filtered' })
    await sink.write({ ...batchOf(...later), vanished: 1 })
    await sink.write({ messages: [{ entry: kept, records: [] }], tombstones: [] })
    await sink.close()
    restore(broker, 'mail.ledger', older)
    await expect(openSink(broker)).rejects.toMatchObject(refused('OLDER'))
    const rebuilt = await openSink(broker, {}, REBUILD)
    expect(held(rebuilt, [...all, ...later])).toBe(8)
    expect(rebuilt.ledger.tally).toMatchObject({ seen: 8, vanished: 0 })
    await rebuilt.close()
    expect((await openSink(broker)).ledger.size).toBe(8)
  })

  it('whose partition was emptied in part is refused by its count', async () => {
    const { broker, all } = await filled(6)
    for (const slots of broker.topics.get('mail.ledger')!.partitions)
      for (const [at, slot] of slots.entries())
        if (slot.record?.key.endsWith(all[2]!.key)) slots[at] = { ...slot, record: null }
    await expect(openSink(broker)).rejects.toMatchObject(refused('LOST'))
    expect(held(await openSink(broker, {}, REBUILD), all)).toBe(6)
    await expect(openSink(broker)).resolves.toBeDefined()
  })
})

describe('what was forgotten in order', () => {
  it('is neither lost nor rebuilt', async () => {
    const { broker, all } = await filled(4)
    let sink = await openSink(broker)
    const gone = all.map(({ key }) => ({ ...sink.ledger.get(key)!, state: 'gone' as const }))
    await sink.write({
      messages: gone.map((entry) => ({
        entry: { ...entry, was: 'delivered', goneAt: 1 },
        records: [],
      })),
      tombstones: [],
    })
    await sink.write({ messages: [], tombstones: all.map(({ key }) => key) })
    await sink.close()
    sink = await openSink(broker)
    expect(sink.ledger.size).toBe(0)
    await sink.close()
    sink = await openSink(broker, {}, REBUILD)
    expect(sink.ledger.size).toBe(0)
    expect(sink.ledger.tally).toMatchObject({ seen: 4, pruned: { delivered: 4 } })
  })
})

describe('mail of others in the topic', () => {
  it('is looked through once, by whoever comes new', async () => {
    const broker = new ModelBroker()
    const other = await openSink(broker, {}, { mailbox: OTHER })
    const theirs = Array.from({ length: 150 }, (_, n) => rawMessage(`${n}`, `${n}`, OTHER))
    await other.write(batchOf(...theirs))
    await other.close()
    const reads: number[] = []
    const original = broker.read.bind(broker)
    broker.read = (options) => {
      if (options.topic === 'mail') reads.push(options.partition)
      return original(options)
    }
    await (await openSink(broker)).close()
    expect(reads.length).toBeGreaterThan(0)
    reads.length = 0
    await (await openSink(broker)).close()
    expect(reads).toEqual([])
  })

  it('and their open transactions do not make mail look lost: that is waited out', async () => {
    const { broker, all } = await filled(1)
    const partition = broker.partitionOf(all[0]!.key, 4)
    const slots = broker.topics.get('mail')!.partitions[partition]!
    const theirs = await broker.fence('maildrain.mail.other')
    const transaction = await theirs.begin()
    const record = { key: 'x', partition, value: Buffer.from('x') }
    await transaction.send('mail', [record])
    // As if it had been begun before ours.
    slots.unshift(slots.pop()!)
    const entry = (await openSink(broker, {}, { mailbox: OTHER })).ledger
    expect(entry.size).toBe(0)
    await expect(openSink(broker)).rejects.toMatchObject({
      code: 'MAILDRAIN_SINK_UNREACHABLE',
      retryable: true,
    })
  })
})

describe('a data topic that does not hold what the ledger says', () => {
  it('accepted: what is there is known, what is not is delivered again, and later runs go on', async () => {
    const { broker, all } = await filled(12)
    const partitions = broker.topics.get('mail')!.partitions
    const emptied = broker.partitionOf(all[0]!.key, 4)
    partitions[emptied]!.splice(0)
    const left = all.filter(({ key }) => broker.partitionOf(key, 4) !== emptied)
    await expect(openSink(broker)).rejects.toMatchObject(refused('LOST'))
    const sink = await openSink(broker, {}, ACCEPT)
    expect(held(sink, all)).toBe(left.length)
    expect(sink.ledger.get(all[0]!.key)).toMatchObject({ state: 'delivered', place: null })
    await sink.write(batchOf(...all))
    await sink.close()
    expect(inTopic(broker)).toHaveLength(12)
    const again = await openSink(broker)
    expect(held(again, all)).toBe(12)
    expect(again.ledger.tally?.seen).toBe(12)
  })

  it('accepted: an older copy of the topic keeps what it has', async () => {
    const { broker, all } = await filled(6)
    const older = copyOf(broker, 'mail')
    const sink = await openSink(broker)
    await sink.write(batchOf(rawMessage('later', 'l')))
    await sink.close()
    restore(broker, 'mail', older)
    await expect(openSink(broker)).rejects.toMatchObject(refused('LOST'))
    expect(held(await openSink(broker, {}, ACCEPT), all)).toBe(6)
  })

  it('rebuilt: mail that was copied into a new topic is found where it is now', async () => {
    const { broker, all } = await filled(6)
    for (const slots of broker.topics.get('mail')!.partitions)
      slots.unshift({ record: null, committed: true, transaction: null })
    await expect(openSink(broker)).rejects.toMatchObject(refused('LOST'))
    const sink = await openSink(broker, {}, REBUILD)
    expect(held(sink, all)).toBe(6)
    await sink.close()
    const again = await openSink(broker)
    expect(held(again, all)).toBe(6)
  })

  it('rebuilding alone does not accept that mail is missing', async () => {
    const { broker } = await filled(6)
    broker.topics.delete('mail')
    await expect(openSink(broker, {}, REBUILD)).rejects.toMatchObject(refused('LOST'))
    const sink = await openSink(broker, {}, { ...REBUILD, ...ACCEPT })
    expect(sink.ledger.size).toBe(6)
    await sink.close()
    await expect(openSink(broker)).resolves.toBeDefined()
  })
})

describe('checksums', () => {
  it('fault 71: a bit that is flipped in any record of the ledger is damage, or nothing depends on it', async () => {
    const { broker, all } = await filled(6)
    const sink = await openSink(broker)
    await sink.write({ messages: [], tombstones: [], host: '{"a":1}' })
    const written = JSON.stringify(answersOf(sink.ledger, all))
    await sink.close()
    const whole = copyOf(broker, 'mail.ledger')
    const random = new Random(5)
    let damaged = 0
    for (let round = 0; round < 300; round += 1) {
      restore(broker, 'mail.ledger', whole)
      const records: ProducerRecord[] = []
      alter(broker, (record) => void records.push(record))
      const chosen = records[random.below(records.length)]!
      const value = Buffer.from(chosen.value ?? '')
      const at = random.below(value.length)
      value[at] = (value[at] ?? 0) ^ (1 << random.below(8))
      alter(broker, (record) => (record === chosen ? { ...record, value } : undefined))
      try {
        const opened = await openSink(broker)
        expect(JSON.stringify(answersOf(opened.ledger, all))).toBe(written)
        await opened.close()
      } catch (error) {
        expect(error).toMatchObject(refused('DAMAGED'))
        damaged += 1
      }
    }
    expect(damaged).toBeGreaterThan(100)
  })

  it('a damaged ledger is repaired by rebuilding, and sound entries stay as they are', async () => {
    const { broker, all } = await filled(6)
    const first = await openSink(broker)
    const kept = entryFor(rawMessage('kept', 'k'), { state: 'kept', reason: 'filtered' })
    const lost = entryFor(rawMessage('lost', 'l'), { state: 'kept', reason: 'filtered' })
    const batch = [kept, lost].map((entry) => ({ entry, records: [] }))
    await first.write({ messages: batch, tombstones: [], host: '{"a":1}' })
    await first.close()
    alter(broker, (record) =>
      record.key.endsWith(all[1]!.key) ||
      record.key.endsWith(lost.key) ||
      record.key.endsWith('@host')
        ? { ...record, value: Buffer.from('{"key":1}') }
        : undefined,
    )
    await expect(openSink(broker)).rejects.toMatchObject(refused('DAMAGED'))
    const sink = await openSink(broker, {}, REBUILD)
    expect(held(sink, all)).toBe(6)
    await sink.close()
    const again = await openSink(broker)
    expect(held(again, all)).toBe(6)
    expect(again.ledger.get(kept.key)).toEqual(kept)
    expect(again.ledger.get(lost.key)).toBeUndefined()
    expect(again.ledger.tally?.seen).toBe(7)
  })

  /** Makes of a ledger what a maildrain of format 1 would have left. */
  const age = (broker: ModelBroker) =>
    alter(broker, (record) => {
      if (record.value === null) return undefined
      const value = withoutChecksum(record)
      const name = record.key.slice(17)
      if (name === '@tally') return { ...record, key: 'nobody/@tally' }
      const old: unknown = name === '@host' ? JSON.parse(String(value.notes)) : value
      const meta = { ...value, format: 1, begun: undefined }
      return { ...record, value: Buffer.from(JSON.stringify(name === '@meta' ? meta : old)) }
    })

  it('a ledger of format 1 is read, and goes on with checksums', async () => {
    const { broker, all } = await filled(6)
    const before = await openSink(broker)
    await before.write({ messages: [], tombstones: [], host: '{"a":1}' })
    await before.close()
    age(broker)
    const sink = await openSink(broker)
    expect(held(sink, all)).toBe(6)
    expect(sink.ledger).toMatchObject({ host: '{"a":1}', tally: { seen: 6 } })
    await sink.write(batchOf(rawMessage('new', 'new')))
    await sink.close()
    const again = await openSink(broker)
    expect(again.ledger.tally?.seen).toBe(7)
    await again.close()
    // From here on it is a ledger that can be missed.
    broker.topics.delete('mail.ledger')
    await expect(openSink(broker)).rejects.toMatchObject(refused('LOST'))
  })

  it('entries without a checksum are damage in a ledger that was begun with them', async () => {
    const { broker, all } = await filled(6)
    alter(broker, (record) => {
      if (!record.key.endsWith(all[0]!.key)) return undefined
      const value = withoutChecksum(record)
      return { ...record, value: Buffer.from(JSON.stringify(value)) }
    })
    await expect(openSink(broker)).rejects.toMatchObject(refused('DAMAGED'))
  })

  it('a newer format is refused', async () => {
    const { broker } = await filled(1)
    const topic = 'mail.ledger'
    const records = new LedgerRecords({ mailboxKey: mailboxKey(MAILBOX), topic, partition: 0 })
    const meta = { format: 3, begun: 2, cluster: 'model', topic, partitions: 32 }
    const { value } = records.meta(meta)
    alter(broker, (record) => (record.key.endsWith('@meta') ? { ...record, value } : undefined))
    const before = broker.sends.length
    await expect(openSink(broker)).rejects.toMatchObject(refused('FOREIGN'))
    // Who owns it: more was not written.
    expect(broker.sends.length).toBe(before + 1)
  })
})
