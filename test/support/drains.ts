import type { MemorySink } from './memory-sink.ts'
import { type DrainOptions, drain } from '../../src/pipeline/drain.ts'
import type { Receipt } from '../../src/pipeline/receipt.ts'
import { type Pop3SourceOptions, pop3 } from '../../src/sources/pop3/index.ts'
import {
  type Mailbox,
  type MailboxMessage,
  type Pop3Server,
  type Pop3ServerOptions,
  startPop3Server,
} from '../../src/testing/index.ts'
import type { Sink } from '../../src/sinks/sink.ts'
import { afterEach } from 'vitest'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Messages of a test, small and told apart by their subject. */
export function smallMailbox(count: number, change: (index: number) => string = () => ''): Mailbox {
  const messages = Array.from({ length: count }, (_, index) => smallMessage(index, change(index)))
  return {
    size: count,
    message(index) {
      const message = messages[index]
      if (message === undefined) throw new RangeError(`no message ${index}`)
      return message
    },
  }
}

export function smallMessage(index: number, more = '', uidl = `uid-${index}`): MailboxMessage {
  const text = `From: a@example.org\r\nSubject: number ${index}\r\n\r\n.line ${index}\r\n${more}\r\n`
  const bytes = Buffer.from(text, 'latin1')
  return { uidl, octets: bytes.length, read: () => bytes }
}

/** Options under which a test's waits are short; everything else is the default. */
export function sourceFor(server: Pop3Server, change: Partial<Pop3SourceOptions> = {}) {
  return pop3({
    ...{ host: server.host, port: server.port, tls: 'none' },
    auth: { user: 'user', password: 'secret' },
    ...{ retryInitialMs: 5, lookDelaysMs: [5, 10, 15] },
    ...change,
  })
}

export interface DrainTest extends Partial<Omit<DrainOptions, 'source' | 'into'>> {
  readonly source?: Partial<Pop3SourceOptions>
}

const stateDir = mkdtempSync(join(tmpdir(), 'maildrain-state-'))

/** Drains the server into the sink with deletion, unparsed unless said otherwise. */
export function drainInto(
  server: Pop3Server,
  sink: Sink,
  { source, ...change }: DrainTest = {},
): Promise<Receipt> {
  return drain({
    ...{ source: sourceFor(server, source), into: sink },
    ...{ through: [], deletion: 'delete', lingerMs: 5, stateDir },
    ...change,
  })
}

/** Every message exactly once at the destination, bytes equal. */
export function delivered(sink: MemorySink): string[] {
  return sink.records.map(({ value }) => value.raw.toString('latin1'))
}

const servers: Pop3Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

/** A server with `count` small messages, closed after the test. */
export async function serve(
  count: number,
  options: Partial<Pop3ServerOptions> = {},
  body: (index: number) => string = () => '',
): Promise<Pop3Server> {
  const server = await startPop3Server({ mailbox: smallMailbox(count, body), ...options })
  servers.push(server)
  return server
}

/** The bytes of such messages. */
export const texts = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => smallMessage(index).read().toString('latin1'))
