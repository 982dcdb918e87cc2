import { afterEach, expect, it } from 'vitest'
import {
  type Mailbox,
  type MailboxMessage,
  type Pop3Server,
  dovecotUidl,
  startPop3Server,
} from '../../src/testing/index.ts'
import { RawClient } from './raw-client.ts'

const MESSAGES = 14_000_000
const MB = 1_000_000

let server: Pop3Server | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

/** Counts what the server asks of it. */
function countingMailbox() {
  const asked = { sizes: 0, messages: 0, reads: 0 }
  const mailbox: Mailbox = {
    size: MESSAGES,
    octetsOf(index) {
      asked.sizes += 1
      return 1000 + (index % 7)
    },
    message(index): MailboxMessage {
      asked.messages += 1
      const read = () => {
        asked.reads += 1
        return Buffer.from(`${'x'.repeat(998 + (index % 7))}\r\n`)
      }
      return { uidl: dovecotUidl(index, 1), octets: 1000 + (index % 7), read }
    },
  }
  return { mailbox, asked }
}

function used(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

it('14 million messages: 2 s to start, 100 MB with six sessions open, and no message until one is asked for', async () => {
  const { mailbox, asked } = countingMailbox()
  const before = used()
  const begun = process.cpuUsage()
  server = await startPop3Server({ mailbox })
  expect(asked).toEqual({ sizes: 0, messages: 0, reads: 0 })
  const one = await RawClient.login(server)
  const total = Array.from({ length: 7 }, (_, k) => (MESSAGES / 7) * (1000 + k))
  const octets = total.reduce((sum, part) => sum + part, 0)
  expect(await one.ask('STAT')).toBe(`+OK ${MESSAGES} ${octets}`)
  // Server and client are this process: what it takes on a machine that has nothing else to do.
  const { user, system } = process.cpuUsage(begun)
  expect((user + system) / 1000).toBeLessThan(2000)

  expect(await one.ask('LIST 13999999')).toBe(`+OK 13999999 ${1000 + (13_999_998 % 7)}`)
  expect(asked.messages).toBe(0)
  expect(await one.ask('UIDL 7000000')).toBe(`+OK 7000000 ${dovecotUidl(6_999_999, 1)}`)
  expect(asked).toMatchObject({ messages: 1, reads: 0 })
  expect(await one.retr(3)).toHaveLength(1002)
  expect(asked.reads).toBe(1)

  for (const n of [1, 2, 14_000_000]) await one.ask(`DELE ${n}`)
  expect(await one.ask('QUIT')).toMatch(/^\+OK/)
  const sizesBefore = asked.sizes
  const others: RawClient[] = []
  for (let i = 0; i < 6; i += 1) others.push(await RawClient.login(server))
  // The sum is kept, so that a login costs nothing more.
  expect(asked.sizes).toBe(sizesBefore)
  const left = octets - 1000 - 1001 - (1000 + (13_999_999 % 7))
  expect(await others[5]!.ask('STAT')).toBe(`+OK ${MESSAGES - 3} ${left}`)
  expect(await others[0]!.ask('UIDL 1')).toBe(`+OK 1 ${dovecotUidl(2, 1)}`)
  expect(await others[0]!.ask('UIDL 13999997')).toBe(`+OK 13999997 ${dovecotUidl(13_999_998, 1)}`)
  expect(used() - before).toBeLessThan(100 * MB)
})

it('a client that reads slowly holds up the listing of 14 million, not the memory', async () => {
  server = await startPop3Server({ mailbox: countingMailbox().mailbox })
  const one = await RawClient.login(server)
  const before = used()
  one.pause()
  one.send('LIST\r\n')
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(used() - before).toBeLessThan(50 * MB)
  one.destroy()
})
