import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { SinkError } from '../../../src/errors.ts'
import { Ownership } from '../../../src/ledger/ownership.ts'
import { SqliteDatabase } from '../../../src/ledger/sqlite-database.ts'
import { KafkaSink } from '../../../src/sinks/kafka/sink.ts'
import { sqlite } from '../../../src/sinks/sqlite/index.ts'
import type { Sink } from '../../../src/sinks/sink.ts'
import type { Pop3Server } from '../../../src/testing/index.ts'
import { drainInto, serve } from '../../support/drains.ts'
import { MemorySink } from '../../support/memory-sink.ts'
import { ModelBroker } from '../../support/model-broker.ts'

const COUNT = 12
const newDirectory = (): string => mkdtempSync(join(tmpdir(), 'maildrain-owner-'))

/** The drainer stands still before it asks, as one that was suspended between its last commit and its first DELE. */
function frozen<S extends Sink>(sink: S, meanwhile: () => Promise<void> | void): S {
  const confirm = sink.confirmOwner?.bind(sink)
  return Object.assign(sink, {
    async confirmOwner() {
      await meanwhile()
      await confirm?.()
    },
  })
}

const verbsOf = (server: Pop3Server, session: number): string[] =>
  server.log.filter((entry) => entry.session === session).map(({ verb }) => verb)

const fenced = { code: 'MAILDRAIN_SINK_FENCED', exitCode: 7 }

describe('G11: a drainer that was suspended between its last commit and its first DELE', () => {
  it('deletes nothing when another one has raised the epoch in the database', async () => {
    const path = join(newDirectory(), 'mail.db')
    const server = await serve(COUNT)
    const mailbox = `user@127.0.0.1:${server.port}`
    const sink = frozen(sqlite({ path }), () => {
      const database = SqliteDatabase.openDurable(path, {
        ...{ busyTimeoutMs: 100, create: () => undefined },
      })
      Ownership.claim(database, { mailbox, at: 0 })
      database.close()
    })
    await expect(drainInto(server, sink)).rejects.toMatchObject(fenced)
    expect(server.log.map(({ verb }) => verb)).not.toContain('DELE')
    expect(server.log.map(({ verb }) => verb)).not.toContain('QUIT')
    expect(server.remaining()).toBe(COUNT)
  })

  it('deletes nothing when another host has drained the mailbox into the topic meanwhile', async () => {
    const broker = new ModelBroker()
    const server = await serve(COUNT)
    const open = () => () => Promise.resolve(broker)
    const kafka = () => new KafkaSink({ brokers: ['model:9092'], topic: 'mail' }, open())
    const sink = frozen(kafka(), async () => {
      const receipt = await drainInto(server, kafka(), { stateDir: newDirectory() })
      expect(receipt).toMatchObject({ alreadyDelivered: COUNT, deleted: COUNT, remaining: 0 })
      expect(server.remaining()).toBe(0)
    })
    await expect(drainInto(server, sink)).rejects.toMatchObject(fenced)
    expect(verbsOf(server, 1)).toContain('RETR')
    expect(verbsOf(server, 1)).not.toContain('DELE')
    expect(broker.committed('mail')).toHaveLength(COUNT)
  })

  it('asks without fencing, and goes on when nobody came', async () => {
    const broker = new ModelBroker()
    const server = await serve(COUNT)
    const sink = new KafkaSink({ brokers: ['model:9092'], topic: 'mail' }, () =>
      Promise.resolve(broker),
    )
    const receipt = await drainInto(server, sink)
    expect(receipt).toMatchObject({ delivered: COUNT, verifiedGone: COUNT })
    expect(broker.fences).toHaveLength(1)
  })

  it('asks in each session that deletes, and in no other', async () => {
    const server = await serve(COUNT)
    const sink = new MemorySink()
    let asked = 0
    Object.assign(sink, {
      confirmOwner: () => {
        asked += 1
        return Promise.resolve()
      },
    })
    await drainInto(server, sink, { source: { sessionMessages: 4 } })
    const deleting = server.log.filter(({ verb }) => verb === 'DELE').map(({ session }) => session)
    expect(new Set(deleting).size).toBeGreaterThanOrEqual(3)
    expect(asked).toBe(new Set(deleting).size)
    expect(server.sessions).toBeGreaterThan(asked)
  })
})

describe('G15: a destination that is away when it is asked who owns the mailbox', () => {
  const away = () => new SinkError('MAILDRAIN_SINK_UNREACHABLE', 'away')

  it('is waited for, with NOOP so that the session lives, and then mail is deleted', async () => {
    const server = await serve(COUNT)
    const sink = Object.assign(new MemorySink(), {
      confirmOwner: () =>
        verbsOf(server, 1).includes('NOOP') ? Promise.resolve() : Promise.reject(away()),
    })
    const receipt = await drainInto(server, sink, { source: { keepAliveMs: 100 } })
    expect(receipt).toMatchObject({ delivered: COUNT, verifiedGone: COUNT })
    const verbs = verbsOf(server, 1)
    expect(verbs.slice(0, verbs.indexOf('DELE'))).toContain('NOOP')
  })

  it.each([
    ['it answers that it is away', () => Promise.reject(away())],
    ['it answers nothing at all', () => new Promise<void>(() => undefined)],
  ])('for longer than the patience ends the drain without QUIT: %s', async (_, confirmOwner) => {
    const server = await serve(COUNT)
    const sink = Object.assign(new MemorySink(), { confirmOwner })
    const drained = drainInto(server, sink, { sinkPatienceMs: 200 })
    await expect(drained).rejects.toMatchObject({
      ...{ code: 'MAILDRAIN_SINK_UNREACHABLE', exitCode: 5 },
    })
    expect(server.sessions).toBe(1)
    expect(verbsOf(server, 1)).not.toContain('DELE')
    expect(verbsOf(server, 1)).not.toContain('QUIT')
    expect(server.remaining()).toBe(COUNT)
  })
})
