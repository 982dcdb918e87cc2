/**
 * A real broker behind a proxy that knows its protocol: replies lost in the middle of a transaction, requests that arrive
 * late, drainers frozen inside of one, a topic that goes away. The built command, and every record read again.
 */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} from 'kafkajs'
import type { MaildrainError } from '../../src/errors.ts'
import { kafka } from '../../src/sinks/kafka/index.ts'
import { KafkajsClient } from '../../src/sinks/kafka/kafkajs-client.ts'
import { KafkaSink } from '../../src/sinks/kafka/sink.ts'
import { type Pop3Server, startPop3Server } from '../../src/testing/index.ts'
import { type Broker, noBroker, startBroker } from '../fixtures/kafka-broker.ts'
import { type CliResult, type CliRun, newDirectory, runCli, startCli } from '../support/cli.ts'
import { drainInto } from '../support/drains.ts'
import { notFull } from '../support/full.ts'
import { batchOf, messages, persist } from '../support/kafka-sinks.ts'
import { API, KafkaProxy } from '../support/kafka-proxy.ts'
import { knownMailbox } from '../support/known-mailbox.ts'
import { sinkContext } from '../support/sinks.ts'
import { readTopic, sha256, withAdmin } from '../support/topics.ts'
import { until } from '../support/until.ts'

const MESSAGES = 60
const mailbox = knownMailbox(MESSAGES)
const hashes = Array.from({ length: MESSAGES }, (_, index) =>
  sha256(mailbox.message(index).read()),
).sort()
const wanting =
  noBroker ??
  notFull ??
  (process.env.MAILDRAIN_TEST_KAFKA === undefined
    ? undefined
    : 'no proxy stands before the broker of MAILDRAIN_TEST_KAFKA')

/** The first drainer reads slowly, so that it can be met in the middle. */
const slowFirst = {
  delayMs: (verb: string, session: number) => (verb === 'RETR' && session === 1 ? 20 : 0),
}

describe.skipIf(wanting !== undefined)(`Kafka${wanting ? `: ${wanting}` : ''}`, () => {
  let broker: Broker
  let proxy: KafkaProxy
  let server: Pop3Server
  let topic: string

  beforeAll(async () => {
    proxy = await KafkaProxy.start()
    broker = await startBroker(proxy.port)
    proxy.brokerPort = broker.port
  })
  afterAll(async () => {
    await broker.stop()
    await proxy.close()
  })
  beforeEach(async () => {
    topic = `mail-${randomUUID()}`
    server = await startPop3Server({ mailbox, behaviour: slowFirst })
    return () => server.close()
  })

  const args = (): string[] => [
    ...['drain', '--from', server.url, '--to', `kafka://${broker.brokers.join(',')}/${topic}`],
    ...['--delete', '--quiet', '--session-messages', '30'],
  ]
  const start = (): CliRun => startCli(args())
  const verbs = (verb: string): number =>
    server.log.filter((entry) => entry.session === 1 && entry.verb === verb).length

  async function expectDrained({ code, stderr }: CliResult): Promise<void> {
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(server.remaining()).toBe(0)
    expect(await readTopic(broker.brokers, topic, MESSAGES)).toEqual(hashes)
  }

  function expectExit({ code, lines, stderr }: CliResult, exit: number, error: string): void {
    expect({ code, lines: lines.length }, stderr).toEqual({ code: exit, lines: 1 })
    expect(lines[0]).toContain(`[${error}]`)
  }

  describe('a reply that is lost', () => {
    it.each([
      ['83', 'to a produce request', API.produce],
      ['84', 'to the end of a transaction', API.endTxn],
    ])(
      'fault %s: %s, in the middle',
      async (_, __, apiKey) => {
        const run = start()
        await until(() => verbs('RETR') >= 10)
        const before = proxy.meddled
        proxy.meddle({ apiKey, how: 'lose' })
        await expectDrained(await run.result)
        expect(proxy.meddled).toBe(before + 1)
      },
      360_000,
    )

    it('fault 83, 84: each of the first replies of a drain', async () => {
      for (const apiKey of [API.initProducerId, API.produce, API.endTxn]) {
        topic = `mail-${randomUUID()}`
        await server.close()
        server = await startPop3Server({ mailbox })
        proxy.meddle({ apiKey, how: 'lose' })
        await expectDrained(await start().result)
      }
    }, 540_000)
  })

  it('fault 85: records that arrive when their transaction was given up long ago are not in the topic', async () => {
    const options = {
      brokers: broker.brokers,
      topic,
      requestTimeoutMs: 1000,
      transactionTimeoutMs: 6000,
    }
    const sink = new KafkaSink(options, (resolved, { log }) =>
      Promise.resolve(new KafkajsClient(resolved, log)),
    )
    await sink.open(sinkContext())
    const all = messages(20)
    await sink.write(batchOf(...all.slice(0, 10)))
    proxy.meddle({ apiKey: API.produce, how: 'hold' })
    await persist(sink, batchOf(...all.slice(10)))
    proxy.release()
    await new Promise((resolve) => setTimeout(resolve, 500))
    await sink.close()
    const expected = all.map((message) => message.sha256).sort()
    expect(await readTopic(broker.brokers, topic, 20)).toEqual(expected)
  }, 180_000)

  it('fault 85: the same in the middle of a drain: each message once', async () => {
    const timeouts = { requestTimeoutMs: 1000, transactionTimeoutMs: 6000 }
    const into = kafka({ brokers: broker.brokers, topic, ...timeouts })
    const draining = drainInto(server, into, { batchMaxMessages: 10 })
    await until(() => verbs('RETR') >= 10)
    const before = proxy.meddled
    proxy.meddle({ apiKey: API.produce, how: 'hold' })
    expect(await draining).toMatchObject({ delivered: MESSAGES, verifiedGone: MESSAGES })
    expect(proxy.meddled).toBe(before + 1)
    proxy.release()
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await readTopic(broker.brokers, topic, MESSAGES)).toEqual(hashes)
  }, 360_000)

  describe('two drainers on two hosts, the first one frozen', () => {
    async function takenOver(first: CliRun): Promise<void> {
      first.child.kill('SIGSTOP')
      const deletes = verbs('DELE')
      const second = await runCli(args(), { XDG_STATE_HOME: newDirectory() })
      await expectDrained(second)
      proxy.release()
      first.child.kill('SIGCONT')
      expectExit(await first.result, 7, 'MAILDRAIN_SINK_FENCED')
      expect(verbs('DELE')).toBe(deletes)
      expect(await readTopic(broker.brokers, topic, MESSAGES)).toEqual(hashes)
    }

    it('fault 57, 76, 86: while it reads', async () => {
      const first = start()
      await until(() => verbs('RETR') >= 20)
      await takenOver(first)
    }, 360_000)

    it('fault 57, 76: inside a transaction whose end is still on its way', async () => {
      const first = start()
      await until(() => verbs('RETR') >= 5)
      const before = proxy.meddled
      proxy.meddle({ apiKey: API.endTxn, how: 'hold' })
      await until(() => proxy.meddled > before)
      await takenOver(first)
    }, 360_000)

    it('fault 57, 76: when its transaction is committed and it does not know yet', async () => {
      const first = start()
      await until(() => verbs('RETR') >= 5)
      const before = proxy.meddled
      proxy.meddle({ apiKey: API.endTxn, how: 'lose' })
      await until(() => proxy.meddled > before)
      await takenOver(first)
    }, 360_000)
  })

  describe('fault 90: in the middle', () => {
    it('the topic is deleted: nothing more is deleted from the server, and a stop ends the waiting', async () => {
      const { child, result } = start()
      await until(() => verbs('RETR') >= 20)
      // It stands still meanwhile, or it would be done before on a busy machine.
      child.kill('SIGSTOP')
      await withAdmin(broker.brokers, (admin) => admin.deleteTopics({ topics: [topic] }))
      child.kill('SIGCONT')
      await until(() => verbs('NOOP') > 0)
      expect(child.exitCode).toBeNull()
      child.kill('SIGTERM')
      expectExit(await result, 143, 'MAILDRAIN_STOPPED')
      expect(server.remaining()).toBe(MESSAGES)
    }, 540_000)

    it('the topic is deleted, and patience ends: exit 5, closed without QUIT, nothing deleted', async () => {
      const timeouts = { requestTimeoutMs: 2000, transactionTimeoutMs: 12_000 }
      const into = kafka({ brokers: broker.brokers, topic, ...timeouts })
      const ended = drainInto(server, into, { sinkPatienceMs: 3000, batchMaxMessages: 10 })
      const error = ended.then(
        () => undefined,
        (reason: unknown) => reason as MaildrainError,
      )
      await until(() => verbs('RETR') >= 20)
      await withAdmin(broker.brokers, (admin) => admin.deleteTopics({ topics: [topic] }))
      expect(await error).toMatchObject({ exitCode: 5 })
      expect((await error)?.message).not.toContain('\n')
      expect([verbs('DELE'), verbs('QUIT')]).toEqual([0, 0])
      expect(server.remaining()).toBe(MESSAGES)
    }, 360_000)

    it('permission to write is withdrawn: exit 5, one line, and it goes on when it is given again', async () => {
      const { child, result } = start()
      await until(() => verbs('RETR') >= 15)
      child.kill('SIGSTOP')
      const withdrawn = {
        ...{ principal: 'User:*', host: '*', permissionType: AclPermissionTypes.DENY },
        ...{ resourceType: AclResourceTypes.TOPIC, resourceName: topic },
        resourcePatternType: ResourcePatternTypes.LITERAL,
        operation: AclOperationTypes.WRITE,
      }
      await withAdmin(broker.brokers, (admin) => admin.createAcls({ acl: [withdrawn] }))
      child.kill('SIGCONT')
      try {
        expectExit(await result, 5, 'MAILDRAIN_SINK_REFUSED')
        expect(server.remaining()).toBe(MESSAGES)
      } finally {
        await withAdmin(broker.brokers, (admin) => admin.deleteAcls({ filters: [withdrawn] }))
      }
      await expectDrained(await start().result)
    }, 180_000)
  })
})
