/** A real broker that asks for TLS and a login, and for the login again and again. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { silentLogger } from '../../src/logger.ts'
import type { Receipt } from '../../src/pipeline/receipt.ts'
import { KafkajsClient } from '../../src/sinks/kafka/kafkajs-client.ts'
import { type KafkaSinkOptions, kafkaSinkOptions } from '../../src/sinks/kafka/options.ts'
import { kafka } from '../../src/sinks/kafka/index.ts'
import { type Pop3Server, startPop3Server } from '../../src/testing/index.ts'
import { decodeAvro } from '../../src/transforms/encode.ts'
import { hasJava } from '../fixtures/kafka-broker.ts'
import { type SecureBroker, startSecureBroker } from '../fixtures/kafka-secure.ts'
import { drainInto } from '../support/drains.ts'
import { notFull } from '../support/full.ts'
import { API, KafkaProxy } from '../support/kafka-proxy.ts'
import { knownMailbox } from '../support/known-mailbox.ts'
import { sha256 } from '../support/topics.ts'
import { until } from '../support/until.ts'

const MESSAGES = 60
/** kafkajs logs in again 10 s before a session ends: that is after each 2 s of this one, and while the broker waits. */
const SESSION_MS = 12_000
const mailbox = knownMailbox(MESSAGES)
const hashes = Array.from({ length: MESSAGES }, (_, index) =>
  sha256(mailbox.message(index).read()),
).sort()
const wanting = notFull ?? (hasJava ? undefined : 'no Java with Maven')

describe.skipIf(wanting !== undefined)(`a login${wanting ? `: ${wanting}` : ''}`, () => {
  let broker: SecureBroker
  let server: Pop3Server
  let topic: string

  beforeAll(async () => {
    broker = await startSecureBroker({ sessionMs: SESSION_MS })
  })
  afterAll(() => broker.stop())
  beforeEach(async () => {
    topic = `mail-${randomUUID()}`
    // Twice as long as a session of the broker.
    server = await startPop3Server({
      mailbox,
      behaviour: { delayMs: (verb) => (verb === 'RETR' ? 400 : 0) },
    })
    return () => server.close()
  })

  type Mechanism = NonNullable<KafkaSinkOptions['sasl']>['mechanism']
  const options = (mechanism: Mechanism, password = broker.password): KafkaSinkOptions => ({
    ...{ brokers: broker.brokers, topic },
    ssl: { ca: broker.ca },
    sasl: { mechanism, username: broker.username, password },
  })
  const reads = (): number => server.log.filter(({ verb }) => verb === 'RETR').length
  const drain = (given: KafkaSinkOptions): Promise<Receipt> => drainInto(server, kafka(given))

  async function expectDelivered(given: KafkaSinkOptions): Promise<void> {
    expect(server.remaining()).toBe(0)
    const client = new KafkajsClient(kafkaSinkOptions.parse(given), silentLogger)
    const found: string[] = []
    for (const { partition, low, stable } of await client.offsets(topic))
      await client.read({
        ...{ topic, partition, from: low, to: stable, signal: new AbortController().signal },
        onRecords: (records) => {
          for (const { value } of records)
            found.push(sha256(decodeAvro(value ?? Buffer.alloc(0)).raw))
          return false
        },
      })
    expect(found.sort()).toEqual(hashes)
  }

  it.each(['plain', 'scram-sha-512'] as const)(
    'fault 91: sessions of %s end again and again: logged in anew, and each message is there once',
    async (mechanism) => {
      const given = options(mechanism)
      await drain(given)
      await expectDelivered(given)
    },
    360_000,
  )

  it('fault 91: the connection breaks off under a login: no refusal, and each message is there once', async () => {
    const proxy = await KafkaProxy.start()
    onTestFinished(() => proxy.close())
    proxy.brokerPort = broker.readablePort
    proxy.meddle({ apiKey: API.saslAuthenticate, how: 'lose' })
    const given = { ...options('plain'), ssl: false, brokers: [`127.0.0.1:${proxy.port}`] }
    await drain(given)
    expect(proxy.meddled).toBe(1)
    await expectDelivered(given)
  }, 360_000)

  it('fault 91: a wrong password is refused before any mail is read', async () => {
    await expect(drain(options('plain', 'wrong'))).rejects.toMatchObject({
      code: 'MAILDRAIN_SINK_REFUSED',
      message: expect.stringContaining('correct user and password') as string,
    })
    expect(reads()).toBe(0)
    expect(server.remaining()).toBe(MESSAGES)
  })

  it('fault 91: the user is taken away in the middle: it ends, and the next run delivers the rest', async () => {
    const given = options('scram-sha-512')
    const ended = drain(given).catch((error: unknown) => error)
    await Promise.race([ended, until(() => reads() > 10)])
    broker.setPassword(null)
    expect(await ended).toMatchObject({ code: 'MAILDRAIN_SINK_REFUSED', retryable: false })
    expect(server.remaining()).toBeGreaterThan(0)
    broker.setPassword(broker.password)
    await drain(given)
    await expectDelivered(given)
  }, 540_000)
})
