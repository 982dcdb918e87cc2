/** Every ledger counts alike: what is written here is written to each of them. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { BatchError } from '../../src/errors.ts'
import { unfetchedKey } from '../../src/identity.ts'
import { KeyCounter, type KeySet, NO_KEYS } from '../../src/ledger/key-set.ts'
import { type LedgerEntry, type Tally, allEntries, isDelivered } from '../../src/ledger/ledger.ts'
import { prunedEntries } from '../../src/ledger/tally.ts'
import type { RawMessage } from '../../src/message.ts'
import { type MailRecord, unparsedRecord } from '../../src/message.ts'
import type { Batch, BatchMessage, Sink } from '../../src/sinks/sink.ts'
import { sqlite } from '../../src/sinks/sqlite/index.ts'
import { Random } from '../../src/testing/random.ts'
import { openSink } from '../support/kafka-sinks.ts'
import { MemorySink } from '../support/memory-sink.ts'
import { entryFor, rawMessage } from '../support/messages.ts'
import { ModelBroker } from '../support/model-broker.ts'
import { batchMessage, sinkContext } from '../support/sinks.ts'

const signal = new AbortController().signal
const opened: Sink[] = []
afterEach(async () => {
  for (const sink of opened.splice(0)) await sink.close()
})

/** A destination: each call is another drainer of it, after the one before has ended. */
type Destination = () => Promise<Sink>

function sqliteDestination(): Destination {
  const path = join(mkdtempSync(join(tmpdir(), 'maildrain-tally-')), 'mail.db')
  let last: Sink | undefined
  return async () => {
    await last?.close()
    last = sqlite({ path })
    opened.push(last)
    await last.open(sinkContext())
    return last
  }
}

function kafkaDestination(broker = new ModelBroker()): Destination {
  let last: Sink | undefined
  return async () => {
    await last?.close()
    last = await openSink(broker)
    return last
  }
}

function memoryDestination(): Destination {
  const sink = new MemorySink()
  return () => Promise.resolve(sink)
}

const destinations = [
  ['sqlite', sqliteDestination, false],
  ['kafka', () => kafkaDestination(), true],
  ['memory', memoryDestination, false],
] as const

const batch = (...messages: BatchMessage[]): Batch => ({ messages, tombstones: [] })
const alone = (entry: LedgerEntry): BatchMessage => ({ entry, records: [] })
const none = { delivered: 0, deadLettered: 0, kept: 0 }
const tally = (sink: Sink): Tally | undefined => sink.ledger?.tally

/** Numbers of messages, without those of keys. */
const counts = (sink: Sink): Omit<Tally, 'delivered' | 'further' | 'accepted'> => {
  const { seen, pruned, vanished } = tally(sink)!
  return { seen, pruned, vanished }
}

/** In another order than they were written. */
function setOf(keys: Iterable<string>): KeySet {
  const set = new KeyCounter()
  for (const key of [...keys].sort()) set.add(key)
  return set.toJSON()
}

const keysOf = (...messages: RawMessage[]): KeySet => setOf(messages.map(({ key }) => key))

/** Of a message whose whole bytes were never had. */
const unfetched = ({ uidl, listedOctets }: RawMessage, change: Partial<LedgerEntry> = {}) =>
  entryFor(rawMessage(uidl, ''), {
    ...{ key: unfetchedKey(uidl ?? '', listedOctets), listedOctets, state: 'kept' },
    ...{ reason: 'suspect', octets: null, sha256: null, headerSha256: null },
    ...change,
  })

const gone = (message: RawMessage, change: Partial<LedgerEntry> = {}) =>
  entryFor(message, { ...change, state: 'gone', was: change.was ?? 'delivered', goneAt: 5 })

describe.each(destinations)('the tally of %s', (_, destination, forgetsWhatItHolds) => {
  it('counts each entry once, whatever becomes of it and however often it is written', async () => {
    const open = destination()
    let sink = await open()
    expect(counts(sink)).toEqual({ seen: 0, pruned: none, vanished: 0 })
    const [one, two, three] = ['1', '2', '3'].map((n) => rawMessage(n, n))
    await sink.write(batch(batchMessage(one!), batchMessage(two!)), { signal })
    await sink.write(batch(batchMessage(one!), batchMessage(two!)), { signal })
    await sink.write(batch(alone(entryFor(three!, { state: 'kept', reason: 'filtered' }))), {
      signal,
    })
    expect(tally(sink)?.seen).toBe(3)
    await sink.write(batch(batchMessage(three!)), { signal })
    const delivered = sink.ledger!.get(one!.key)!
    await sink.write(batch(alone(gone(one!, delivered))), { signal })
    sink = await open()
    await sink.write(batch(alone(delivered)), { signal })
    await sink.write(batch(batchMessage(one!)), { signal })
    expect(counts(sink)).toEqual({ seen: 3, pruned: none, vanished: 0 })
  })

  it('a message that could not be read at first is one, when it is delivered and when it was known', async () => {
    const sink = await destination()()
    const [one, two] = [rawMessage('1', 'one'), rawMessage('2', 'two')]
    await sink.write(batch(alone(unfetched(one)), batchMessage(two), alone(unfetched(two))), {
      signal,
    })
    expect(tally(sink)?.seen).toBe(3)
    const tombstones = [unfetched(one).key]
    await sink.write({ messages: [batchMessage(one)], tombstones }, { signal })
    const known = alone(sink.ledger!.get(two.key)!)
    await sink.write({ messages: [known], tombstones: [unfetched(two).key] }, { signal })
    expect(counts(sink)).toEqual({ seen: 2, pruned: none, vanished: 0 })
    expect(sink.ledger?.size).toBe(2)
  })

  it('what is forgotten stays counted, by what it was', async () => {
    const open = destination()
    const sink = await open()
    const all = ['1', '2', '3', '4', '5'].map((n) => rawMessage(n, n))
    const entries = [
      gone(all[0]!),
      gone(all[1]!, { was: 'kept', reason: 'undeletable', place: 'delivered' }),
      gone(all[2]!, { was: 'deadLettered' }),
      gone(all[3]!, { was: 'kept', reason: 'filtered' }),
      unfetched(all[4]!, { state: 'gone', was: 'kept', goneAt: 5 }),
    ]
    await sink.write(batch(...entries.map(alone)), { signal })
    const tombstones = entries.map(({ key }) => key)
    await sink.write({ messages: [], tombstones }, { signal })
    await sink.write({ messages: [], tombstones }, { signal })
    const pruned = { delivered: 2, deadLettered: 1, kept: 2 }
    expect(counts(sink)).toEqual({ seen: 5, pruned, vanished: 0 })
    const again = await open()
    expect(counts(again)).toEqual({ seen: 5, pruned, vanished: 0 })
    expect(tally(again)?.delivered).toEqual(keysOf(all[1]!, all[0]!))
  })

  it('a message that is back after it was forgotten counts again only where the destination cannot tell', async () => {
    const sink = await destination()()
    const message = rawMessage('1', 'one')
    await sink.write(batch(batchMessage(message)), { signal })
    await sink.write(batch(alone(gone(message))), { signal })
    await sink.write({ messages: [], tombstones: [message.key] }, { signal })
    expect(tally(sink)?.pruned.delivered).toBe(1)
    await sink.write(batch(batchMessage(message)), { signal })
    const pruned = { ...none, delivered: forgetsWhatItHolds ? 1 : 0 }
    expect(counts(sink)).toEqual({ seen: forgetsWhatItHolds ? 2 : 1, pruned, vanished: 0 })
  })

  it('what others have taken is added, alone or with other news', async () => {
    const open = destination()
    const sink = await open()
    await sink.write({ messages: [], tombstones: [], vanished: 2 }, { signal })
    await sink.write({ ...batch(batchMessage(rawMessage('1', '1'))), vanished: 3 }, { signal })
    expect(counts(await open())).toEqual({ seen: 1, pruned: none, vanished: 5 })
  })

  it('a message that the destination rejects keeps its entry from the time when it could not be read', async () => {
    const sink = await destination()()
    const message = rawMessage('1', 'one')
    await sink.write(batch(alone(unfetched(message))), { signal })
    const value = { ...unparsedRecord(message, ''), subject: 7 } as unknown as MailRecord
    const broken = { entry: entryFor(message), records: [{ key: message.key, value }] }
    if (sink instanceof MemorySink) sink.reject = () => new BatchError(new Map())
    const write = sink.write(
      { messages: [broken], tombstones: [unfetched(message).key] },
      { signal },
    )
    await expect(write).rejects.toBeInstanceOf(BatchError)
    expect(sink.ledger?.get(unfetched(message).key)).toBeDefined()
    expect(tally(sink)?.seen).toBe(1)
  })

  it('keys of what was delivered stay until the entry says otherwise, whatever becomes of it else', async () => {
    const open = destination()
    const sink = await open()
    const [one, two, three] = ['1', '2', '3'].map((n) => rawMessage(n, n))
    await sink.write(batch(batchMessage(one!), batchMessage(two!)), { signal })
    await sink.write(batch(alone(entryFor(three!, { state: 'kept', reason: 'filtered' }))), {
      signal,
    })
    expect(tally(sink)?.delivered).toEqual(keysOf(two!, one!))
    const undeletable = { ...sink.ledger!.get(one!.key)!, state: 'kept', reason: 'undeletable' }
    await sink.write(batch(alone(undeletable as LedgerEntry), batchMessage(three!)), { signal })
    await sink.write(batch(alone(gone(two!))), { signal })
    await sink.write({ messages: [], tombstones: [two!.key] }, { signal })
    expect(tally(sink)?.delivered).toEqual(keysOf(one!, two!, three!))
    await sink.write(batch(alone(entryFor(three!, { state: 'deadLettered' }))), { signal })
    expect(tally(await open())?.delivered).toEqual(keysOf(one!, two!))
  })

  it('further records of a message are counted by their keys, once', async () => {
    const open = destination()
    const sink = await open()
    const message = batchMessage(rawMessage('1', '1'))
    const records = ['', '.1', '.2'].map((suffix) => ({
      ...message.records[0]!,
      key: `${message.entry.key}${suffix}`,
    }))
    expect(tally(sink)?.further).toEqual(NO_KEYS)
    await sink.write(batch({ ...message, records }), { signal })
    await sink.write(batch({ ...message, records }), { signal })
    expect(tally(await open())?.further).toEqual(setOf(records.slice(1).map(({ key }) => key)))
  })

  it('after any changes it is what the ledger holds and what it has forgotten', async () => {
    const random = new Random(7)
    const open = destination()
    let sink = await open()
    const all = Array.from({ length: 12 }, (_each, n) => rawMessage(`${n}`, `${n}`))
    const delivered = new Set<string>()
    for (let round = 0; round < 60; round += 1) {
      if (random.chance(10)) sink = await open()
      const some = all.filter(() => random.chance(40))
      const messages = some.map((message) => {
        const known = sink.ledger!.get(message.key)
        const dice = random.below(100)
        if (known?.state === 'delivered' && dice < 50)
          return alone({ ...known, state: 'gone', was: 'delivered', goneAt: round })
        return dice < 20 ? alone(unfetched(message)) : batchMessage(message)
      })
      const forgotten = [...sink.ledger!.goneBefore(round - 3)]
      const superseded = some.map((message) => unfetched(message).key)
      await sink.write({ messages, tombstones: [...forgotten, ...superseded] }, { signal })
      const now = tally(sink)!
      expect(now.seen).toBe(sink.ledger!.size + prunedEntries(now))
      for (const { entry } of messages) if (isDelivered(entry)) delivered.add(entry.key)
      const entries = [...allEntries(sink.ledger!)].filter(isDelivered).map(({ key }) => key)
      expect(now.delivered.count).toBe(entries.length + now.pruned.delivered)
      // Kafka does not know that it holds what it has forgotten.
      if (!forgetsWhatItHolds) expect(now.delivered).toEqual(setOf(delivered))
    }
    expect(prunedEntries(tally(sink)!)).toBeGreaterThan(0)
  })
})

describe('the tally of Kafka when answers are lost', () => {
  it('a commit that took place counts once, and one that did not counts when it is repeated', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    const change = { messages: [], tombstones: [], vanished: 1 }
    const lost = () => {
      broker.beforeCommit = broker.afterCommit = () => undefined
      throw new Error('the answer was lost')
    }
    broker.afterCommit = lost
    await sink.write(change)
    expect(tally(sink)?.vanished).toBe(1)
    broker.beforeCommit = lost
    await expect(sink.write({ ...change })).rejects.toMatchObject({ retryable: true })
    expect(tally(sink)?.vanished).toBe(1)
    expect(tally(await kafkaDestination(broker)())?.vanished).toBe(1)
  })

  it('a batch whose outcome was not known, and that is given again, counts once', async () => {
    const broker = new ModelBroker()
    const sink = await openSink(broker)
    const change = { ...batch(batchMessage(rawMessage('1', '1'))), vanished: 1 }
    broker.afterCommit = () => {
      broker.afterCommit = () => undefined
      broker.beforeRead = () => {
        broker.beforeRead = () => undefined
        throw new Error('the brokers are away')
      }
      throw new Error('the answer was lost')
    }
    await expect(sink.write(change)).rejects.toMatchObject({
      code: 'MAILDRAIN_SINK_UNKNOWN_OUTCOME',
    })
    await sink.write(change)
    expect(counts(sink)).toEqual({ seen: 1, pruned: none, vanished: 1 })
  })
})
