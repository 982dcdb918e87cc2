/** The disk of a real broker is full: it goes down, the drain waits, and goes on when there is space and a broker again. */
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { generateMailbox, mailboxOf, startPop3Server } from '../../src/testing/index.ts'
import { hasJava } from '../fixtures/kafka-broker.ts'
import { startJavaBroker } from '../fixtures/kafka-java.ts'
import { newDirectory, startCli } from '../support/cli.ts'
import { toCrlf } from '../support/corpus.ts'
import { noDiskImage } from '../support/disk-image.ts'
import { notFull } from '../support/full.ts'
import { readTopic, sha256 } from '../support/topics.ts'
import { until } from '../support/until.ts'

const wanting = noDiskImage ?? (hasJava ? notFull : 'no Java with Maven')
/** More than the disk holds. */
const MESSAGES = 2000

it.skipIf(wanting !== undefined)(
  `fault 82: the disk of the broker is full${wanting ? `: ${wanting}` : ''}`,
  async () => {
    const directory = newDirectory()
    const mount = (options: string) =>
      spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory])
    mount('size=6m')
    const broker = await startJavaBroker({ under: directory })
    const generated = generateMailbox({ messages: MESSAGES, seed: 8, profile: 'small' })
    const raws = Array.from({ length: MESSAGES }, (_, index) =>
      toCrlf(generated.message(index).read()),
    )
    const server = await startPop3Server({ mailbox: mailboxOf(raws) })
    const topic = `mail-${randomUUID()}`
    const to = `kafka://${broker.brokers.join(',')}/${topic}`
    const { child, result } = startCli([
      'drain',
      '--from',
      server.url,
      '--to',
      to,
      '--delete',
      '--quiet',
    ])
    const full = () =>
      spawnSync('sh', ['-c', `df --output=avail ${directory} | tail -1`])
        .stdout.toString()
        .trim()
    await until(() => Number(full()) < 100)
    await new Promise((resolve) => setTimeout(resolve, 3000))
    expect(child.exitCode).toBeNull()
    // Half of it would not fit.
    expect(server.remaining()).toBeGreaterThan(MESSAGES / 2)
    await broker.kill()
    spawnSync('mount', ['-o', 'remount,size=64m', directory])
    await broker.restart()
    const { code, stderr } = await result
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(server.remaining()).toBe(0)
    expect(await readTopic(broker.brokers, topic, MESSAGES)).toEqual(raws.map(sha256).sort())
    await broker.stop()
    await server.close()
    spawnSync('umount', ['-l', directory])
  },
  540_000,
)
