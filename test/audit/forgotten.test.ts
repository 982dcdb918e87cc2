/** Mail that has no entry any more: it has no name, and must be missed all the same, whatever befalls the ledger. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { audit, auditAgainst } from '../../src/audit/audit.ts'
import { type AuditReport, auditExitCode } from '../../src/audit/report.ts'
import type { LedgerEntry } from '../../src/ledger/ledger.ts'
import type { RawMessage } from '../../src/message.ts'
import type { SinkContext } from '../../src/sinks/sink.ts'
import { sqlite } from '../../src/sinks/sqlite/index.ts'
import { change, fill, scratchDirectory } from '../support/filled.ts'
import { openSink } from '../support/kafka-sinks.ts'
import { MAILBOX, entryFor, rawMessage } from '../support/messages.ts'
import { ModelBroker } from '../support/model-broker.ts'
import { batchMessage, sinkContext } from '../support/sinks.ts'

const mail = (count: number): RawMessage[] =>
  Array.from({ length: count }, (_, n) => rawMessage(`uid-${n}`, `body ${n}`))

const audited = (path: string, manifest?: string): Promise<AuditReport> =>
  audit({
    ...{ of: MAILBOX, at: sqlite({ path }), stateDir: scratchDirectory() },
    ...(manifest === undefined ? {} : { manifest }),
  })

const GONE = { state: 'gone', was: 'delivered', goneAt: 1 } as const

/** The first of these messages have been forgotten in order. */
async function forgetful(
  count: number,
  forgotten: number,
  entries: readonly LedgerEntry[] = [],
): Promise<{ path: string; messages: RawMessage[] }> {
  const messages = mail(count)
  const first = messages.slice(0, forgotten)
  const states = Object.fromEntries(first.map(({ uidl }) => [uidl ?? '', GONE]))
  const path = await fill({ messages, states, entries })
  await fill({ batch: { tombstones: first.map(({ key }) => key) } }, path)
  return { path, messages }
}

const lose = (path: string, what: 'messages' | 'ledger', ...uidls: string[]): void =>
  change(
    path,
    `DELETE FROM ${what} WHERE CAST(uidl AS TEXT) IN (${uidls.map((u) => `'${u}'`).join()})`,
  )

async function reopen(path: string, context: Partial<SinkContext>): Promise<void> {
  const sink = sqlite({ path })
  try {
    await sink.open(sinkContext(context))
  } finally {
    await sink.close()
  }
}

const REBUILD = { rebuildLedger: true }
const ACCEPT = { acceptMissing: true }

describe('forgotten mail', () => {
  it('is proven to be there, and missed when it is not', async () => {
    const { path } = await forgetful(5, 4)
    const sound = await audited(path)
    expect(sound).toMatchObject({ addsUp: true, forgotten: 4, forgottenProven: true })
    lose(path, 'messages', 'uid-1', 'uid-2')
    const report = await audited(path)
    expect(report).toMatchObject({ missingForgotten: 2, missing: { count: 0 }, addsUp: false })
    expect(auditExitCode(report)).toBe(8)
  })

  it('is missed beside a record that the ledger denies', async () => {
    const { path, messages } = await forgetful(4, 2)
    const denied = entryFor(messages[3]!, { state: 'kept', reason: 'filtered' })
    await fill({ entries: [denied] }, path)
    const before = await audited(path)
    expect(before).toMatchObject({ missingForgotten: 0, unledgered: { count: 1 } })
    lose(path, 'messages', 'uid-0')
    const manifest = join(scratchDirectory(), 'manifest')
    const report = await audited(path, manifest)
    expect(report).toMatchObject({ missingForgotten: 1, unledgered: { count: 1 }, addsUp: false })
    expect(report.unledgered.first.map(({ uidl }) => uidl)).toEqual(['uid-3'])
    const lines = readFileSync(manifest, 'utf8').split('\n').slice(0, 3)
    const states = lines.map((line) => (JSON.parse(line) as { uidl: string; state: string }).state)
    expect(states.sort()).toEqual(['delivered', 'forgotten', 'kept'])
  })

  it('is missed beside a record that came from elsewhere', async () => {
    const { path } = await forgetful(4, 2)
    const elsewhere = await fill({ messages: [rawMessage('stranger', 'x')] })
    change(
      path,
      `ATTACH '${elsewhere}' AS other; INSERT INTO messages SELECT * FROM other.messages`,
    )
    expect(await audited(path)).toMatchObject({
      ...{ addsUp: false, forgottenProven: false, missingForgotten: 0, unledgered: { count: 1 } },
    })
    lose(path, 'messages', 'uid-0')
    const report = await audited(path)
    expect(report).toMatchObject({ missingForgotten: 1, unledgered: { count: 1 }, addsUp: false })
    expect(report.initial).toBe(report.delivered)
  })

  it('all of it lost is a loss, not a mailbox that nobody knows', async () => {
    const { path } = await forgetful(10, 10)
    change(path, 'DELETE FROM messages')
    const report = await audited(path)
    expect(report).toMatchObject({ initial: 10, delivered: 0, missingForgotten: 10 })
    expect(auditExitCode(report)).toBe(8)
  })

  describe.each([
    ['--rebuild-ledger', REBUILD],
    ['--accept-missing', ACCEPT],
    ['both', { ...REBUILD, ...ACCEPT }],
  ])('after %s', (_, context) => {
    it('is missed as before', async () => {
      const { path } = await forgetful(4, 1)
      lose(path, 'messages', 'uid-0')
      lose(path, 'ledger', 'uid-1')
      expect(auditExitCode(await audited(path))).toBe(8)
      await reopen(path, context)
      const report = await audited(path)
      expect(report).toMatchObject({ initial: 4, missingForgotten: 1, accepted: 0 })
      expect(auditExitCode(report)).toBe(8)
      await reopen(path, {})
      expect(auditExitCode(await audited(path))).toBe(8)
    })

    it('is proven as before when nothing is lost but entries', async () => {
      const { path } = await forgetful(30, 10)
      lose(path, 'ledger', ...Array.from({ length: 15 }, (_each, n) => `uid-${n + 10}`))
      await reopen(path, context)
      expect(await audited(path)).toMatchObject({ addsUp: true, initial: 30, accepted: 0 })
      await fill({ messages: [...mail(30), rawMessage('new', 'new')] }, path)
      expect(await audited(path)).toMatchObject({ addsUp: true, initial: 31, delivered: 31 })
    })

    it('an entry of mail that was not delivered counts as accepted', async () => {
      const kept = entryFor(rawMessage('kept', 'k'), { state: 'kept', reason: 'filtered' })
      const { path } = await forgetful(4, 1, [kept])
      lose(path, 'ledger', 'kept', 'uid-2')
      await reopen(path, context)
      expect(await audited(path)).toMatchObject({
        ...{ addsUp: true, initial: 5, delivered: 4, filtered: 0, accepted: 1 },
      })
      // It is still on the server, and seen again.
      await fill({ entries: [kept] }, path)
      expect(await audited(path)).toMatchObject({ addsUp: true, initial: 6, accepted: 1 })
    })
  })

  it('a rebuilding that breaks off forgets nothing', async () => {
    const { path } = await forgetful(1200, 1100)
    lose(path, 'messages', 'uid-7')
    lose(path, 'ledger', 'uid-1150')
    const sink = sqlite({ path })
    let times = 0
    // Once to own the file, once a row: two chunks are written.
    const clock = {
      now: () => {
        times += 1
        if (times > 1003) throw new Error('killed')
        return 1_700_000_000_000
      },
    }
    const context = sinkContext(REBUILD)
    const broken = sink.open({ ...context, clock: { ...context.clock, ...clock } })
    await expect(broken).rejects.toThrow('killed')
    await sink.close()
    await expect(reopen(path, {})).rejects.toMatchObject({ code: 'MAILDRAIN_LEDGER_LOST' })
    await reopen(path, REBUILD)
    expect(await audited(path)).toMatchObject({ initial: 1200, missingForgotten: 1, entries: 1199 })
  })
})

describe('in Kafka', () => {
  const signal = new AbortController().signal

  async function filled(): Promise<{ broker: ModelBroker; messages: RawMessage[] }> {
    const [broker, messages] = [new ModelBroker(), mail(12)]
    const sink = await openSink(broker)
    await sink.write({ messages: messages.map((each) => batchMessage(each)), tombstones: [] })
    const first = messages.slice(0, 4)
    const gone = first.map(({ key }) => ({ ...sink.ledger.get(key)!, ...GONE }))
    await sink.write({
      messages: gone.map((entry) => ({ entry, records: [] })),
      tombstones: first.map(({ key }) => key),
    })
    await sink.close()
    return { broker, messages }
  }

  /** What is at these keys is not there any more; offsets stay. */
  const strike = (broker: ModelBroker, topic: string, keys: readonly string[]): void => {
    for (const slots of broker.topics.get(topic)!.partitions)
      for (const [at, slot] of slots.entries())
        if (keys.some((key) => slot.record?.key.endsWith(key)))
          slots[at] = { ...slot, record: null }
  }

  const report = async (broker: ModelBroker): Promise<AuditReport> => {
    const at = await openSink(broker)
    await at.close()
    return audit({ of: MAILBOX, at, stateDir: scratchDirectory(), signal })
  }

  it('forgotten mail is proven, and missed also after the ledger was made anew', async () => {
    const { broker, messages } = await filled()
    expect(await report(broker)).toMatchObject({ addsUp: true, initial: 12, forgotten: 4 })
    strike(broker, 'mail', [messages[0]!.key])
    expect(await report(broker)).toMatchObject({ addsUp: false, missingForgotten: 1 })
    strike(broker, 'mail.ledger', [messages[6]!.key])
    await (await openSink(broker, {}, REBUILD)).close()
    const after = await report(broker)
    expect(after).toMatchObject({ addsUp: false, initial: 12, delivered: 11, missingForgotten: 1 })
  })

  it('what was forgotten and is known again after the ledger was made anew counts once', async () => {
    const { broker, messages } = await filled()
    strike(broker, 'mail.ledger', [messages[6]!.key])
    await (await openSink(broker, {}, REBUILD)).close()
    expect(await report(broker)).toMatchObject({ addsUp: true, initial: 12, entries: 12 })
  })

  it('an entry that was lost and accepted leaves its record proven', async () => {
    const { broker, messages } = await filled()
    strike(broker, 'mail.ledger', [messages[6]!.key])
    await (await openSink(broker, {}, ACCEPT)).close()
    expect(await report(broker)).toMatchObject({ addsUp: true, initial: 12, accepted: 0 })
    strike(broker, 'mail', [messages[6]!.key])
    expect(await report(broker)).toMatchObject({ addsUp: false, missingForgotten: 1 })
  })
})

describe('further records of a message', () => {
  it.each(['uid-0', 'uid-1'])('are missed by their number and keys: of %s', async (uidl) => {
    const messages = mail(2).map((message) => {
      const { entry, records } = batchMessage(message, message.uidl === 'uid-0' ? GONE : {})
      return { entry, records: [...records, { ...records[0]!, key: `${message.key}.1` }] }
    })
    const path = await fill({ batch: { messages } })
    await fill({ batch: { tombstones: [messages[0]!.entry.key] } }, path)
    expect(await audited(path)).toMatchObject({ addsUp: true, records: 4, missingFurther: 0 })
    change(path, `DELETE FROM messages WHERE key LIKE '%.1' AND uidl = '${uidl}'`)
    const report = await audited(path)
    expect(report).toMatchObject({ addsUp: false, missingFurther: 1, missing: { count: 0 } })
    expect(auditExitCode(report)).toBe(8)
  })
})

describe('mail that the server does not delete', () => {
  it.each<[string, Partial<LedgerEntry>, object]>([
    ['filtered', {}, { kept: 1, delivered: 0 }],
    ['set aside, and gone since', { state: 'gone', was: 'kept', goneAt: 1 }, { kept: 1 }],
  ])('is not missed at the destination when it was %s', async (_, change, expected) => {
    const undeletable = { state: 'kept', reason: 'undeletable', ...change } as const
    const path = await fill({ entries: [entryFor(rawMessage('a', 'a'), undeletable)] })
    expect(await audited(path)).toMatchObject({ addsUp: true, missing: { count: 0 }, ...expected })
  })
})

it('a manifest is never written over: it may be all that names forgotten mail', async () => {
  const { path } = await forgetful(5, 4)
  const manifest = join(scratchDirectory(), 'manifest')
  await audited(path, manifest)
  const before = readFileSync(manifest)
  lose(path, 'messages', 'uid-0', 'uid-1', 'uid-2')
  await expect(audited(path, manifest)).rejects.toMatchObject({ code: 'MAILDRAIN_CONFIG_INVALID' })
  expect(readFileSync(manifest)).toEqual(before)
  const options = { of: MAILBOX, at: sqlite({ path }), stateDir: scratchDirectory(), manifest }
  const uidls = async () => {
    const { missing } = await auditAgainst(options)
    return missing.first.map(({ uidl }) => uidl).sort()
  }
  expect(await uidls()).toEqual(['uid-0', 'uid-1', 'uid-2'])
  // As an older maildrain has written it.
  const older = before.toString().replace(/"(accepted|missingFurther)":0,/g, '')
  expect(older.length).toBeLessThan(before.length)
  writeFileSync(manifest, older)
  expect(await uidls()).toEqual(['uid-0', 'uid-1', 'uid-2'])
})
