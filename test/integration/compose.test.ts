/** docker/compose.yaml as a user runs it: images built, a mailbox filled, and drained into the broker. */
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateMailbox } from '../../src/testing/index.ts'
import { freePort } from '../fixtures/free-port.ts'
import { hasDocker, runs } from '../fixtures/ways.ts'
import { toCrlf } from '../support/corpus.ts'
import { notFull } from '../support/full.ts'
import { readTopic, sha256 } from '../support/topics.ts'

const MESSAGES = 200
const file = join(import.meta.dirname, '../../docker/compose.yaml')
const reason =
  notFull ??
  (hasDocker && runs('docker', 'compose', 'version') ? undefined : 'no docker with compose')

describe.skipIf(reason !== undefined)(`compose.yaml${reason ? `: ${reason}` : ''}`, () => {
  const project = `maildrain-${randomUUID()}`
  let port: number
  const compose = (...args: string[]) =>
    promisify(execFile)('docker', ['compose', '-p', project, '-f', file, ...args], {
      env: { ...process.env, MESSAGES: String(MESSAGES), KAFKA_PORT: String(port) },
      maxBuffer: 64 * 1024 * 1024,
    })

  beforeAll(async () => {
    port = await freePort()
    await compose('build')
  }, 1800_000)
  afterAll(() => compose('down', '--volumes', '--timeout', '0'), 60_000)

  it('drains its mailbox into its broker, and finds nothing the second time', async () => {
    const first = await compose('run', '--rm', 'maildrain')
    expect(first.stdout).toMatch(/^verifiedGone +200 /m)
    expect(first.stdout).toMatch(/^remaining +0 /m)
    const mailbox = generateMailbox({ messages: MESSAGES })
    const expected = Array.from({ length: MESSAGES }, (_, index) =>
      sha256(toCrlf(mailbox.message(index).read())),
    ).sort()
    expect(await readTopic([`localhost:${port}`], 'mail', MESSAGES)).toEqual(expected)
    const second = await compose('run', '--rm', 'maildrain')
    expect(second.stdout).toMatch(/^delivered +0 /m)
  }, 540_000)
})
