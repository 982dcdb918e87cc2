/** SRV records (RFC 6186), and what certificate their servers must have. */
import type { SrvRecord } from 'node:dns'
import { describe, expect, it } from 'vitest'
import { Pop3Client, type ResolveSrv, discoverPop3 } from '../../src/pop3/index.ts'
import { authority } from '../support/certificates.ts'
import { noOpenssl } from '../support/cli.ts'
import { serve } from '../support/drains.ts'
import { rejection } from './transcript.ts'

type Zone = Readonly<Record<string, readonly Partial<SrvRecord>[]>>

/** A name service with these records, and what it was asked. */
function zone(records: Zone) {
  const asked: string[] = []
  const resolve: ResolveSrv = (name) => {
    asked.push(name)
    const found = records[name]
    if (found === undefined)
      return Promise.reject(Object.assign(new Error(name), { code: 'ENOTFOUND' }))
    const complete = { priority: 0, weight: 0, port: 110, name: 'x', type: 'SRV' as const }
    return Promise.resolve(found.map((record) => ({ ...complete, ...record })))
  }
  return { asked, resolve }
}

describe('SRV records', () => {
  it('servers with TLS from the first byte come before those with STLS', async () => {
    const { asked, resolve } = zone({
      '_pop3s._tcp.example.org': [{ name: 'tls.example.org', port: 995 }],
      '_pop3._tcp.example.org': [{ name: 'stls.example.org', port: 110 }],
    })
    expect(await discoverPop3('example.org', 'implicit', resolve)).toEqual([
      { host: 'tls.example.org', port: 995, tls: 'implicit' },
      { host: 'stls.example.org', port: 110, tls: 'stls' },
    ])
    expect(asked).toEqual(['_pop3s._tcp.example.org', '_pop3._tcp.example.org'])
    expect(await discoverPop3('example.org', 'stls', resolve)).toEqual([
      { host: 'stls.example.org', port: 110, tls: 'stls' },
    ])
  })

  it('by priority, then by chance in proportion to weight', async () => {
    const { resolve } = zone({
      '_pop3s._tcp.a': [
        { name: 'last', priority: 20 },
        { name: 'heavy', priority: 10, weight: 90 },
        { name: 'light', priority: 10, weight: 10 },
      ],
    })
    const firsts: string[] = []
    for (let round = 0; round < 200; round += 1) {
      const hosts = (await discoverPop3('a', 'implicit', resolve)).map(({ host }) => host)
      expect(hosts.toSorted()).toEqual(['heavy', 'last', 'light'])
      expect(hosts[2]).toBe('last')
      firsts.push(hosts[0] ?? '')
    }
    const heavy = firsts.filter((name) => name === 'heavy').length
    expect(heavy).toBeGreaterThan(130)
    expect(heavy).toBeLessThan(200)
  })

  it('a domain without any, or with the one that says no, has no service', async () => {
    for (const records of [
      {},
      { '_pop3s._tcp.a': [{ name: '' }], '_pop3._tcp.a': [{ name: '.' }] },
    ]) {
      const error = await rejection(discoverPop3('a', 'implicit', zone(records).resolve))
      expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_NO_SERVICE' })
    }
  })

  it('a name service that does not answer is no answer', async () => {
    const resolve: ResolveSrv = () =>
      Promise.reject(Object.assign(new Error('x'), { code: 'ESERVFAIL' }))
    const error = await rejection(discoverPop3('a', 'implicit', resolve))
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_UNREACHABLE', retryable: true })
    expect(error.message).toContain('ESERVFAIL')
  })
})

describe.skipIf(noOpenssl !== undefined)('a client that discovers', () => {
  const options = {
    host: 'example.org',
    discover: true,
    auth: { user: 'user', password: 'secret' },
  }

  it('goes on to the next server, and wants the certificate of the domain', async () => {
    const ca = authority('authority of the test')
    const server = await serve(1, { tls: { mode: 'implicit', ...ca.issue('DNS:example.org') } })
    const { resolve: resolveSrv } = zone({
      '_pop3s._tcp.example.org': [
        { name: '127.0.0.1', port: 1 },
        { name: '127.0.0.1', port: server.port, priority: 1 },
      ],
    })
    const client = await Pop3Client.connect({ ...options, ca: ca.cert }, { resolveSrv })
    await client.login()
    await client.quit()
  })

  it('refuses a certificate for the name in the record', async () => {
    const ca = authority('authority of the test')
    const tls = { mode: 'implicit', ...ca.issue('DNS:localhost') } as const
    const server = await serve(1, { tls })
    const { resolve: resolveSrv } = zone({
      '_pop3s._tcp.example.org': [{ name: 'localhost', port: server.port }],
    })
    const error = await rejection(Pop3Client.connect({ ...options, ca: ca.cert }, { resolveSrv }))
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_TLS_NAME' })
    expect(server.log).toEqual([])
  })

  it('never goes on in clear on a server of _pop3._tcp', async () => {
    const server = await serve(1)
    const { resolve: resolveSrv } = zone({
      '_pop3._tcp.example.org': [{ name: '127.0.0.1', port: server.port }],
    })
    const error = await rejection(Pop3Client.connect(options, { resolveSrv }))
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_STLS_REFUSED' })
    expect(server.log.map(({ verb }) => verb)).toEqual(['CAPA'])
  })

  it.each([
    [{ port: 995 }, 'without port'],
    [{ tls: 'none' }, 'with TLS only'],
  ] as const)('%j does not go with it', async (change, text) => {
    const error = await rejection(Pop3Client.connect({ ...options, ...change }))
    expect(error).toMatchObject({ code: 'MAILDRAIN_CONFIG_INVALID' })
    expect(error.message).toContain(text)
  })
})
