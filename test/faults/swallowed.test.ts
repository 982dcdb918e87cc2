/** Faults 10 to 12: a command was carried out and its reply never comes; then the line is dead. With the built command. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Receipt } from '../../src/pipeline/receipt.ts'
import { FaultProxy, startPop3Server } from '../../src/testing/index.ts'
import { newDirectory, runCli } from '../support/cli.ts'
import { Stored, cutMailbox } from '../support/cut-drain.ts'
import { notFull } from '../support/full.ts'
import { sha256 } from '../support/topics.ts'

const MESSAGES = 20
/** How long nobody hangs up: a NAT that has forgotten the connection, and says so later. */
const DEAD_MS = 700

async function drainOver(verb: string, applyDeletesOnDrop: boolean) {
  const mailbox = cutMailbox(MESSAGES)
  const hashes = Array.from({ length: MESSAGES }, (_, i) => sha256(mailbox.message(i).read()))
  const directory = newDirectory()
  const stored = new Stored(join(directory, 'mail.db'))
  const premature: number[] = []
  const server = await startPop3Server({
    ...{ mailbox, behaviour: { applyDeletesOnDrop } },
    onEvent: ({ index }) => {
      if (index !== null && !stored.hashes().includes(hashes[index] ?? '')) premature.push(index)
    },
  })
  const isSwallowed = ({ text }: { text: string }): boolean => {
    if (!text.startsWith(verb)) return false
    setTimeout(() => proxy.cut(), DEAD_MS)
    return true
  }
  const proxy = await FaultProxy.start({
    port: server.port,
    fault: (connection) =>
      connection > 1 ? undefined : { replyTo: isSwallowed, when: 'before', then: 'swallow' },
  })
  const receiptFile = join(directory, 'receipt.json')
  const args = ['drain', '--from', `pop3://user@127.0.0.1:${proxy.port}`, '--delete', '--quiet']
  args.push('--to', `sqlite:${join(directory, 'mail.db')}`, '--receipt', receiptFile)
  const { code, stderr } = await runCli(args, { XDG_STATE_HOME: directory })
  const receipt = JSON.parse(readFileSync(receiptFile, 'utf8')) as Receipt
  const found = [...stored.hashes()]
  stored.close()
  await proxy.close()
  await server.close()
  const { strikes } = proxy
  const left = server.remaining()
  return { code, stderr, receipt, premature, strikes, left, found, hashes, server }
}

it.concurrent.each([['AUTH'], ['DELE'], ['QUIT']])(
  'fault 10, 11, 12: the reply to %s is swallowed: each message once, and proven gone',
  async (verb) => {
    // The server that removes what was marked is the one that loses mail by a wrong order.
    for (const onDrop of notFull === undefined ? [false, true] : [true]) {
      const { found, hashes, receipt, server, ...rest } = await drainOver(verb, onDrop)
      expect(rest).toMatchObject({ code: 0, stderr: '', premature: [], strikes: 1, left: 0 })
      expect(found.sort()).toEqual([...hashes].sort())
      expect(receipt).toMatchObject({ seen: MESSAGES, delivered: MESSAGES, remaining: 0 })
      // What the lost session removed is never deleted again; a later look shows that it is gone.
      const removed = server.deletions.map(({ index }) => index)
      expect(new Set(removed).size).toBe(MESSAGES)
      expect(removed).toHaveLength(MESSAGES)
      if (verb === 'QUIT')
        expect(receipt).toMatchObject({ deleted: MESSAGES, verifiedGone: MESSAGES })
    }
  },
  360_000,
)
