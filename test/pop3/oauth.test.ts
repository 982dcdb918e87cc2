/** Access tokens: how they are sent, how a refusal is read, and when a new one is asked for. */
import { describe, expect, it } from 'vitest'
import type { AccessToken, Pop3ClientOptions, TokenProvider } from '../../src/pop3/index.ts'
import { Pop3Client } from '../../src/pop3/index.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { serve } from '../support/drains.ts'
import { converse, rejection } from './transcript.ts'

const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64')
const start = (...capabilities: string[]) =>
  ['S: +OK', 'C: CAPA', 'S: +OK', ...capabilities.map((tag) => `S: ${tag}`), 'S: .', ''].join('\n')
const end = '\nC: CAPA\nS: +OK\nS: .'

const TOKEN = `ya29.${'t0ken-'.repeat(300)}`
const xoauth2 = (token: string) => base64(`user=mrose\u0001auth=Bearer ${token}\u0001\u0001`)
const EXPLAINED = base64('{"status":"401","schemes":"bearer","scope":"https://mail.example/"}')

/** A function that gives the tokens one after the other, and what it was asked. */
function provider(...tokens: (string | AccessToken | Error)[]) {
  const asked: boolean[] = []
  const give: TokenProvider = ({ forceRefresh }) => {
    asked.push(forceRefresh)
    const next = tokens.shift()
    if (next === undefined) return Promise.reject(new Error('asked too often'))
    if (next instanceof Error) return Promise.reject(next)
    return Promise.resolve(typeof next === 'string' ? { token: next } : next)
  }
  return { asked, give }
}

const login = (script: string, auth: Pop3ClientOptions['auth'], expected?: object) =>
  converse(
    script,
    async ({ connect }) => {
      const client = await connect()
      if (expected === undefined) {
        await client.login()
        expect(client.state).toBe('transaction')
        return
      }
      const error = await rejection(client.login())
      expect(error).toMatchObject(expected)
      for (const secret of [TOKEN, TOKEN.slice(0, 20), xoauth2(TOKEN).slice(0, 60)])
        expect(error.message).not.toContain(secret)
    },
    { auth },
  )

describe('XOAUTH2', () => {
  it.each(['+', '+ ', '+OK'])('case 38: goes in two lines (%j)', (challenge) =>
    login(
      `${start('SASL PLAIN XOAUTH2')}C: AUTH XOAUTH2\nS: ${challenge}\nC: ${xoauth2(TOKEN)}\nS: +OK${end}`,
      { user: 'mrose', token: TOKEN },
    ),
  )

  const attempt = (token: string) => `C: AUTH XOAUTH2\nS: +\nC: ${xoauth2(token)}\n`
  const refused = (token: string) => `${attempt(token)}S: + ${EXPLAINED}\nC:\nS: -ERR no\n`

  it('case 39: an explained refusal is answered, and status and scope are told', () =>
    login(
      `${start('SASL XOAUTH2')}${refused(TOKEN)}`,
      { user: 'mrose', token: TOKEN },
      {
        code: 'MAILDRAIN_POP3_TOKEN_REJECTED',
        ...{ retryable: false, exitCode: 3, replyText: 'no' },
        oauth: { status: '401', scope: 'https://mail.example/' },
        message: expect.stringContaining('status "401", scope "https://mail.example/"') as string,
      },
    ))

  it('case 39: a new token is got by force, once, and tried on a new connection', async () => {
    const asked: boolean[] = []
    const token: TokenProvider = ({ forceRefresh }) => {
      asked.push(forceRefresh)
      return Promise.resolve({ token: forceRefresh ? 'new' : 'old' })
    }
    await converse(
      `${start('SASL XOAUTH2')}${refused('old')}N\n${start('SASL XOAUTH2')}${attempt('new')}S: +OK${end}`,
      async ({ connect }) => {
        const client = await connect()
        const closes: unknown[] = []
        client.onClose((error) => closes.push(error))
        await client.login()
        expect(asked.splice(0)).toEqual([false, true])
        expect(client.state).toBe('transaction')
        expect(closes).toEqual([])
        client.close()
        expect(closes).toEqual([undefined])
      },
      { auth: { user: 'mrose', token } },
    )
  })

  it('case 39: then it stops', async () => {
    const server = await serve(1, {
      capabilities: { sasl: ['XOAUTH2'] },
      acceptsToken: () => false,
    })
    const { asked, give } = provider('one', 'two', 'three')
    const client = await Pop3Client.connect({
      ...{ host: server.host, port: server.port, tls: 'none' },
      auth: { user: 'user', token: give },
    })
    let closed: unknown = 'not yet'
    client.onClose((error) => (closed = error))
    expect(await rejection(client.login())).toMatchObject({
      ...{ code: 'MAILDRAIN_POP3_TOKEN_REJECTED', retryable: false },
      oauth: { status: 'invalid_token', scope: 'https://mail.example/pop' },
    })
    expect(asked).toEqual([false, true])
    expect(server.sessions).toBe(2)
    client.close()
    expect(closed).toBeUndefined()
  })

  it.each([
    ['[SYS/TEMP] later', 'MAILDRAIN_POP3_SERVER_TEMPORARY'],
    ['[IN-USE] busy', 'MAILDRAIN_POP3_MAILDROP_BUSY'],
    ['[LOGIN-DELAY] wait', 'MAILDRAIN_POP3_LOGIN_DELAY'],
  ])('case 39: -ERR %s says nothing about the token', async (text, code) => {
    const server = await serve(1, {
      capabilities: { sasl: ['XOAUTH2'] },
      acceptsToken: () => true,
      behaviour: { rejectLogin: text },
    })
    const { asked, give } = provider('one')
    const client = await Pop3Client.connect({
      ...{ host: server.host, port: server.port, tls: 'none' },
      auth: { user: 'user', token: give },
    })
    expect(await rejection(client.login())).toMatchObject({ code, retryable: true })
    expect(asked).toEqual([false])
    client.close()
  })

  it('a refusal without an explanation is one of the token as well (Microsoft 365)', () =>
    login(
      `${start('SASL XOAUTH2')}${attempt(TOKEN)}S: -ERR Authentication failure: unknown user name or bad password.`,
      { user: 'mrose', token: TOKEN },
      { code: 'MAILDRAIN_POP3_TOKEN_REJECTED', oauth: null },
    ))

  it.each([
    ['no base64', '!!!'],
    ['no JSON', base64('no JSON')],
    ['no object', base64('[1]')],
    ['numbers and nothing', base64('{"status":401,"scope":{}}')],
    ['control characters', base64('{"status":"\\u001b[31m401"}')],
  ])('an explanation with %s does no harm', (_what, text) =>
    login(
      `${start('SASL XOAUTH2', 'AUTH-RESP-CODE')}${attempt(TOKEN)}S: + ${text}\nC:\nS: -ERR no`,
      { user: 'mrose', token: TOKEN },
      {
        code: 'MAILDRAIN_POP3_TOKEN_REJECTED',
        message: expect.not.stringMatching(/\p{Cc}/u) as string,
      },
    ),
  )

  it('a token that the server echoes, whole or in part, is not shown', async () => {
    for (const echo of [TOKEN, xoauth2(TOKEN), TOKEN.slice(0, 400), xoauth2(TOKEN).slice(0, 300)])
      await login(
        `${start('SASL XOAUTH2')}${attempt(TOKEN)}S: -ERR [AUTH] no: ${echo} indeed`,
        { user: 'mrose', token: TOKEN },
        { message: expect.stringContaining('no: *** indeed') as string },
      )
  })
})

describe('OAUTHBEARER', () => {
  const payload = (user: string) =>
    base64(`n,a=${user},\u0001host=localhost\u0001port=110\u0001auth=Bearer ${TOKEN}\u0001\u0001`)

  it('goes in two lines, with the user escaped', () =>
    login(
      `${start('SASL XOAUTH2 OAUTHBEARER')}C: AUTH OAUTHBEARER\nS: +\nC: ${payload('a=3Db=2Cc')}\nS: +OK${end}`,
      { user: 'a=b,c', token: TOKEN },
    ))

  it('case 40: a refusal is answered with AQ==', () =>
    login(
      `${start('SASL OAUTHBEARER')}C: AUTH OAUTHBEARER\nS: +\nC: ${payload('mrose')}\nS: + ${EXPLAINED}\nC: AQ==\nS: -ERR no`,
      { user: 'mrose', token: TOKEN },
      {
        code: 'MAILDRAIN_POP3_TOKEN_REJECTED',
        oauth: { status: '401', scope: 'https://mail.example/' },
      },
    ))

  it('a server that explains twice is given up', () =>
    login(
      `${start('SASL OAUTHBEARER')}C: AUTH OAUTHBEARER\nS: +\nC: ${payload('mrose')}\nS: + ${EXPLAINED}\nC: AQ==\nS: + ${EXPLAINED}`,
      { user: 'mrose', token: TOKEN },
      { code: 'MAILDRAIN_POP3_PROTOCOL' },
    ))
})

describe('the function that gives tokens', () => {
  const options = (server: { host: string; port: number }, token: TokenProvider) =>
    ({ host: server.host, port: server.port, tls: 'none', auth: { user: 'user', token } }) as const
  const serveTokens = (...good: string[]) =>
    serve(1, {
      capabilities: { sasl: ['OAUTHBEARER'] },
      acceptsToken: (token) => good.includes(token),
    })
  const logIn = async (settings: Pop3ClientOptions, io = {}) => {
    const client = await Pop3Client.connect(settings, io)
    await client.login()
    await client.quit()
  }

  it('case 41, fault 51: is asked once for five that need a token, and once for five that need another', async () => {
    const server = await serveTokens('good')
    const { asked, give } = provider('bad', 'good')
    const slow: TokenProvider = async (request) => {
      await new Promise((resolve) => setTimeout(resolve, 30))
      return give(request)
    }
    const settings = options(server, slow)
    await Promise.all(Array.from({ length: 5 }, () => logIn(settings)))
    expect(asked).toEqual([false, true])
    expect(server.logins).toBe(5)
  })

  it('is not asked again while a token lasts for more than five minutes', async () => {
    const server = await serveTokens('good')
    const expiresAt = new Date(Date.now() + 3_600_000)
    const { asked, give } = provider({ token: 'good', expiresAt })
    for (let session = 0; session < 3; session += 1) await logIn(options(server, give))
    expect(asked).toEqual([false])
  })

  it('is asked by force when what it gives is about to end', async () => {
    const server = await serveTokens('good')
    const soon = new Date(Date.now() + 4 * 60_000)
    const { asked, give } = provider({ token: 'dying', expiresAt: soon }, 'good')
    await logIn(options(server, give))
    expect(asked).toEqual([false, true])
  })

  it('that fails is named, and may do better later; nothing is connected', async () => {
    const { give } = provider(new Error('the token endpoint is down'))
    const error = await rejection(Pop3Client.connect(options({ host: '127.0.0.1', port: 1 }, give)))
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_TOKEN_UNAVAILABLE', retryable: true })
    expect(error.message).toContain('the token endpoint is down')
  })

  it.each(['', 'two words', 'line\nbreak', 'ä', undefined])(
    'that gives %j is refused',
    async (token) => {
      const give = (() => Promise.resolve({ token })) as TokenProvider
      const error = await rejection(
        Pop3Client.connect(options({ host: '127.0.0.1', port: 1 }, give)),
      )
      expect(error).toMatchObject({ code: 'MAILDRAIN_CONFIG_TOKEN', exitCode: 2 })
    },
  )

  it('that does not answer is given up, and told so', async () => {
    const clock = new FakeClock()
    let signal: AbortSignal | undefined
    const give: TokenProvider = (request) => {
      signal = request.signal
      return new Promise(() => undefined)
    }
    const connecting = Pop3Client.connect(options({ host: '127.0.0.1', port: 1 }, give), { clock })
    const rejected = rejection(connecting)
    await clock.advance(60_000)
    expect(await rejected).toMatchObject({ code: 'MAILDRAIN_POP3_TOKEN_UNAVAILABLE' })
    expect(signal?.aborted).toBe(true)
  })

  it('goes on for the others when one of them stops waiting', async () => {
    const server = await serveTokens('good')
    const stop = new AbortController()
    let answer: ((token: AccessToken) => void) | undefined
    const give: TokenProvider = () => new Promise((resolve) => (answer = resolve))
    const settings = options(server, give)
    const first = rejection(Pop3Client.connect(settings, { signal: stop.signal }))
    const second = logIn(settings)
    stop.abort()
    expect(await first).toMatchObject({ code: 'MAILDRAIN_POP3_DISCONNECTED' })
    answer?.({ token: 'good' })
    await second
    expect(server.logins).toBe(1)
  })
})
