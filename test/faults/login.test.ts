/** Faults 27 to 31 and 48 to 52: refused logins, names that lead nowhere or elsewhere, and tokens. */
import dns from 'node:dns'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { TokenProvider } from '../../src/pop3/index.ts'
import { delivered, drainInto, serve, texts } from '../support/drains.ts'
import { endsWith, holds, until } from '../support/faults.ts'
import { MemorySink } from '../support/memory-sink.ts'

describe('a login that is refused', () => {
  it('fault 27: [IN-USE] for a while', async () => {
    await holds({ behaviour: () => ({ inUse: 3 }) })
    const server = await serve(3, { behaviour: { inUse: Infinity } })
    const error = await endsWith(server, new MemorySink())
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_MAILDROP_BUSY', exitCode: 4 })
  })

  it('fault 28: [LOGIN-DELAY] without a word of it in CAPA', async () => {
    await holds({ behaviour: () => ({ rejectLogin: until(2)('[LOGIN-DELAY] too soon') }) })
  })

  it('fault 29: [SYS/TEMP] is tried again, [SYS/PERM] is not', async () => {
    await holds({ behaviour: () => ({ rejectLogin: until(2)('[SYS/TEMP] later') }) })
    const server = await serve(3, { behaviour: { rejectLogin: '[SYS/PERM] gone' } })
    const error = await endsWith(server, new MemorySink(), { source: { openPatienceMs: 2000 } })
    expect(error.retryable).toBe(false)
    expect(server.sessions).toBe(1)
  })

  it('fault 31: a server that locks the account after three failures never locks it', async () => {
    const server = await serve(3, { password: 'another', behaviour: { lockAccountAfter: 3 } })
    const sink = new MemorySink()
    const error = await endsWith(server, sink, { source: { openPatienceMs: 2000 } })
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_AUTH_REJECTED', exitCode: 3 })
    const auth = { user: 'user', password: 'another' }
    expect(await drainInto(server, sink, { source: { auth } })).toMatchObject({ delivered: 3 })
  })
})

/** The system's name service, replaced: there is no other way to it than through Node.js. */
describe('a name', () => {
  afterEach(() => void vi.restoreAllMocks())

  type Callback = (error: Error | null, addresses?: { address: string; family: 4 }[]) => void
  const lookups = (answer: (count: number, callback: Callback) => void) => {
    let count = 0
    const lookup = (_name: string, _options: object, callback: Callback) =>
      answer((count += 1), callback)
    vi.spyOn(dns, 'lookup').mockImplementation(lookup as unknown as typeof dns.lookup)
    return () => count
  }
  const address = (ip: string) => [{ address: ip, family: 4 as const }]
  const failure = (code: string) => Object.assign(new Error(`getaddrinfo ${code}`), { code })
  const source = { host: 'mail.example', allowCleartext: true, connectTimeoutMs: 100 }

  it.each([
    ['is not found', (callback: Callback) => callback(failure('ENOTFOUND'))],
    ['meets a name server that fails', (callback: Callback) => callback(failure('EAI_AGAIN'))],
    ['takes longer than connecting may', () => undefined],
  ])('fault 48: that %s, for a while, and for ever', async (_what, fails) => {
    const [server, other] = [await serve(5), await serve(5)]
    const asked = lookups((count, callback) =>
      count <= 2 ? fails(callback) : callback(null, address('127.0.0.1')),
    )
    const sink = new MemorySink()
    expect(await drainInto(server, sink, { source })).toMatchObject({ delivered: 5 })
    expect(delivered(sink)).toEqual(texts(5))
    expect(asked()).toBeGreaterThan(2)
    lookups((_count, callback) => fails(callback))
    const error = await endsWith(other, new MemorySink(), { source })
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_UNREACHABLE', exitCode: 4 })
    expect(error.message).toContain('mail.example')
  })

  it.each([
    ['an empty mailbox', 0],
    ['the first half of the mailbox', 6],
  ])(
    'fault 49: that leads in its second session to a machine which shows %s: nothing is taken for gone',
    async (_what, shown) => {
      const mailboxId = 'user@mail.example'
      const server = await serve(12)
      const other = await serve(shown, { host: '127.0.0.2', port: server.port })
      lookups((count, callback) => callback(null, address(count === 2 ? '127.0.0.2' : '127.0.0.1')))
      const sink = new MemorySink()
      const receipt = await drainInto(server, sink, {
        source: { ...source, mailboxId, sessionMessages: 4 },
      })
      expect(other.logins).toBeGreaterThan(0)
      expect(server.remaining()).toBe(0)
      expect(delivered(sink).sort()).toEqual(texts(12).sort())
      expect(receipt).toMatchObject({ delivered: 12, remaining: 0 })
    },
  )
})

/** An endpoint that gives tokens, as an OAuth server does. */
async function tokenEndpoint(answer: (request: number) => { status: number; body: string }) {
  let requests = 0
  const server = createServer((_request, response) => {
    const { status, body } = answer((requests += 1))
    if (status !== 0) response.writeHead(status).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void (server.closeAllConnections(), server.close()))
  const { port } = server.address() as AddressInfo
  const token: TokenProvider = async ({ signal }) => {
    const response = await fetch(`http://127.0.0.1:${port}/token`, { method: 'POST', signal })
    if (!response.ok) throw new Error(`the token endpoint says ${response.status}`)
    return { token: await response.text() }
  }
  return { token, requests: () => requests }
}

const CANARY = 'canary-token'
const withToken = { capabilities: { sasl: ['XOAUTH2'] as const, user: false } }

describe('a token', () => {
  const good = { status: 200, body: CANARY }
  it.each([
    ['400', { status: 400, body: '{"error":"invalid_grant"}' }],
    ['500', { status: 500, body: 'oops' }],
    ['nothing', { status: 0, body: '' }],
  ])('fault 51: whose endpoint answers %s: ends in one line, and works later', async (_s, bad) => {
    const server = await serve(4, { ...withToken, acceptsToken: (token) => token === CANARY })
    const sink = new MemorySink()
    const down = await tokenEndpoint(() => bad)
    const timeouts = { tokenTimeoutMs: 100, openPatienceMs: 0 }
    const error = await endsWith(server, sink, {
      source: { auth: { user: 'user', token: down.token }, ...timeouts },
    })
    expect(error.code).toMatch(/TOKEN_UNAVAILABLE|POP3_TIMEOUT/)
    expect(error.message).not.toContain(CANARY)
    expect(server.sessions).toBe(0)
    const flaky = await tokenEndpoint((request) => (request <= 2 ? bad : good))
    const receipt = await drainInto(server, sink, {
      source: { auth: { user: 'user', token: flaky.token }, tokenTimeoutMs: 100 },
    })
    expect(receipt).toMatchObject({ delivered: 4, verifiedGone: 4 })
  })

  it.each([
    ['an hour from now, and has ended', 3_600_000],
    ['an hour ago, and is good', -3_600_000],
  ])('fault 52: that ends %s by a clock that is wrong', async (_what, ms) => {
    let current = 'first'
    const server = await serve(4, { ...withToken, acceptsToken: (token) => token === current })
    if (ms > 0) current = 'second'
    const asked: boolean[] = []
    const token: TokenProvider = ({ forceRefresh }) => {
      asked.push(forceRefresh)
      const given = forceRefresh && ms > 0 ? 'second' : 'first'
      return Promise.resolve({ token: given, expiresAt: new Date(Date.now() + ms) })
    }
    const sink = new MemorySink()
    const receipt = await drainInto(server, sink, { source: { auth: { user: 'user', token } } })
    expect(receipt).toMatchObject({ delivered: 4, verifiedGone: 4 })
    if (ms > 0) expect(asked).toEqual([false, true])
  })
})
