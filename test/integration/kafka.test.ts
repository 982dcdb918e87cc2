/** The Kafka sink against a real broker: lost answers, other drainers, topics that lose mail, brokers that die. */
import { randomUUID } from 'node:crypto'
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} from 'kafkajs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { RawMessage } from '../../src/message.ts'
import { silentLogger } from '../../src/logger.ts'
import type { Transaction } from '../../src/sinks/kafka/client.ts'
import { KafkajsClient } from '../../src/sinks/kafka/kafkajs-client.ts'
import { kafkaSinkOptions } from '../../src/sinks/kafka/options.ts'
import { KafkaSink } from '../../src/sinks/kafka/sink.ts'
import { type Pop3Server, startPop3Server } from '../../src/testing/index.ts'
import { type Broker, noBroker, startBroker } from '../fixtures/kafka-broker.ts'
import { type CliResult, newDirectory, runCli, startCli } from '../support/cli.ts'
import { notFull } from '../support/full.ts'
import { smallMailbox } from '../support/drains.ts'
import { batchOf, messages, persist } from '../support/kafka-sinks.ts'
import { END_TXN, LossySockets } from '../support/lossy-sockets.ts'
import { rawMessage } from '../support/messages.ts'
import { sinkContext } from '../support/sinks.ts'
import { eachCommitted, makeTopic, readTopic, sha256, withAdmin } from '../support/topics.ts'

const MESSAGES = 12
let broker: Broker
let server: Pop3Server
let topic: string
const sinks: KafkaSink[] = []

const hashesOf = (all: readonly RawMessage[]): string[] => all.map((each) => each.sha256).sort()
const hashesIn = (count: number): string[] => {
  const mailbox = smallMailbox(count)
  return Array.from({ length: count }, (_, index) => sha256(mailbox.message(index).read())).sort()
}
const args = (): string[] => [
  ...['drain', '--from', server.url, '--to', `kafka://${broker.brokers.join(',')}/${topic}`],
  ...['--delete', '--quiet'],
]

async function openSink(sockets?: LossySockets, transactionTimeoutMs = 60_000): Promise<KafkaSink> {
  const options = { brokers: broker.brokers, topic, requestTimeoutMs: 1500, transactionTimeoutMs }
  const sink = new KafkaSink(options, (resolved, { log }) =>
    Promise.resolve(
      new KafkajsClient(resolved, log, sockets ? { socketFactory: sockets.factory } : {}),
    ),
  )
  sinks.push(sink)
  await sink.open(sinkContext())
  return sink
}

/** Waits out what can be waited out, as the pipeline does. */
async function patiently(work: () => Promise<void>): Promise<void> {
  for (let left = 50; ; left -= 1)
    try {
      await work()
      return
    } catch (error) {
      if (left <= 1 || !(error as { retryable: boolean }).retryable) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
}

function expectRefused(result: CliResult, exit: number, code: string, word: string): void {
  expect(result.lines, result.stderr).toHaveLength(1)
  expect(result.lines[0]).toMatch(new RegExp(`^maildrain: .+ \\[${code}\\]$`))
  expect(result.lines[0]).toContain(word)
  expect(result.code).toBe(exit)
  expect(server.remaining()).toBe(MESSAGES)
}

describe.skipIf(noBroker !== undefined)(`Kafka${noBroker ? `: ${noBroker}` : ''}`, () => {
  beforeAll(async () => {
    broker = await startBroker()
    console.log(`Kafka: ${broker.how}`)
  })
  afterAll(() => broker.stop())
  beforeAll(async () => {
    topic = `mail-${randomUUID()}`
    server = await startPop3Server({ mailbox: smallMailbox(MESSAGES) })
  })
  afterEach(async () => {
    for (const sink of sinks.splice(0)) await sink.close()
    await server.close()
    topic = `mail-${randomUUID()}`
    server = await startPop3Server({ mailbox: smallMailbox(MESSAGES) })
  })

  it('G11: a plan makes no topic, and sees what an owner has committed without fencing it', async () => {
    const plan = () =>
      runCli(['plan', ...args().slice(1, 5), '--json', '--mailbox-id', sinkContext().mailbox])
    const empty = await plan()
    expect(JSON.parse(empty.stdout)).toMatchObject({ messages: MESSAGES, ledger: null })
    expect(await withAdmin(broker.brokers, (admin) => admin.listTopics())).not.toContain(
      `${topic}.ledger`,
    )
    const sink = await openSink()
    await persist(sink, batchOf(...messages(4)))
    const planned = JSON.parse((await plan()).stdout) as { ledger: unknown }
    expect(planned.ledger).toMatchObject({ entries: 4, fresh: { messages: MESSAGES - 4 } })
    await persist(sink, batchOf(...messages(5)), 1)
  })
  afterAll(() => server.close())

  describe('R2, fault 84: a transaction whose end is lost on the way', () => {
    it.each(['request', 'reply'] as const)(
      'the %s: every message is in the topic once',
      async (what) => {
        const sockets = new LossySockets()
        const sink = await openSink(sockets)
        const [first, second] = [messages(20).slice(0, 10), messages(20).slice(10)]
        await sink.write(batchOf(...first))
        sockets.lose = { apiKey: END_TXN, what }
        await persist(sink, batchOf(...second))
        expect(sockets.lost).toBe(1)
        expect(await readTopic(broker.brokers, topic, 20)).toEqual(hashesOf(messages(20)))
      },
    )
  })

  describe('G11, fault 76: two drainers', () => {
    it('one that was suspended, with nothing left to write, finds out before it deletes', async () => {
      const keep = () => args().filter((arg) => arg !== '--delete')
      expect((await runCli(keep())).code).toBe(0)
      server.setBehaviour({ delayMs: (verb) => (verb === 'RETR' ? 300 : 0) })
      const known = server.log.length
      const first = startCli(args(), { XDG_STATE_HOME: newDirectory() })
      const read = () => server.log.slice(known).filter(({ verb }) => verb === 'RETR').length
      while (read() < 3) await new Promise((resolve) => setTimeout(resolve, 20))
      first.child.kill('SIGSTOP')
      const second = await runCli(keep(), { XDG_STATE_HOME: newDirectory() }).finally(() =>
        first.child.kill('SIGCONT'),
      )
      expect(second.code, second.stderr).toBe(0)
      const { code, lines } = await first.result
      expect({ code, lines: lines.length }).toEqual({ code: 7, lines: 1 })
      expect(lines[0]).toContain('[MAILDRAIN_SINK_FENCED]')
      expect(server.log.map(({ verb }) => verb)).not.toContain('DELE')
      expect(server.remaining()).toBe(MESSAGES)
      expect(await readTopic(broker.brokers, topic, MESSAGES)).toEqual(hashesIn(MESSAGES))
    }, 360_000)

    it('one on another host takes over: the first exits 7, nothing is lost or doubled', async () => {
      await server.close()
      // The first reads for half a minute, the second at once, however long its start may take.
      const delayMs = (verb: string, session: number) =>
        verb === 'RETR' && session === 1 ? 100 : 0
      server = await startPop3Server({ mailbox: smallMailbox(300), behaviour: { delayMs } })
      const first = startCli(args(), { XDG_STATE_HOME: newDirectory() })
      while (!server.log.some(({ verb }) => verb === 'RETR'))
        await new Promise((resolve) => setTimeout(resolve, 20))
      const second = await runCli(args(), { XDG_STATE_HOME: newDirectory() })
      const { code, lines } = await first.result
      expect({ code, lines: lines.length }).toEqual({ code: 7, lines: 1 })
      expect(lines[0]).toContain('[MAILDRAIN_SINK_FENCED]')
      expect(second.code, second.stderr).toBe(0)
      expect(server.remaining()).toBe(0)
      expect(await readTopic(broker.brokers, topic, 300)).toEqual(hashesIn(300))
    })

    it('fault 86: a frozen owner that wakes up after the takeover commits nothing', async () => {
      const zombie = await openSink()
      const newcomer = await openSink()
      await expect(zombie.write(batchOf(...messages(2)))).rejects.toMatchObject({
        code: 'MAILDRAIN_SINK_FENCED',
      })
      await newcomer.write(batchOf(...messages(2)))
      expect(await readTopic(broker.brokers, topic, 2)).toEqual(hashesOf(messages(2)))
    })
  })

  it('G5: a record of an aborted transaction is not read, even when another one ended within it', async () => {
    await makeTopic(broker.brokers, topic, {}, 1)
    const options = kafkaSinkOptions.parse({ brokers: broker.brokers, topic })
    const client = new KafkajsClient(options, silentLogger)
    const write = (transaction: Transaction, key: string) =>
      transaction.send(topic, [{ key, partition: 0, value: null }])
    try {
      const [outer, inner] = [await client.fence('outer'), await client.fence('inner')]
      const [enclosing, enclosed] = [await outer.begin(), await inner.begin()]
      await write(enclosing, 'aborted')
      await write(enclosed, 'aborted too')
      await enclosed.abort()
      await write(enclosing, 'aborted as well')
      await enclosing.abort()
      const last = await inner.begin()
      await write(last, 'committed')
      await last.commit()
      const keys: string[] = []
      await eachCommitted(broker.brokers, topic, ({ key }) => keys.push(key))
      expect(keys).toEqual(['committed'])
    } finally {
      await client.close()
    }
  })

  describe('what is refused, in one line', () => {
    it('fault 90: no permission to create the topic: exit 5', async () => {
      const anyone = { principal: 'User:*', host: '*' }
      const cluster = { resourceType: AclResourceTypes.CLUSTER, resourceName: 'kafka-cluster' }
      const literal = { resourcePatternType: ResourcePatternTypes.LITERAL }
      const [ALLOW, DENY] = [AclPermissionTypes.ALLOW, AclPermissionTypes.DENY]
      const create = { operation: AclOperationTypes.CREATE, permissionType: DENY }
      const named = { resourceType: AclResourceTypes.TOPIC, resourceName: topic }
      const acl = [
        {
          ...anyone,
          ...cluster,
          ...literal,
          operation: AclOperationTypes.ALL,
          permissionType: ALLOW,
        },
        { ...anyone, ...cluster, ...literal, ...create },
        { ...anyone, ...named, ...literal, ...create },
      ]
      await withAdmin(broker.brokers, (admin) => admin.createAcls({ acl }))
      try {
        const result = await runCli(args())
        expectRefused(result, 5, 'MAILDRAIN_SINK_REFUSED', topic)
      } finally {
        const filters = acl.map((each) => ({ ...each }))
        await withAdmin(broker.brokers, (admin) => admin.deleteAcls({ filters }))
      }
    })

    it('a ledger topic that is not exactly compact: exit 8', async () => {
      await makeTopic(broker.brokers, `${topic}.ledger`, { 'cleanup.policy': 'compact,delete' }, 32)
      expectRefused(await runCli(args()), 8, 'MAILDRAIN_LEDGER_NOT_COMPACTED', 'compact')
    })

    it('a data topic with compact,delete: exit 2', async () => {
      await makeTopic(broker.brokers, topic, { 'cleanup.policy': 'compact,delete' })
      expectRefused(await runCli(args()), 2, 'MAILDRAIN_CONFIG_TOPIC_COMPACTED', topic)
    })

    it('G5, fault 90: a data topic that was deleted and made again: exit 8', async () => {
      const sink = await openSink()
      await sink.write(batchOf(...messages(5)))
      await sink.close()
      await withAdmin(broker.brokers, (admin) => admin.deleteTopics({ topics: [topic] }))
      await makeTopic(broker.brokers, topic, {})
      await expect(openSink()).rejects.toMatchObject({
        code: 'MAILDRAIN_LEDGER_LOST',
        exitCode: 8,
      })
    })

    it('G5, fault 90: one that is deleted and made again in the middle of a run, before anything is deleted', async () => {
      const sink = await openSink()
      await sink.write(batchOf(...messages(20)))
      await patiently(() => sink.confirmOwner())
      await withAdmin(broker.brokers, (admin) => admin.deleteTopics({ topics: [topic] }))
      await makeTopic(broker.brokers, topic, {})
      const refused = { code: 'MAILDRAIN_LEDGER_LOST', exitCode: 8 }
      // For a moment brokers may not know who leads it.
      await expect(patiently(() => sink.confirmOwner())).rejects.toMatchObject(refused)
      const more = batchOf(rawMessage('more', 'more'))
      await expect(patiently(() => sink.write(more))).rejects.toMatchObject(refused)
    })
  })

  describe.skipIf(notFull !== undefined)(
    `fault 73, 72: a ledger topic that does not know the mail of its data topic${notFull ? `: ${notFull}` : ''}`,
    () => {
      const keeping = () => args().filter((flag) => flag !== '--delete')
      const deleteTopics = (...topics: string[]) =>
        withAdmin(broker.brokers, (admin) => admin.deleteTopics({ topics }))

      it('is refused, made anew from the mail, and then nothing is doubled', async () => {
        expect(await runCli(keeping())).toMatchObject({ code: 0 })
        await deleteTopics(`${topic}.ledger`)
        expectRefused(await runCli(args()), 8, 'MAILDRAIN_LEDGER_LOST', '--rebuild-ledger')
        const rebuilt = await runCli([...args(), '--rebuild-ledger', '--json'])
        expect(rebuilt.code, rebuilt.stderr).toBe(0)
        expect(JSON.parse(rebuilt.stdout)).toMatchObject({
          ...{
            delivered: 0,
            alreadyDelivered: MESSAGES,
            deleted: MESSAGES,
            verifiedGone: MESSAGES,
          },
        })
        expect(server.remaining()).toBe(0)
        expect(await readTopic(broker.brokers, topic, MESSAGES)).toEqual(hashesIn(MESSAGES))
        // And it can be believed from here on.
        expect(await runCli(args())).toMatchObject({ code: 0, stderr: '' })
      }, 180_000)

      it('and mail that the data topic has lost is delivered again when that is accepted', async () => {
        expect(await runCli(keeping())).toMatchObject({ code: 0 })
        await deleteTopics(topic)
        expectRefused(await runCli(args()), 8, 'MAILDRAIN_LEDGER_LOST', '--accept-missing')
        expect(await runCli([...args(), '--accept-missing'])).toMatchObject({ code: 0 })
        expect(server.remaining()).toBe(0)
        expect(await readTopic(broker.brokers, topic, MESSAGES)).toEqual(hashesIn(MESSAGES))
        expect(await runCli(args())).toMatchObject({ code: 0, stderr: '' })
      }, 180_000)
    },
  )

  it('fault 89: a topic with a small limit: a message that does not fit is kept, exit 6', async () => {
    await makeTopic(broker.brokers, topic, { 'max.message.bytes': '2000' })
    await server.close()
    const large = 'a long line of text\r\n'.repeat(300)
    const mailbox = smallMailbox(3, (index) => (index === 1 ? large : ''))
    server = await startPop3Server({ mailbox })
    const { code, stdout } = await runCli([...args(), '--json'])
    expect(code).toBe(6)
    expect(JSON.parse(stdout)).toMatchObject({ seen: 3, delivered: 2, kept: 1, deleted: 2 })
    expect(server.remaining()).toBe(1)
  })

  it('R3, fault 78: a broker that is killed in the middle and comes back: every message once', async ({
    skip,
  }) => {
    skip(!broker.controllable, 'the broker of MAILDRAIN_TEST_KAFKA is not ours to stop')
    await server.close()
    server = await startPop3Server({ mailbox: smallMailbox(400), behaviour: { delayMs: 5 } })
    const run = startCli(args())
    while (!server.log.some(({ verb }) => verb === 'RETR'))
      await new Promise((resolve) => setTimeout(resolve, 20))
    await new Promise((resolve) => setTimeout(resolve, 700))
    await broker.kill()
    await new Promise((resolve) => setTimeout(resolve, 1000))
    await broker.restart()
    const { code, stderr } = await run.result
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(server.remaining()).toBe(0)
    expect(await readTopic(broker.brokers, topic, 400)).toEqual(hashesIn(400))
  }, 360_000)

  it('R6, fault 79: a broker that freezes is given up by the watchdog, and no message is doubled when it thaws', async ({
    skip,
  }) => {
    skip(!broker.controllable, 'the broker of MAILDRAIN_TEST_KAFKA is not ours to stop')
    const sink = await openSink(undefined, 4000)
    await persist(sink, batchOf(...messages(10).slice(0, 5)), 50)
    await broker.pause()
    const writing = persist(sink, batchOf(...messages(10).slice(5)), 50)
    await new Promise((resolve) => setTimeout(resolve, 5000))
    await broker.resume()
    await writing
    expect(await readTopic(broker.brokers, topic, 10)).toEqual(hashesOf(messages(10)))
  }, 360_000)
})
