/** The built command killed (SIGKILL) again and again at whatever it is doing: nothing is lost, nothing is doubled. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SqliteDatabase } from '../../src/ledger/sqlite-database.ts'
import { type Pop3Server, startPop3Server } from '../../src/testing/index.ts'
import { type Dovecot, noDovecot, startDovecot } from '../fixtures/dovecot.ts'
import { type Broker, noBroker, startBroker } from '../fixtures/kafka-broker.ts'
import { newDirectory, runCli, startCli } from '../support/cli.ts'
import { smallMailbox } from '../support/drains.ts'
import { notFull } from '../support/full.ts'
import { killRound } from '../support/kill-round.ts'
import { readTopic, sha256 } from '../support/topics.ts'

const MESSAGES = 240
const KILLS = 6
const FULL_KILLS = 40

const expected = (): string[] => {
  const mailbox = smallMailbox(MESSAGES)
  const all = Array.from({ length: MESSAGES }, (_, index) => mailbox.message(index).read())
  return all.map(sha256).sort()
}

async function drainUnderKills(to: string): Promise<Pop3Server> {
  const server = await startPop3Server({
    mailbox: smallMailbox(MESSAGES),
    behaviour: { delayMs: 3 },
  })
  const env = { XDG_STATE_HOME: newDirectory() }
  const args = ['drain', '--from', server.url, '--to', to, '--delete', '--quiet']
  args.push('--session-messages', '50')
  for (let kill = 0; kill < KILLS; kill += 1) {
    const logins = server.logins
    const { child, result } = startCli(args, env)
    while (server.logins === logins && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 5))
    // Each time a little later: while listing, reading, committing, deleting, in the next session.
    await new Promise((resolve) => setTimeout(resolve, 30 + kill * 130))
    child.kill('SIGKILL')
    await result
  }
  const { code, stderr } = await runCli(args, env)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(server.remaining()).toBe(0)
  await server.close()
  return server
}

it('G1, G5, fault 53: into SQLite', async () => {
  const path = join(newDirectory(), 'mail.db')
  await drainUnderKills(`sqlite:${path}`)
  const database = SqliteDatabase.openReader(path, { busyTimeoutMs: 1000 })
  const rows = database.prepare('SELECT raw FROM messages').rows()
  database.close()
  expect(rows.map(([raw]) => sha256(raw as Buffer)).sort()).toEqual(expected())
}, 360_000)

describe.skipIf(noBroker !== undefined)(`Kafka${noBroker ? `: ${noBroker}` : ''}`, () => {
  let broker: Broker
  beforeAll(async () => {
    broker = await startBroker()
  })
  afterAll(() => broker.stop())

  it('G1, G5, G11, fault 53: into Kafka', async () => {
    const topic = `mail-${randomUUID()}`
    await drainUnderKills(`kafka://${broker.brokers.join(',')}/${topic}`)
    expect(await readTopic(broker.brokers, topic, MESSAGES)).toEqual(expected())
  }, 540_000)
})

const wanting = noDovecot ?? notFull

describe.skipIf(wanting !== undefined)(
  `${FULL_KILLS} SIGKILLs on 2,000 mixed messages from Dovecot${wanting ? `: ${wanting}` : ''}`,
  () => {
    let dovecot: Dovecot
    beforeAll(async () => {
      dovecot = await startDovecot()
    })
    afterAll(() => dovecot.stop())

    async function underFire(broker?: Broker): Promise<void> {
      let kills = 0
      for (let seed = 1; kills < FULL_KILLS; seed += 1) {
        const round = await killRound({
          ...{ dovecot, broker, messages: 2000, profile: 'mixed', seed },
          ...{ killMs: [300, 3000], maxKills: FULL_KILLS - kills },
        })
        kills += round.kills
        expect(round).toMatchObject({ lost: 0, doubled: 0, left: 0 })
      }
    }

    it('G1, G5: into SQLite', () => underFire(), 600_000)

    it.skipIf(noBroker !== undefined)(
      `G1, G5, G11: into Kafka${noBroker ? `: ${noBroker}` : ''}`,
      async () => {
        const broker = await startBroker()
        await underFire(broker).finally(() => broker.stop())
      },
      1800_000,
    )
  },
)
