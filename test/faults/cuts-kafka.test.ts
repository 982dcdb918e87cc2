/** A dozen of the places where `npm run soak -- cuts-kafka` cuts the line of the built command that drains into Kafka. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startPop3Server } from '../../src/testing/index.ts'
import { decodeAvro } from '../../src/transforms/encode.ts'
import { type Broker, noBroker, startBroker } from '../fixtures/kafka-broker.ts'
import { startCli } from '../support/cli.ts'
import { cutMailbox } from '../support/cut-drain.ts'
import { KafkaCuts, MESSAGES, kafkaCutsOf } from '../support/cuts-kafka.ts'
import { notFull } from '../support/full.ts'
import { eachCommitted, sha256 } from '../support/topics.ts'

const CUTS = 12

const wanting = noBroker ?? notFull

describe.skipIf(wanting !== undefined)(`into Kafka${wanting ? `: ${wanting}` : ''}`, () => {
  let broker: Broker
  beforeAll(async () => {
    broker = await startBroker()
  })
  afterAll(() => broker.stop())

  it('fault 8, 9: the line is cut at commands and octets from the first to the last', async () => {
    const cuts = new KafkaCuts(broker)
    const all = kafkaCutsOf(await cuts.measure())
    expect(all.length).toBeGreaterThan(400)
    const step = Math.floor(all.length / CUTS)
    const results = await cuts.prove(all.filter((_, index) => index % step === 5))
    expect(results.flatMap(({ wrong }) => wrong)).toEqual([])
    expect(results.filter(({ struck }) => struck).length).toBeGreaterThanOrEqual(CUTS - 2)
  }, 900_000)

  it('fault 8, 9: suspended at the first DELE of each session, whatever it deletes is committed', async () => {
    const mailbox = cutMailbox(MESSAGES)
    const topic = `deleting-${randomUUID()}`
    const views = new Map<number, number[]>()
    const deleted = new Map<number, string[]>()
    const premature: string[] = []
    const looks: Promise<void>[] = []
    const look = async (session: number): Promise<void> => {
      const stored = new Set<string>()
      await eachCommitted(broker.brokers, topic, ({ value }) => {
        if (value !== null) stored.add(sha256(decodeAvro(value).raw))
      })
      premature.push(...(deleted.get(session) ?? []).filter((hash) => !stored.has(hash)))
      run.child.kill('SIGCONT')
    }
    const server = await startPop3Server({
      mailbox,
      onEvent: ({ kind, session, verb, argument }) => {
        if (kind === 'login') views.set(session, server.visibleIndexes())
        if (verb !== 'DELE') return
        const index = views.get(session)?.[Number(argument) - 1] ?? -1
        const hashes = deleted.get(session) ?? []
        deleted.set(session, [...hashes, sha256(mailbox.message(index).read())])
        if (hashes.length > 0) return
        run.child.kill('SIGSTOP')
        looks.push(look(session))
      },
    })
    const to = `kafka://${broker.brokers.join(',')}/${topic}`
    const args = ['drain', '--from', server.url, '--to', to, '--delete', '--quiet']
    const run = startCli([...args, '--session-messages', '6'])
    const { code, stderr } = await run.result
    await Promise.all(looks)
    await server.close()
    expect({ code, stderr, premature }).toEqual({ code: 0, stderr: '', premature: [] })
    expect(looks.length).toBeGreaterThanOrEqual(4)
    expect(server.remaining()).toBe(0)
  }, 360_000)
})
