import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../src/errors.ts'
import { Pop3Client, type Pop3ClientOptions } from '../../src/pop3/index.ts'
import { sasl } from '../../src/pop3/commands.ts'
import { PASSWORD, ScriptedServer, converse, rejection, session } from './transcript.ts'

const start = (...capabilities: string[]) =>
  ['S: +OK', 'C: CAPA', 'S: +OK', ...capabilities.map((tag) => `S: ${tag}`), 'S: .', ''].join('\n')
const end = 'C: CAPA\nS: +OK\nS: .'
const base64 = (text: string) => Buffer.from(text).toString('base64')
const PLAIN = base64(`\0mrose\0${PASSWORD}`)

/** Plays a login that must succeed. */
const accepted = (script: string, capabilities: readonly string[], auth?: Auth) =>
  converse(
    start(...capabilities) + script + `\n${end}`,
    async ({ connect }) => {
      const client = await connect()
      await client.login()
      expect(client.state).toBe('transaction')
    },
    auth === undefined ? {} : { auth },
  )

type Auth = Pop3ClientOptions['auth']

/** Plays a login that must fail. */
const refused = (script: string, capabilities: readonly string[], expected: object, auth?: Auth) =>
  converse(
    start(...capabilities) + script,
    async ({ connect }) => {
      const client = await connect()
      expect(await rejection(client.login())).toMatchObject(expected)
      expect(client.state).not.toBe('transaction')
    },
    auth === undefined ? {} : { auth },
  )

describe('USER and PASS', () => {
  it('case 29: +OK to both', () =>
    accepted(`C: USER mrose\nS: +OK\nC: PASS ${PASSWORD}\nS: +OK`, ['USER']))

  it('case 30: after -ERR to USER no password is sent', () =>
    refused('C: USER mrose\nS: -ERR never heard of', ['USER'], {
      code: 'MAILDRAIN_POP3_AUTH_REJECTED',
      command: 'USER',
      retryable: false,
    }))

  it('case 33: -ERR and the end of the connection is a refusal, not a network failure', () =>
    refused(`C: USER mrose\nS: +OK\nC: PASS ${PASSWORD}\nS: -ERR no\nX`, ['USER'], {
      code: 'MAILDRAIN_POP3_AUTH_REJECTED',
    }))

  it('case 42: spaces and quotes are sent as they are', () => {
    const auth = { user: 'mrose', password: ' "p s" ' }
    return accepted('C: USER mrose\nS: +OK\nC: PASS  "p s" \nS: +OK', ['USER'], auth)
  })

  it('case 42: letters beyond ASCII go by USER and PASS where the server says UTF8 USER', () => {
    const auth = { user: 'jörg', password: ' "pä ß" ' }
    const script = 'C: UTF8\nS: +OK\nC: USER jörg\nS: +OK\nC: PASS  "pä ß" \nS: +OK'
    return accepted(script, ['USER', 'UTF8 USER'], auth)
  })

  it('case 42: else not, unless USER was asked for', async () => {
    const auth = { user: 'mrose', password: 'pä' }
    await refused('', ['USER'], { code: 'MAILDRAIN_POP3_ARGUMENT' }, auth)
    await refused('C: UTF8\nS: +OK', ['USER', 'UTF8'], { code: 'MAILDRAIN_POP3_ARGUMENT' }, auth)
    const asked = { ...auth, mechanism: 'USER' } as const
    await accepted('C: USER mrose\nS: +OK\nC: PASS pä\nS: +OK', ['USER'], asked)
  })

  it.each([
    ['user', 'a\r\nDELE 1', 'x'],
    ['user', 'a\0b', 'x'],
    ['password', 'a', 'x\nDELE 1'],
    ['password', 'a', 'x\r'],
    ['password', 'a', 'x\0'],
  ])(
    'case 42: a line break or NUL in the %s is refused before connecting',
    async (what, user, password) => {
      const connect = () => Promise.reject(new Error('a connection was attempted'))
      const options = { host: 'localhost', auth: { user, password } }
      const error = await rejection(Pop3Client.connect(options, { connect }))
      expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_ARGUMENT' })
      expect(error.message).toContain(what)
      expect(error.message).not.toContain('DELE')
    },
  )

  it('a space in the user cannot be carried by USER', () =>
    refused('', ['USER'], { code: 'MAILDRAIN_POP3_ARGUMENT' }, { user: 'm rose', password: 'x' }))

  it('case 36: a password that makes PASS longer than 255 octets is refused before USER is sent', () =>
    refused(
      '',
      ['USER'],
      { code: 'MAILDRAIN_POP3_ARGUMENT' },
      { user: 'mrose', password: 'ß'.repeat(125) },
    ))

  it('nothing is sent where the server offers neither USER nor PLAIN', () =>
    refused('', ['SASL EXTERNAL CRAM-MD5'], { code: 'MAILDRAIN_POP3_NO_MECHANISM' }))
})

describe('the choice of the mechanism', () => {
  const all = 'SASL CRAM-MD5 XOAUTH2 LOGIN PLAIN SCRAM-SHA-1 OAUTHBEARER SCRAM-SHA-256'
  const without = (...names: string[]) =>
    all
      .split(' ')
      .filter((name) => !names.includes(name))
      .join(' ')
  const token = { user: 'mrose', token: 'tok' } as const

  it.each([
    ['a password', undefined, all, 'SCRAM-SHA-256'],
    ['a password', undefined, without('SCRAM-SHA-256'), 'SCRAM-SHA-1'],
    ['a password', undefined, without('SCRAM-SHA-256', 'SCRAM-SHA-1'), 'PLAIN'],
    ['a password', undefined, 'SASL LOGIN CRAM-MD5', 'LOGIN'],
    ['a token', token, all, 'OAUTHBEARER'],
    ['a token', token, without('OAUTHBEARER'), 'XOAUTH2'],
  ])('with %s (%j) of %s: %s', async (_kind, auth, sasl, expected) => {
    const server = new ScriptedServer(start(sasl, 'USER'))
    const client = await Pop3Client.connect(
      {
        ...{ host: 'localhost', tls: 'none' },
        auth: auth ?? { user: 'mrose', password: PASSWORD },
      },
      { connect: server.connect },
    )
    const login = rejection(client.login())
    await new Promise((resolve) => setImmediate(resolve))
    client.close()
    await login
    expect(server.writes[1]).toMatch(new RegExp(`^AUTH ${expected}[ \\r]`))
  })

  it.each([
    [{ user: 'mrose', password: 'x' }, 'SASL CRAM-MD5 XOAUTH2', 'it offers CRAM-MD5, XOAUTH2'],
    [{ user: 'mrose', token: 'x' }, 'SASL PLAIN', 'offers none of OAUTHBEARER, XOAUTH2'],
    [{ user: 'mrose', password: 'x', mechanism: 'LOGIN' }, 'SASL PLAIN', 'does not offer LOGIN'],
    [{ user: 'mrose', password: 'x', mechanism: 'APOP' }, 'USER', 'no valid timestamp'],
  ] as const)('nothing is sent with %j to a server with %s', (auth, sasl, message) =>
    refused(
      '',
      [sasl],
      { code: 'MAILDRAIN_POP3_NO_MECHANISM', message: expect.stringContaining(message) as string },
      auth,
    ),
  )

  it.each([
    [{ user: 'a', password: 'b', mechanism: 'XOAUTH2' }, 'XOAUTH2 goes with a token'],
    [{ user: 'a', token: 'b', mechanism: 'PLAIN' }, 'PLAIN goes with a password'],
    [{ user: 'a' }, 'either password or token'],
    [{ user: 'a', password: 'b', token: 'c' }, 'either password or token'],
  ] as const)('%j is refused before connecting', async (auth, message) => {
    const connect = () => Promise.reject(new Error('a connection was attempted'))
    const error = await rejection(Pop3Client.connect({ host: 'localhost', auth }, { connect }))
    expect(error).toMatchObject({ code: 'MAILDRAIN_CONFIG_INVALID' })
    expect(error.message).toContain(message)
  })
})

describe('UTF8', () => {
  const login = `C: USER mrose\nS: +OK\nC: PASS ${PASSWORD}\nS: +OK`
  const utf8After = async (script: string, capabilities: string[], options = {}) => {
    let utf8: boolean | undefined
    await converse(
      start(...capabilities) + script + `\n${end}`,
      async ({ connect }) => {
        const client = await connect()
        await client.login()
        utf8 = client.utf8
      },
      options,
    )
    return utf8
  }

  it('is turned on before the login where it is offered', async () => {
    expect(await utf8After(`C: UTF8\nS: +OK\n${login}`, ['USER', 'UTF8'])).toBe(true)
  })

  it('is not asked for elsewhere, nor when it is off', async () => {
    expect(await utf8After(login, ['USER'])).toBe(false)
    expect(await utf8After(login, ['USER', 'UTF8'], { utf8: 'off' })).toBe(false)
  })

  it('-ERR [UTF8] to RETR has a code of its own', () =>
    session('C: RETR 1\nS: -ERR [UTF8] use UTF8', async (client) => {
      const reading = client.retr(1, { octets: 10, onData: () => undefined })
      expect(await rejection(reading)).toMatchObject({
        ...{ code: 'MAILDRAIN_POP3_UTF8_NEEDED', responseCode: 'UTF8' },
      })
    }))

  it('a server that refuses it is logged in to without', async () => {
    expect(await utf8After(`C: UTF8\nS: -ERR not now\n${login}`, ['USER', 'UTF8'])).toBe(false)
  })

  it('never comes before STLS (RFC 6856 section 2.1)', () =>
    converse(
      `S: +OK
       C: CAPA
       S: +OK
       S: STLS
       S: UTF8
       S: .
       C: STLS
       S: +OK
       TLS
       C: CAPA
       S: +OK
       S: UTF8
       S: USER
       S: .
       C: UTF8
       S: +OK
       ${login}
       ${end}`,
      async ({ connect }) => (await connect()).login(),
      { tls: 'stls' },
    ))
})

describe('AUTH LOGIN', () => {
  it('answers two prompts, whatever they say', () =>
    accepted(
      `C: AUTH LOGIN\nS: + VXNlcm5hbWU6\nC: ${base64('mrose')}\nS: +\nC: ${base64(PASSWORD)}\nS: +OK`,
      ['USER', 'SASL LOGIN'],
    ))

  it('gives up a server that asks a third time', () =>
    refused(
      `C: AUTH LOGIN\nS: +\nC: ${base64('mrose')}\nS: +\nC: ${base64(PASSWORD)}\nS: +`,
      ['SASL LOGIN'],
      { code: 'MAILDRAIN_POP3_PROTOCOL' },
    ))
})

describe('AUTH PLAIN', () => {
  it('case 35: is preferred, with the initial response', () =>
    accepted(`C: AUTH PLAIN ${PLAIN}\nS: +OK`, ['USER', 'SASL LOGIN PLAIN']))

  it('case 35: = stands for an empty response', () => {
    expect(sasl('EXTERNAL', '')?.line).toBe('AUTH EXTERNAL =\r\n')
    expect(sasl('EXTERNAL').line).toBe('AUTH EXTERNAL\r\n')
  })

  it('case 35: takes two steps where the server does not say that it has AUTH', () => {
    const auth = { user: 'mrose', password: PASSWORD, mechanism: 'PLAIN' } as const
    return converse(
      `S: +OK\nC: CAPA\nS: -ERR\nC: AUTH PLAIN\nS: +\nC: ${PLAIN}\nS: +OK\nC: CAPA\nS: -ERR`,
      async ({ connect }) => (await connect()).login(),
      { auth },
    )
  })

  it.each([
    [177, true],
    [178, false],
  ])(
    'case 36: a command of more than 255 octets takes two lines (%i characters)',
    (count, fits) => {
      const auth = { user: 'm', password: 'x'.repeat(count) }
      const payload = base64(`\0m\0${auth.password}`)
      const command = `C: AUTH PLAIN ${payload}`
      expect(command.length - 3 + 2 <= 255).toBe(fits)
      const script = fits ? `${command}\nS: +OK` : `C: AUTH PLAIN\nS: +\nC: ${payload}\nS: +OK`
      return accepted(script, ['SASL PLAIN'], auth)
    },
  )

  it.each(['+', '+ ', '+ not base64!', '+OK'])(
    'case 37: %j will do for the challenge',
    (challenge) => {
      const auth = { user: 'mrose', password: 'x'.repeat(200) }
      const payload = base64(`\0mrose\0${auth.password}`)
      return accepted(`C: AUTH PLAIN\nS: ${challenge}\nC: ${payload}\nS: +OK`, ['SASL PLAIN'], auth)
    },
  )

  it('carries letters beyond ASCII as UTF-8', () =>
    accepted(`C: AUTH PLAIN ${base64('\0jörg\0pä')}\nS: +OK`, ['SASL PLAIN'], {
      user: 'jörg',
      password: 'pä',
    }))

  it('answers a server that asks although it has the response', () =>
    accepted(`C: AUTH PLAIN ${PLAIN}\nS: +\nC: ${PLAIN}\nS: +OK`, ['SASL PLAIN']))

  it('gives up a server that asks without end', () =>
    refused(`C: AUTH PLAIN ${PLAIN}\nS: +\nC: ${PLAIN}\nS: + again`, ['SASL PLAIN'], {
      code: 'MAILDRAIN_POP3_PROTOCOL',
    }))

  it('a rejected password is not tried again with USER and PASS', () =>
    refused(`C: AUTH PLAIN ${PLAIN}\nS: -ERR [AUTH] no`, ['USER', 'SASL PLAIN'], {
      ...{ code: 'MAILDRAIN_POP3_AUTH_REJECTED', retryable: false, responseCode: 'AUTH' },
    }))
})

describe('a refused login', () => {
  const cases: (readonly [string, ErrorCode, string?])[] = [
    ['[IN-USE] Do you have another POP session running?', 'MAILDRAIN_POP3_MAILDROP_BUSY'],
    ['[in-use] x', 'MAILDRAIN_POP3_MAILDROP_BUSY'],
    ['[LOGIN-DELAY] minimum time between mail checks', 'MAILDRAIN_POP3_LOGIN_DELAY'],
    ['[SYS/TEMP] x', 'MAILDRAIN_POP3_SERVER_TEMPORARY'],
    ['[sys/temp/foo] x', 'MAILDRAIN_POP3_SERVER_TEMPORARY'],
    ['[SYS/PERM] x', 'MAILDRAIN_POP3_SERVER_PERMANENT'],
    ['[AUTH] x', 'MAILDRAIN_POP3_AUTH_REJECTED'],
    ['[X-NEWS] x', 'MAILDRAIN_POP3_AUTH_REJECTED'],
    ['invalid user or password', 'MAILDRAIN_POP3_AUTH_REJECTED'],
    ['', 'MAILDRAIN_POP3_AUTH_REJECTED'],
    ['maildrop already locked', 'MAILDRAIN_POP3_MAILDROP_BUSY'],
    ['lock busy! Is another session active?', 'MAILDRAIN_POP3_MAILDROP_BUSY'],
    ['Your mailbox is in use by another process', 'MAILDRAIN_POP3_MAILDROP_BUSY'],
    ['Unable to lock maildrop', 'MAILDRAIN_POP3_MAILDROP_BUSY'],
    ['wait a few minutes', 'MAILDRAIN_POP3_SERVER_TEMPORARY'],
    ['Service unavailable', 'MAILDRAIN_POP3_SERVER_TEMPORARY'],
    ['Too many open connections (16)', 'MAILDRAIN_POP3_SERVER_TEMPORARY'],
    ['[UTF8] user and password need UTF8', 'MAILDRAIN_POP3_UTF8_NEEDED'],
    ['Download exceed. msg=10', 'MAILDRAIN_POP3_QUOTA'],
    ['Download was rate limited. Please try again later', 'MAILDRAIN_POP3_QUOTA'],
    ['your account is locked', 'MAILDRAIN_POP3_AUTH_REJECTED'],
    ['account disabled for inactivity', 'MAILDRAIN_POP3_AUTH_REJECTED'],
    ['no reason at all', 'MAILDRAIN_POP3_SERVER_TEMPORARY', 'AUTH-RESP-CODE'],
    ['[AUTH] wrong', 'MAILDRAIN_POP3_AUTH_REJECTED', 'AUTH-RESP-CODE'],
    ['maildrop already locked', 'MAILDRAIN_POP3_MAILDROP_BUSY', 'AUTH-RESP-CODE'],
  ]
  const withCode = (text: string) => /^\[(?!X-)/.test(text)
  const play = (text: string, code: ErrorCode, capability = 'X') =>
    refused(`C: USER mrose\nS: +OK\nC: PASS ${PASSWORD}\nS: -ERR ${text}`, ['USER', capability], {
      code,
    })
  it.each(cases.filter(([text]) => withCode(text)).map((row) => [row] as const))(
    'case 31: -ERR %j',
    ([text, code, capability]) => play(text, code, capability),
  )
  it.each(cases.filter(([text]) => !withCode(text)).map((row) => [row] as const))(
    'case 32: -ERR %j',
    ([text, code, capability]) => play(text, code, capability),
  )

  it('on a connection that has ended is that end', () =>
    converse('S: +OK\nC: CAPA\nS: +OK\nS: .\nX', async ({ connect }) => {
      const client = await connect()
      await new Promise<unknown>((resolve) => client.onClose(resolve))
      expect(await rejection(client.login())).toMatchObject({
        code: 'MAILDRAIN_POP3_DISCONNECTED',
      })
    }))

  it('case 85: a goodbye during login is the end of the connection', () =>
    refused('C: USER mrose\nS: -ERR Disconnected for inactivity during authentication.', ['USER'], {
      code: 'MAILDRAIN_POP3_DISCONNECTED',
    }))

  it('case 108: ten kilobytes of it are refused, unless the limit is raised', async () => {
    const flood = `S= ${JSON.stringify(`-ERR \u001b[2J${'flood '.repeat(1700)}\r\n`)}`
    const play = (maxLineBytes: number, code: ErrorCode) =>
      converse(
        start('USER') + `C: USER mrose\n${flood}`,
        async ({ connect }) => {
          const error = await rejection((await connect()).login())
          expect(error).toMatchObject({ code })
          expect(error.message).not.toMatch(/\p{Cc}/u)
          expect(error.message.length).toBeLessThan(400)
        },
        { maxLineBytes },
      )
    await play(8192, 'MAILDRAIN_POP3_LIMIT')
    await play(16_384, 'MAILDRAIN_POP3_AUTH_REJECTED')
  })

  it('case 108: what the server says is made safe to show', () =>
    converse(
      start('USER') +
        `C: USER mrose\nS= ${JSON.stringify(`-ERR \u001b[31m\u009bred\u0007 \u00e2\u0080\u00aeevil ${'x'.repeat(6000)}\r\n`)}`,
      async ({ connect }) => {
        const error = await rejection((await connect()).login())
        expect(error.message).not.toMatch(/[\p{Cc}\p{Cf}]/u)
        expect(error.message).toContain('evil')
        expect(error.message.length).toBeLessThan(400)
        expect(Array.from((error as { replyText?: string }).replyText ?? '')).toHaveLength(200)
      },
    ))
})
