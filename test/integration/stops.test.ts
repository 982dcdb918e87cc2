/** The built command stopped (SIGTERM) again and again on a real Dovecot: each receipt is what database and Maildir show. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Receipt } from '../../src/pipeline/receipt.ts'
import { generateMailbox } from '../../src/testing/index.ts'
import { type Dovecot, noDovecot, startDovecot } from '../fixtures/dovecot.ts'
import { messagesIn, newDirectory, startCli } from '../support/cli.ts'

const MESSAGES = 1500
const MAX_RUNS = 40

/** Takes it away; undefined when the command ended by the signal before it listened for any, and has done nothing. */
function takeReceipt(file: string): Receipt | undefined {
  if (!existsSync(file)) return undefined
  const receipt = JSON.parse(readFileSync(file, 'utf8')) as Receipt
  rmSync(file)
  return receipt
}

describe.skipIf(noDovecot !== undefined)(
  `SIGTERM on mail from Dovecot${noDovecot ? `: ${noDovecot}` : ''}`,
  () => {
    let dovecot: Dovecot
    beforeAll(async () => {
      dovecot = await startDovecot()
      const mailbox = generateMailbox({ messages: MESSAGES, seed: 5, profile: 'mixed' })
      for (let index = 0; index < mailbox.size; index += 1)
        await dovecot.add(mailbox.message(index).read())
    })
    afterAll(() => dovecot.stop())

    it('nothing is lost or doubled, and no receipt says more or less than there is', async () => {
      const directory = newDirectory()
      const [path, file] = [join(directory, 'mail.db'), join(directory, 'receipt.json')]
      const from = `pop3://${dovecot.user}@${dovecot.host}:${dovecot.port}`
      const args = ['drain', '--from', from, '--to', `sqlite:${path}`, '--delete', '--quiet']
      const env = { MAILDRAIN_PASSWORD: dovecot.password, XDG_STATE_HOME: directory }
      const sum = { delivered: 0, deleted: 0 }
      let [stops, patienceMs] = [0, 0]
      for (let runs = 1; runs <= MAX_RUNS; runs += 1) {
        const { child, result } = startCli([...args, '--receipt', file], env)
        const afterMs = 300 + (runs % 7) * 100 + patienceMs
        const timer = setTimeout(() => child.kill('SIGTERM'), afterMs)
        const { code, stderr } = await result
        clearTimeout(timer)
        expect([0, 143, null], stderr).toContain(code)
        const receipt = takeReceipt(file)
        const { delivered, deleted } = receipt ?? { delivered: 0, deleted: 0 }
        // On a busy machine the command takes seconds to begin: stopped before it gets anywhere, the next gets longer.
        if (delivered < MESSAGES / 20) patienceMs += 100 + patienceMs / 2
        // Dovecot may still be sorting the mail of a session whose client is gone without a word.
        if (receipt === undefined) continue
        sum.delivered += delivered
        sum.deleted += deleted
        const left = (await dovecot.files()).length
        expect(sum).toEqual({ delivered: messagesIn(path), deleted: MESSAGES - left })
        if (code === 0) break
        stops += 1
      }
      expect(sum).toEqual({ delivered: MESSAGES, deleted: MESSAGES })
      expect(stops).toBeGreaterThan(0)
    }, 540_000)
  },
)
