/** Servers that end every session: the drain gets on all the same, and reads little twice. */
import { connect, createServer, type AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { delivered, drainInto, serve, texts } from '../../support/drains.ts'
import { MemorySink } from '../../support/memory-sink.ts'

const COUNT = 600
const BODY = 'x'.repeat(2000)
const body = (): string => BODY
const expected = (count: number): string[] =>
  texts(count)
    .map((text) => `${text.slice(0, -2)}${BODY}\r\n`)
    .sort()

const source = { retryInitialMs: 1, windowMessages: 20 }

it('each session ends after so many octets: all is drained, and nothing twice', async () => {
  // The mailbox has 1.2 MB.
  const server = await serve(COUNT, { behaviour: { dropAfterOctets: 150_000 } }, body)
  const sink = new MemorySink()
  const receipt = await drainInto(server, sink, { source })
  expect(receipt).toMatchObject({ delivered: COUNT, remaining: 0, deleted: COUNT })
  expect(receipt.verifiedGone).toBe(COUNT)
  expect(delivered(sink).sort()).toEqual(expected(COUNT))
  const reads = server.log.filter(({ verb }) => verb === 'RETR').length
  expect(reads).toBeLessThan(2 * COUNT)
})

it('each session ends after so long: all is drained, and nothing twice', async () => {
  // A message takes some 5 ms, a session has 1.5 s.
  const count = 800
  const server = await serve(count, { behaviour: { delayMs: 2 } }, body)
  const proxy = createServer((client) => {
    const upstream = connect(server.port, server.host)
    const end = setTimeout(() => client.destroy(), 1500)
    client.pipe(upstream).pipe(client)
    for (const socket of [client, upstream])
      socket
        .on('error', () => undefined)
        .on('close', () => {
          clearTimeout(end)
          client.destroy()
          upstream.destroy()
        })
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void proxy.close())
  const sink = new MemorySink()
  const { port } = proxy.address() as AddressInfo
  const receipt = await drainInto(server, sink, { source: { ...source, port } })
  expect(receipt).toMatchObject({ delivered: count, remaining: 0, verifiedGone: count })
  expect(delivered(sink).sort()).toEqual(expected(count))
})
