/** A real broker that forgets whoever has been silent for seconds, as others do after a week (KIP-98, KIP-360). */
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { startPop3Server } from '../../src/testing/index.ts'
import { hasJava } from '../fixtures/kafka-broker.ts'
import { startJavaBroker } from '../fixtures/kafka-java.ts'
import { runCli } from '../support/cli.ts'
import { notFull } from '../support/full.ts'
import { knownMailbox } from '../support/known-mailbox.ts'
import { readTopic, sha256 } from '../support/topics.ts'

const MESSAGES = 40
const SILENT_MS = 9000
const FORGETS = `
transactional.id.expiration.ms=2000
transaction.remove.expired.transaction.cleanup.interval.ms=500
producer.id.expiration.ms=2000
producer.id.expiration.check.interval.ms=500
`
const mailbox = knownMailbox(MESSAGES)
const hashes = Array.from({ length: MESSAGES }, (_, index) =>
  sha256(mailbox.message(index).read()),
).sort()
const wanting = notFull ?? (hasJava ? undefined : 'no Java with Maven')

it.skipIf(wanting !== undefined)(
  `fault 87: the broker has forgotten the producer and its transactional id${wanting ? `: ${wanting}` : ''}`,
  async () => {
    const broker = await startJavaBroker({ properties: FORGETS })
    let reads = 0
    const server = await startPop3Server({
      mailbox,
      behaviour: {
        delayMs: (verb) => {
          if (verb === 'RETR') reads += 1
          // In the middle of the first session.
          return verb === 'RETR' && reads === 10 ? SILENT_MS : 5
        },
      },
    })
    const topic = `mail-${randomUUID()}`
    const { code, stderr } = await runCli([
      ...['drain', '--from', server.url, '--to', `kafka://${broker.brokers.join(',')}/${topic}`],
      ...['--delete', '--log-level', 'warn', '--session-messages', '20'],
    ])
    expect(code, stderr).toBe(0)
    // It was really forgotten.
    expect(stderr).toContain('a producer id which is not currently assigned')
    expect(server.remaining()).toBe(0)
    expect(await readTopic(broker.brokers, topic, MESSAGES)).toEqual(hashes)
    await broker.stop()
    await server.close()
  },
  360_000,
)
