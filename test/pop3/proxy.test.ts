/** Connections through SOCKS5 and HTTP CONNECT. */
import { createServer } from 'node:net'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { Pop3Client, type Pop3ClientOptions, parseProxy } from '../../src/pop3/index.ts'
import { authority } from '../support/certificates.ts'
import { noOpenssl } from '../support/cli.ts'
import { serve } from '../support/drains.ts'
import { httpProxy, socksProxy } from '../support/proxies.ts'
import { rejection } from './transcript.ts'

const account = { user: 'pr@xy', password: 'canary:/secret' }
const credentials = `${encodeURIComponent(account.user)}:${encodeURIComponent(account.password)}@`

const connect = (port: number, proxy: string, change: Partial<Pop3ClientOptions> = {}) =>
  Pop3Client.connect({
    ...{ host: 'mail.example', port, tls: 'none', allowCleartext: true, proxy },
    auth: { user: 'user', password: 'secret' },
    ...change,
  })

const KINDS = [
  ['socks5', socksProxy],
  ['http', httpProxy],
] as const

describe.each(KINDS)('%s', (scheme, start) => {
  it('carries a session, and resolves the name itself', async () => {
    const server = await serve(1)
    const proxy = await start()
    const client = await connect(server.port, `${scheme}://127.0.0.1:${proxy.port}`)
    await client.login()
    expect(await client.stat()).toMatchObject({ messages: 1 })
    await client.quit()
    expect(proxy.asked).toEqual([`mail.example:${server.port}`])
  })

  it('takes user and password, whatever characters they have', async () => {
    const server = await serve(1)
    const proxy = await start(account)
    const client = await connect(server.port, `${scheme}://${credentials}127.0.0.1:${proxy.port}`)
    await client.login()
    await client.quit()
  })

  it('that rejects them is said to, without them', async () => {
    const proxy = await start({ ...account, password: 'other' })
    const error = await rejection(connect(110, `${scheme}://${credentials}127.0.0.1:${proxy.port}`))
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_PROXY_REJECTED', retryable: false })
    const shown = inspect(error, { depth: 20, showHidden: true })
    expect(shown).not.toMatch(/canary|pr@xy|cHJAeHk/)
  })

  it('that wants credentials and gets none is said to', async () => {
    const proxy = await start(account)
    const error = await rejection(connect(110, `${scheme}://127.0.0.1:${proxy.port}`))
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_PROXY_REJECTED' })
  })

  it('that cannot be reached is named as the proxy', async () => {
    const error = await rejection(connect(110, `${scheme}://${credentials}127.0.0.1:1`))
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_UNREACHABLE', retryable: true })
    expect(error.message).toContain('the proxy for mail.example:110')
    expect(error.message).not.toContain('canary')
  })

  it('that is silent is given up', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as { port: number }
    const proxy = `${scheme}://127.0.0.1:${port}`
    const error = await rejection(connect(110, proxy, { connectTimeoutMs: 100 }))
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_PROXY', retryable: true })
    const stop = new AbortController()
    const options = { host: 'mail.example', proxy, auth: { user: 'a', password: 'b' } }
    const stopped = rejection(Pop3Client.connect(options, { signal: stop.signal }))
    setTimeout(() => stop.abort(), 30)
    expect(await stopped).toMatchObject({ code: 'MAILDRAIN_POP3_DISCONNECTED' })
    silent.close()
  })

  it.skipIf(noOpenssl !== undefined)(
    'carries TLS, checked against the name of the server',
    async () => {
      const ca = authority('authority of the test')
      const tls = { mode: 'implicit', ...ca.issue('DNS:mail.example') } as const
      const server = await serve(1, { tls })
      const proxy = `${scheme}://127.0.0.1:${(await start()).port}`
      const change = { tls: 'implicit', ca: ca.cert, proxy } as const
      const client = await connect(server.port, proxy, change)
      expect(client.secure).toBe(true)
      await client.login()
      await client.quit()
      const other = connect(server.port, proxy, { ...change, host: 'other.example' })
      expect(await rejection(other)).toMatchObject({ code: 'MAILDRAIN_POP3_TLS_NAME' })
    },
  )
})

describe('a proxy', () => {
  it('that refuses the connection is named with its reason', async () => {
    const socks = await socksProxy(undefined, 5)
    const error = await rejection(connect(110, `socks5://127.0.0.1:${socks.port}`))
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_PROXY' })
    expect(error.message).toContain('ConnectionRefused')
    const http = await httpProxy(undefined, '403 Forbidden')
    const forbidden = await rejection(connect(110, `http://127.0.0.1:${http.port}`))
    expect(forbidden).toMatchObject({ code: 'MAILDRAIN_POP3_PROXY' })
    expect(forbidden.message).toContain('it answered 403 Forbidden')
  })

  it('is no loopback: cleartext to localhost behind it is refused', async () => {
    const error = await rejection(
      connect(110, 'socks5://127.0.0.1:1', { host: 'localhost', allowCleartext: false }),
    )
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_CLEARTEXT' })
  })

  it('is not taken from the environment', async () => {
    const server = await serve(1)
    const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'all_proxy', 'http_proxy']
    for (const name of names) process.env[name] = 'http://127.0.0.1:1'
    try {
      const client = await Pop3Client.connect({
        ...{ host: server.host, port: server.port, tls: 'none' },
        auth: { user: 'user', password: 'secret' },
      })
      client.close()
    } finally {
      for (const name of names) Reflect.deleteProperty(process.env, name)
    }
  })

  it.each([
    ['socks5://proxy.example', { kind: 'socks5', host: 'proxy.example', port: 1080 }],
    ['HTTP://[::1]:3128/', { kind: 'http', host: '::1', port: 3128 }],
    ['http://a%40b:c%3Ad@h', { kind: 'http', host: 'h', port: 8080, user: 'a@b', password: 'c:d' }],
    ['http://a:b:c@h', { kind: 'http', host: 'h', port: 8080, user: 'a', password: 'b:c' }],
  ])('%s is understood', (address, expected) => {
    expect(parseProxy(address)).toEqual(expected)
  })

  it.each([
    'canary',
    'socks4://canary',
    'https://canary',
    'socks5://:canary@h',
    'socks5://a%zz:canary@h',
    'http://canary:99999',
    'http://canary/path',
    `socks5://a:${'canary'.repeat(50)}@h`,
  ])('%s is refused, and not shown', async (proxy) => {
    expect(() => parseProxy(proxy)).toThrow(/socks5:\/\/\[USER@\]HOST/)
    const error = await rejection(connect(110, proxy))
    expect(error).toMatchObject({ code: 'MAILDRAIN_CONFIG_PROXY', exitCode: 2 })
    expect(error.message).not.toContain('canary')
  })
})
