/**
 * A mailbox that is somebody's: MAILDRAIN_TEST_POP3 (an address like --from, with MAILDRAIN_TEST_POP3_PASSWORD), else a
 * local Dovecot. It is drained without deletion, twice, and left as it was.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseSourceUrl } from '../../src/config/urls.ts'
import { SqliteDatabase } from '../../src/ledger/sqlite-database.ts'
import type { Receipt } from '../../src/pipeline/receipt.ts'
import { Pop3Client } from '../../src/pop3/index.ts'
import { generateMailbox } from '../../src/testing/index.ts'
import { type Dovecot, noDovecot, startDovecot } from '../fixtures/dovecot.ts'
import { newDirectory, runCli } from '../support/cli.ts'

const given = process.env.MAILDRAIN_TEST_POP3
const missing = given === undefined ? noDovecot : undefined
let dovecot: Dovecot | undefined
let [from, password] = [given ?? '', process.env.MAILDRAIN_TEST_POP3_PASSWORD ?? '']

/** SHA-256 of every message by its unique-id, read one after the other. */
async function contents(): Promise<Map<string, string>> {
  const { tls, user, host, port } = parseSourceUrl(from)
  const auth = { user, password }
  const client = await Pop3Client.connect({
    ...{ host, tls, auth, allowCleartext: true, pipelining: 'off' },
    ...(port === undefined ? {} : { port }),
  })
  await client.login()
  const { messages } = await client.stat()
  const uidls = new Map<number, string>()
  await client.uidlAll((n, uidl) => uidls.set(n, uidl), messages)
  const found = new Map<string, string>()
  for (const [n, uidl] of uidls) {
    const hash = createHash('sha256')
    await client.retr(n, { octets: 0, onData: (chunk) => hash.update(chunk) })
    found.set(uidl, hash.digest('hex'))
  }
  client.close()
  return found
}

describe.skipIf(missing !== undefined)(
  `a mailbox that stays${missing ? `: ${missing}` : ''}`,
  () => {
    beforeAll(async () => {
      if (given !== undefined) return
      dovecot = await startDovecot()
      const mailbox = generateMailbox({ messages: 40, seed: 2, profile: 'small' })
      for (let index = 0; index < mailbox.size; index += 1)
        await dovecot.add(mailbox.message(index).read())
      from = `pop3://${dovecot.user}@${dovecot.host}:${dovecot.port}`
      password = dovecot.password
    })
    afterAll(() => dovecot?.stop())

    it('every message is in the database with the bytes that the server gives, and still on the server', async () => {
      const before = await contents()
      const path = join(newDirectory(), 'mail.db')
      const args = [
        'drain',
        '--from',
        from,
        '--to',
        `sqlite:${path}`,
        '--json',
        '--log-level',
        'error',
      ]
      if (from.startsWith('pop3://')) args.push('--insecure')
      const env = { MAILDRAIN_PASSWORD: password, XDG_STATE_HOME: newDirectory() }
      const receipts: Receipt[] = []
      for (let run = 0; run < 2; run += 1) {
        const { code, stdout, stderr } = await runCli(args, env)
        expect(code, stderr).toBe(0)
        receipts.push(JSON.parse(stdout) as Receipt)
      }
      expect(receipts).toMatchObject([
        { seen: before.size, delivered: before.size, deleted: 0 },
        { seen: before.size, delivered: 0, alreadyDelivered: before.size, deleted: 0 },
      ])
      const database = SqliteDatabase.openReader(path, { busyTimeoutMs: 1000 })
      const rows = database.prepare('SELECT uidl, raw FROM messages').rows()
      const stored = rows.map(([uidl, raw]): [string, string] => [
        String(uidl),
        createHash('sha256')
          .update(raw as Buffer)
          .digest('hex'),
      ])
      database.close()
      expect(new Map(stored)).toEqual(before)
      expect(await contents()).toEqual(before)
    }, 360_000)
  },
)
