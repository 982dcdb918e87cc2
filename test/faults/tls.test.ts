/** Faults 40 to 44: certificates and versions that are refused, and a line under TLS that ends in the middle. */
import { type AddressInfo, connect, createServer } from 'node:net'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Pop3SourceOptions } from '../../src/sources/pop3/index.ts'
import type { Pop3ServerTls } from '../../src/testing/index.ts'
import { type Authority, type Certificate, authority } from '../support/certificates.ts'
import { noOpenssl } from '../support/cli.ts'
import { delivered, drainInto, serve, smallMessage, texts } from '../support/drains.ts'
import { endsWith } from '../support/faults.ts'
import { MemorySink } from '../support/memory-sink.ts'

const why = noOpenssl === undefined ? '' : ` (${noOpenssl})`

/** Passes everything on, and ends the first connection, as TCP ends one, when the server has sent so many octets. */
async function endingForwarder(to: number, octets: number) {
  let [connections, ended] = [0, 0]
  const listener = createServer((client) => {
    connections += 1
    let left = connections === 1 ? octets : Infinity
    const server = connect(to, '127.0.0.1')
    for (const socket of [client, server]) socket.on('error', () => undefined)
    client.pipe(server)
    server.on('data', (chunk: Buffer) => {
      if (left <= 0) return
      client.write(chunk.subarray(0, left))
      left -= chunk.length
      if (left > 0) return
      ended += 1
      client.end()
    })
    server.on('end', () => client.end())
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void listener.close())
  return { port: (listener.address() as AddressInfo).port, ended: () => ended }
}

describe.skipIf(noOpenssl !== undefined)(`TLS${why}`, () => {
  let ca: Authority
  let good: Certificate
  beforeAll(() => {
    ca = authority('authority of the test')
    good = ca.issue('DNS:localhost,IP:127.0.0.1')
  })
  const over = ({ key, cert }: Certificate, more: Partial<Pop3ServerTls> = {}): Pop3ServerTls => ({
    ...{ mode: 'implicit', key, cert },
    ...more,
  })
  const source = (): Partial<Pop3SourceOptions> => ({ tls: 'implicit', ca: ca.cert })

  const oldest = { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' }
  const rows: readonly (readonly [string, () => Pop3ServerTls, string])[] = [
    ['has expired', () => over(ca.issue('IP:127.0.0.1', { days: -1 })), 'TLS_EXPIRED'],
    ['is for another name', () => over(ca.issue('DNS:other.example')), 'TLS_NAME'],
    [
      'is signed by nobody who is trusted',
      () => over(authority('nobody').issue('IP:127.0.0.1')),
      'TLS_UNKNOWN_CA',
    ],
    [
      'is good, and TLS 1.0 alone',
      () => over(good, oldest as Partial<Pop3ServerTls>),
      'TLS_VERSION',
    ],
  ]
  it.each(rows)(
    'fault 40, 41, 42, 43: a certificate that %s: one attempt, nothing sent, drained when it is another one',
    async (_what, tls, code) => {
      const sink = new MemorySink()
      const bad = await serve(5, { tls: tls() })
      const error = await endsWith(bad, sink, { source: { ...source(), openPatienceMs: 2000 } })
      expect(error).toMatchObject({ code: `MAILDRAIN_POP3_${code}`, exitCode: 3 })
      expect(bad.log).toEqual([])
      expect(bad.sessions).toBeLessThanOrEqual(1)
      expect(sink.records).toEqual([])
      const mended = await serve(5, { tls: over(good) })
      const receipt = await drainInto(mended, sink, { source: source() })
      expect(receipt).toMatchObject({ delivered: 5, verifiedGone: 5 })
      expect(delivered(sink).sort()).toEqual(texts(5).sort())
    },
  )

  it('fault 44: TLS ends without close_notify in the middle of a message: no end of it, and the drain goes on', async () => {
    const body = 'x'.repeat(20_000)
    for (const octets of [12_000, 30_000, 47_000, 90_000]) {
      const sink = new MemorySink()
      const server = await serve(6, { tls: over(good) }, () => body)
      const { port, ended } = await endingForwarder(server.port, octets)
      const receipt = await drainInto(server, sink, { source: { ...source(), port } })
      expect(ended()).toBe(1)
      expect(receipt).toMatchObject({ delivered: 6, verifiedGone: 6, remaining: 0 })
      expect(server.remaining()).toBe(0)
      const sent = Array.from({ length: 6 }, (_, i) =>
        smallMessage(i, body).read().toString('latin1'),
      )
      expect(delivered(sink).sort()).toEqual(sent.sort())
      const first = server.log.filter(({ session }) => session === 1).map(({ verb }) => verb)
      expect(first).toContain('RETR')
      expect(first).not.toContain('DELE')
    }
  })
})
