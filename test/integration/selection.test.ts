/** A real server's TOP and order: mail chosen by arrival, mail compared by headers, mail deleted after its time. */
import { createConnection, createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { type DrainOptions, drain } from '../../src/pipeline/drain.ts'
import { type Pop3SourceOptions, pop3 } from '../../src/sources/pop3/index.ts'
import { generateMailbox } from '../../src/testing/index.ts'
import { type Dovecot, noDovecot, startDovecot } from '../fixtures/dovecot.ts'
import { newDirectory } from '../support/cli.ts'
import { MemorySink } from '../support/memory-sink.ts'

const MESSAGES = 120
const DAY_MS = 24 * 60 * 60 * 1000
const mailbox = generateMailbox({ messages: MESSAGES + 1, seed: 5, profile: 'small' })
let dovecot: Dovecot
let counted: Server
let octets = 0

/** Through a line that counts what the server sends. */
function source(change: Partial<Pop3SourceOptions> = {}) {
  const { user, password } = dovecot
  const { port } = counted.address() as AddressInfo
  return pop3({
    ...{ host: '127.0.0.1', port, tls: 'none', allowCleartext: true, auth: { user, password } },
    ...{ mailboxId: 'test', lookDelaysMs: [20, 50, 100], ...change },
  })
}

async function run(
  sink: MemorySink,
  change: Partial<Pop3SourceOptions>,
  options: Partial<DrainOptions> = {},
) {
  octets = 0
  const receipt = await drain({
    ...{ source: source(change), into: sink, through: [], stateDir: newDirectory() },
    ...{ lingerMs: 5, deletion: 'delete', ...options },
  })
  return { receipt, octets }
}

const daysFromNow = (days: number) => ({
  ...systemClock,
  now: () => systemClock.now() + days * DAY_MS,
})

describe.skipIf(noDovecot !== undefined)(`Dovecot${noDovecot ? `: ${noDovecot}` : ''}`, () => {
  beforeAll(async () => {
    dovecot = await startDovecot()
    counted = createServer((socket) => {
      const server = createConnection(dovecot.port, dovecot.host)
      server.on('data', (chunk) => (octets += chunk.length))
      server.pipe(socket).pipe(server)
      for (const end of [server, socket])
        end.on('error', () => void [server, socket].map((s) => s.destroy()))
    })
    await new Promise<void>((resolve) => counted.listen(0, '127.0.0.1', resolve))
    for (let index = 0; index < MESSAGES; index += 1)
      await dovecot.add(mailbox.message(index).read())
  })
  afterAll(async () => {
    counted.close()
    await dovecot.stop()
  })

  it('takes the newest, leaves mail for its time, and deletes it then by its headers', async () => {
    const sink = new MemorySink()
    const first = await run(sink, { newest: 20, deleteAfterMs: DAY_MS })
    expect(first.receipt).toMatchObject({ delivered: 20, waiting: 20, unselected: MESSAGES - 20 })
    const all = await run(sink, { deleteAfterMs: DAY_MS })
    expect(all.receipt).toMatchObject({ delivered: MESSAGES - 20, waiting: MESSAGES, deleted: 0 })
    expect(sink.records).toHaveLength(MESSAGES)

    await dovecot.add(mailbox.message(MESSAGES).read())
    const due = await run(
      sink,
      { deleteAfterMs: DAY_MS, compare: 'headers' },
      { clock: daysFromNow(2) },
    )
    expect(due.receipt).toMatchObject({ delivered: 1, deleted: MESSAGES, verifiedGone: MESSAGES })
    expect(due.receipt).toMatchObject({ waiting: 1, remaining: 1 })
    expect(sink.records).toHaveLength(MESSAGES + 1)
    const notes = JSON.parse(sink.ledger.host ?? '{}') as { headers: object }
    expect(notes.headers).toEqual({ agreed: 32, differ: false })
    // 33 messages were read as well; of the others the header blocks.
    expect(due.octets).toBeLessThan((2 / 3) * (first.octets + all.octets))
  })
})
