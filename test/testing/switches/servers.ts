import { type Behaviour, type Pop3Server, startPop3Server } from '../../../src/testing/index.ts'
import type { Pop3ServerOptions } from '../../../src/testing/index.ts'
import { afterEach } from 'vitest'
import { smallMailbox } from '../../support/drains.ts'
import { RawClient } from '../raw-client.ts'

const servers: Pop3Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

/** A server with `count` small messages, closed after the test. */
export async function serving(options: Partial<Pop3ServerOptions> = {}, count = 4) {
  const server = await startPop3Server({ mailbox: smallMailbox(count), ...options })
  servers.push(server)
  return server
}

export const behaving = (behaviour: Behaviour, count = 4): Promise<Pop3Server> =>
  serving({ behaviour }, count)

/** Logged in at a server with these switches. */
export async function client(behaviour: Behaviour, count = 4): Promise<RawClient> {
  return RawClient.login(await behaving(behaviour, count))
}

/** Connected and greeted. */
export async function greeted(server: Pop3Server): Promise<RawClient> {
  const one = await RawClient.connect(server)
  await one.line()
  return one
}

/** The reply to PASS. */
export async function tryLogin(server: Pop3Server, user = 'user', password = 'secret') {
  const one = await greeted(server)
  await one.ask(`USER ${user}`)
  return one.ask(`PASS ${password}`)
}

/** Deletes the messages in one session; the reply to QUIT. */
export async function expunge(server: Pop3Server, ...numbers: number[]): Promise<string> {
  const one = await RawClient.login(server)
  for (const n of numbers) await one.ask(`DELE ${n}`)
  return one.ask('QUIT').catch(() => '')
}

/** Does nothing more come for a while? */
export async function isSilent(one: RawClient, ms = 60): Promise<boolean> {
  const before = one.octets
  await new Promise((resolve) => setTimeout(resolve, ms))
  return one.octets === before
}
