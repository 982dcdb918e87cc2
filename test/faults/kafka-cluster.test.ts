/** Three real brokers, of which leaders, coordinators and replicas go away in the middle of a drain by the built command. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Pop3Server, startPop3Server } from '../../src/testing/index.ts'
import { hasJava } from '../fixtures/kafka-broker.ts'
import { type Cluster, startCluster } from '../fixtures/kafka-cluster.ts'
import { type CliRun, runCli, startCli } from '../support/cli.ts'
import { notFull } from '../support/full.ts'
import { knownMailbox } from '../support/known-mailbox.ts'
import { readTopic, sha256, withAdmin } from '../support/topics.ts'
import { until } from '../support/until.ts'

const MESSAGES = 150
const MANY = 2000
const mailbox = knownMailbox(MESSAGES)
const hashes = Array.from({ length: MESSAGES }, (_, index) =>
  sha256(mailbox.message(index).read()),
).sort()
const wanting = notFull ?? (hasJava ? undefined : 'no Java with Maven')
/** Where Kafka keeps the transactions of those whose coordinator is the leader of the partition. */
const TRANSACTIONS = '__transaction_state'

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe.skipIf(wanting !== undefined)(`three brokers${wanting ? `: ${wanting}` : ''}`, () => {
  let cluster: Cluster
  let server: Pop3Server
  let topic: string
  let down: number[]

  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(() => cluster.stop())
  beforeEach(async () => {
    topic = `mail-${randomUUID()}`
    down = []
    // Slow enough to be met in the middle, and in more sessions than one.
    server = await startPop3Server({
      mailbox,
      behaviour: { delayMs: (verb) => (verb === 'RETR' ? 60 : 0) },
    })
    return async () => {
      for (const id of down) await cluster.start(id)
      await server.close()
    }
  })

  const args = ({ url }: Pop3Server): string[] => [
    ...['drain', '--from', url, '--to', `kafka://${cluster.brokers.join(',')}/${topic}`],
    ...['--delete', '--quiet', '--session-messages', '40'],
  ]
  const start = (): CliRun => startCli(args(server))

  const underWay = () => until(() => server.remaining() < MESSAGES)

  /** The brokers that have the partition, its leader first. */
  async function placesOf(name: string, partition: number): Promise<number[]> {
    const { topics } = await withAdmin(cluster.brokers, (admin) =>
      admin.fetchTopicMetadata({ topics: [name] }),
    )
    const found = topics[0]?.partitions.find(({ partitionId }) => partitionId === partition)
    if (found === undefined) throw new Error(`no partition ${partition} of ${name}`)
    return [found.leader, ...found.replicas.filter((id) => id !== found.leader)]
  }

  async function kill(...ids: number[]): Promise<void> {
    down.push(...ids)
    await Promise.all(ids.map((id) => cluster.kill(id)))
  }

  async function restart(): Promise<void> {
    await Promise.all(down.splice(0).map((id) => cluster.start(id)))
  }

  async function expectDrained(run: CliRun): Promise<void> {
    const { code, stderr } = await run.result
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(server.remaining()).toBe(0)
    expect(await readTopic(cluster.brokers, topic, MESSAGES)).toEqual(hashes)
  }

  it('G5: nothing goes wrong: each message once, although leaders answer at different times', async () => {
    // As fast as it goes: each transaction then begins while the markers of the one before are written.
    const fast = await startPop3Server({ mailbox: knownMailbox(MANY) })
    const { code, stderr } = await runCli(args(fast))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(await readTopic(cluster.brokers, topic, MANY)).toHaveLength(MANY)
    await fast.close()
  }, 360_000)

  it('fault 80: the leader of the mail, and then that of the ledger, is killed', async () => {
    const run = start()
    await underWay()
    const [leader = 0] = await placesOf(topic, 0)
    await kill(leader)
    await until(() => server.remaining() < MESSAGES / 2)
    await restart()
    const [second = 0] = await placesOf(`${topic}.ledger`, 0)
    await kill(second)
    await expectDrained(run)
    expect(await placesOf(topic, 0)).not.toEqual([leader])
  }, 540_000)

  it('fault 88: each broker that may be the coordinator is killed, one after the other', async () => {
    const run = start()
    await underWay()
    for (const partition of [0, 1, 2, 3]) {
      const [coordinator = 0] = await placesOf(TRANSACTIONS, partition)
      await kill(coordinator)
      await pause(2000)
      await restart()
    }
    await expectDrained(run)
  }, 720_000)

  it('fault 81: two of three replicas are gone for 10 s: nothing is deleted meanwhile', async () => {
    const run = start()
    await underWay()
    const [, ...followers] = await placesOf(topic, 0)
    await kill(...followers)
    // What was acknowledged before may still be deleted.
    await pause(3000)
    const left = server.remaining()
    expect(left).toBeGreaterThan(0)
    await pause(10_000)
    expect(server.remaining()).toBe(left)
    expect(run.child.exitCode).toBeNull()
    await restart()
    await expectDrained(run)
  }, 720_000)
})
