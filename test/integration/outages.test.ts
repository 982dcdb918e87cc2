/** What stands around the built command goes away in the middle and comes back: Dovecot, the broker, the line. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { FaultProxy, generateMailbox } from '../../src/testing/index.ts'
import { type Dovecot, noDovecot, startDovecot } from '../fixtures/dovecot.ts'
import { type Broker, noBroker, startBroker } from '../fixtures/kafka-broker.ts'
import { type CliRun, newDirectory, startCli } from '../support/cli.ts'
import { toCrlf } from '../support/corpus.ts'
import { notFull } from '../support/full.ts'
import { readTopic, sha256, withAdmin } from '../support/topics.ts'

/** More than is in flight at once, so that something is always still to come. */
const MESSAGES = 900
const DOWN_MS = 60_000
const wanting = noDovecot ?? noBroker
const withoutControl =
  process.env.MAILDRAIN_TEST_KAFKA === undefined
    ? notFull
    : 'the broker of MAILDRAIN_TEST_KAFKA is not ours to stop'

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe.skipIf(wanting !== undefined)(`outages${wanting ? `: ${wanting}` : ''}`, () => {
  let dovecot: Dovecot
  let broker: Broker
  let hashes: string[]
  let topic: string
  beforeAll(async () => {
    dovecot = await startDovecot()
    broker = await startBroker()
  })
  afterAll(async () => {
    await dovecot.stop()
    await broker.stop()
  })
  beforeEach(async () => {
    topic = `mail-${randomUUID()}`
    const mailbox = generateMailbox({ messages: MESSAGES, seed: 11, profile: 'mixed' })
    hashes = []
    for (let index = 0; index < mailbox.size; index += 1) {
      const message = toCrlf(mailbox.message(index).read())
      await dovecot.add(message)
      hashes.push(sha256(message))
    }
    hashes.sort()
  })

  function start(port = dovecot.port): CliRun {
    const from = `pop3://${dovecot.user}@127.0.0.1:${port}`
    const to = `kafka://${broker.brokers.join(',')}/${topic}`
    const args = ['drain', '--from', from, '--to', to, '--delete', '--quiet']
    args.push('--session-messages', '300')
    const env = { MAILDRAIN_PASSWORD: dovecot.password, XDG_STATE_HOME: newDirectory() }
    return startCli(args, env)
  }

  /** The first records are there, and not all of them. */
  async function underWay(): Promise<void> {
    for (const deadline = Date.now() + 60_000; Date.now() < deadline;) {
      const end = await withAdmin(broker.brokers, async (admin) => {
        const there = (await admin.listTopics()).includes(topic)
        return there ? admin.fetchTopicOffsets(topic) : []
      }).catch(() => [])
      if (end.some(({ high }) => Number(high) > 0)) return
      await pause(50)
    }
    throw new Error('nothing arrives')
  }

  /** How many messages Dovecot has when none has gone for 3 s: a session's QUIT takes a while on a busy machine. */
  async function settled(): Promise<number> {
    for (let before = -1; ;) {
      const { length } = await dovecot.files()
      if (length === before) return length
      before = length
      await pause(3000)
    }
  }

  async function expectDrained(run: CliRun): Promise<void> {
    const { code, stderr } = await run.result
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(await dovecot.files()).toEqual([])
    expect(await readTopic(broker.brokers, topic, hashes.length)).toEqual(hashes)
  }

  describe.skipIf(withoutControl !== undefined)(
    `of the broker${withoutControl ? `: ${withoutControl}` : ''}`,
    () => {
      it(`G1, G15, fault 78: down for ${DOWN_MS / 1000} s in the middle: the drain waits, deletes nothing meanwhile, and finishes`, async () => {
        const line = await FaultProxy.start({ port: dovecot.port })
        onTestFinished(() => line.close())
        const run = start(line.port)
        await underWay()
        // Until the broker is gone no more mail comes, however quick the drain is.
        line.silence(true)
        await broker.kill()
        line.silence(false)
        // What is on its way to the server by now was durable before.
        const left = await settled()
        await pause(DOWN_MS)
        expect(run.child.exitCode).toBeNull()
        expect((await dovecot.files()).length).toBe(left)
        await broker.restart()
        await expectDrained(run)
      }, 900_000)

      it('G15: shut down in order, and started again', async () => {
        const run = start()
        await underWay()
        await broker.shutDown()
        await pause(1000)
        await broker.restart()
        await expectDrained(run)
      }, 540_000)

      it('G11, G15, fault 79: frozen for 20 s', async () => {
        const run = start()
        await underWay()
        await broker.pause()
        await pause(20_000)
        await broker.resume()
        await expectDrained(run)
      }, 720_000)

      it('G15: not there yet when the drain starts', async () => {
        await broker.shutDown()
        const run = start()
        await pause(4000)
        expect(run.child.exitCode).toBeNull()
        await broker.restart()
        await expectDrained(run)
      }, 540_000)

      it('G1, G5, fault 78: killed at random moments, again and again', async () => {
        const run = start()
        await underWay()
        for (let kills = 0; kills < 3 && run.child.exitCode === null; kills += 1) {
          await pause(Math.random() * 1500)
          await broker.kill()
          await broker.restart()
        }
        await expectDrained(run)
      }, 720_000)
    },
  )

  it('Dovecot is killed and started again', async () => {
    const run = start()
    await underWay()
    await dovecot.kill()
    await pause(2000)
    await dovecot.start()
    await expectDrained(run)
  }, 540_000)

  it('the line to the mailbox is cut, again and again', async () => {
    const proxy = await FaultProxy.start({ port: dovecot.port })
    const run = start(proxy.port)
    await underWay()
    for (let cuts = 0; cuts < 5 && run.child.exitCode === null; cuts += 1) {
      proxy.cut()
      await pause(300 + Math.random() * 700)
    }
    await expectDrained(run)
    expect(proxy.connections).toBeGreaterThan(3)
    await proxy.close()
  }, 540_000)
})
