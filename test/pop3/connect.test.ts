import { describe, expect, it } from 'vitest'
import { ConnectionError, Pop3ProtocolError, Pop3ReplyError } from '../../src/errors.ts'
import { NO_CAPABILITIES, Pop3Client } from '../../src/pop3/index.ts'
import { ScriptedServer, converse, loginScript, rejection } from './transcript.ts'

const CAPA = ['C: CAPA', 'S: +OK', 'S: USER', 'S: .'].join('\n')

describe('greeting', () => {
  it('case 1: +OK alone will do', () =>
    converse(`S: +OK\n${CAPA}`, async ({ connect }) => {
      const client = await connect()
      expect(client.state).toBe('authorization')
      expect(client.secure).toBe(false)
    }))

  it('case 4, fault 6: -ERR is a busy server, to be tried again, and no word about credentials', () =>
    converse('S: -ERR too many connections from you', async ({ connect }) => {
      const error = await rejection(connect())
      expect(error).toBeInstanceOf(Pop3ReplyError)
      expect(error).toMatchObject({
        code: 'MAILDRAIN_POP3_SERVER_TEMPORARY',
        retryable: true,
        replyText: 'too many connections from you',
      })
    }))

  it('case 4: -ERR with [IN-USE] is a mailbox in use', () =>
    converse('S: -ERR [IN-USE] later', async ({ connect }) => {
      expect(await rejection(connect())).toMatchObject({ code: 'MAILDRAIN_POP3_MAILDROP_BUSY' })
    }))

  it.each([
    ['S: 220 mail.example ESMTP Postfix', 'SMTP'],
    ['S: * OK IMAP4rev1 ready', 'IMAP'],
    ['S: HTTP/1.1 400 Bad Request', 'web server'],
    ['S= "\\u0015\\u0003\\u0003\\u0000\\u0002\\u0002\\n"', 'TLS'],
    ['S= "\\u0015\\u0003\\u0003\\u0000\\u0002\\u0002\\u0046"', 'TLS'],
    ['S: +OKAY', '"+OKAY"'],
    ['S: hello', '"hello"'],
  ])('case 5: %s is not a POP3 server', (script, named) =>
    converse(script, async ({ connect }) => {
      const error = await rejection(connect())
      expect(error).toBeInstanceOf(Pop3ProtocolError)
      expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_PROTOCOL' })
      expect(error.message).toContain('not a POP3 server')
      expect(error.message).toContain(named)
    }),
  )

  it('case 7: 10 KiB without a line end are refused', () =>
    converse(`S= ${JSON.stringify('+OK '.padEnd(10_240, 'x'))}`, async ({ connect }) => {
      expect(await rejection(connect())).toMatchObject({ code: 'MAILDRAIN_POP3_LIMIT' })
    }))

  it('says so when the server closes without a greeting', () =>
    converse('X', async ({ connect }) => {
      const error = await rejection(connect())
      expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_DISCONNECTED', retryable: true })
      expect(error.message).toContain('before it greeted')
    }))
})

describe('capabilities', () => {
  it('case 9: -ERR to CAPA means none, and USER is assumed', () =>
    converse(
      `S: +OK
       C: CAPA
       S: -ERR what?
       C: USER mrose
       S: +OK
       C: PASS tan staaf!
       S: +OK
       C: CAPA
       S: -ERR what?`,
      async ({ connect }) => {
        const client = await connect()
        expect(client.capabilities).toMatchObject({ known: false, user: false, expireDays: null })
        await client.login()
        expect(client.state).toBe('transaction')
      },
    ))

  const said = async (...lines: string[]) => {
    let capabilities = NO_CAPABILITIES
    await converse(
      ['S: +OK', 'C: CAPA', 'S: +OK here', ...lines.map((line) => `S: ${line}`), 'S: .'].join('\n'),
      async ({ connect }) => {
        ;({ capabilities } = await connect())
      },
    )
    return capabilities
  }

  it('case 11: tags are read whatever their case and spacing, and unknown ones are ignored', async () => {
    const lines = [
      ...['uidl', 'SASL=PLAIN', 'Resp-Codes', 'auth-resp-code', 'LOGIN-DELAY   900  USER'],
      ...['EXPIRE 31 USER', 'UTF8 USER', 'LANG', 'X-UNKNOWN a b', 'constructor', 'stls', 'Top'],
      ...[
        'IMPLEMENTATION Shlemazle-Plotz-v302',
        'PIPELINING',
        'USER',
        'SASL LOGIN scram-sha-1',
        '',
      ],
    ]
    expect(await said(...lines)).toEqual({
      ...{ known: true, uidl: true, top: true, user: true, stls: true, pipelining: true },
      ...{ sasl: ['PLAIN', 'LOGIN', 'SCRAM-SHA-1'], respCodes: true, authRespCode: true },
      ...{ loginDelaySeconds: 900, loginDelayPerUser: true, expireDays: 31, expirePerUser: true },
      ...{ utf8: true, utf8User: true, lang: true, implementation: 'Shlemazle-Plotz-v302' },
    })
  })

  it('case 12: a tag counts only as a whole word', async () => {
    const lines = ['TOPX', 'XTOP', 'UIDLS', 'UTF8X', 'PIPELINING-NOT', 'STLSX']
    expect(await said(...lines)).toEqual({ ...NO_CAPABILITIES, known: true })
  })

  it('the name of the software is shown without what could do harm', () =>
    converse(
      `S: +OK\nC: CAPA\nS: +OK\nS= ${JSON.stringify('IMPLEMENTATION Evil\u001b[31m \u0007Server\r\n')}\nS: .`,
      async ({ connect }) => {
        expect((await connect()).implementation).toBe('Evil[31m Server')
      },
    ))

  it.each([
    ['EXPIRE 0', 0],
    ['EXPIRE NEVER', Infinity],
    ['expire never', Infinity],
    ['EXPIRE 31 USER', 31],
    ['EXPIRE x', null],
    ['EXPIRE', null],
    ['EXPIRED 0', null],
  ])('case 13: %s', (line, expireDays) =>
    converse(`S: +OK\nC: CAPA\nS: +OK\nS: ${line}\nS: .`, async ({ connect }) => {
      expect((await connect()).capabilities.expireDays).toBe(expireDays)
    }),
  )

  const afterLogin = (before: string, after: string) => `S: +OK
       C: CAPA
       S: +OK
       S: USER
       S: ${before}
       S: .
       C: USER mrose
       S: +OK
       C: PASS tan staaf!
       S: +OK
       C: CAPA
       S: +OK
       S: ${after}
       S: .`

  it('case 14: the delay between logins is the one that is said after login', () =>
    converse(afterLogin('LOGIN-DELAY 900 USER', 'LOGIN-DELAY 300'), async ({ connect }) => {
      const client = await connect()
      expect(client.capabilities.loginDelaySeconds).toBe(900)
      await client.login()
      expect(client.capabilities.loginDelaySeconds).toBe(300)
    }))

  it('case 15: PIPELINING counts from where it is said', () =>
    converse(afterLogin('TOP', 'PIPELINING'), async ({ connect }) => {
      const client = await connect()
      expect(client.pipelining).toBe(false)
      await client.login()
      expect(client.pipelining).toBe(true)
    }))

  it('case 16: -ERR to CAPA after login voids what was said before', () =>
    converse(
      `S: +OK
       C: CAPA
       S: +OK
       S: USER
       S: PIPELINING
       S: EXPIRE NEVER
       S: .
       C: USER mrose
       S: +OK
       C: PASS tan staaf!
       S: +OK
       C: CAPA
       S: -ERR unknown command`,
      async ({ connect }) => {
        const client = await connect()
        await client.login()
        expect(client.pipelining).toBe(false)
        expect(client.capabilities).toMatchObject({ known: false, expireDays: null })
      },
    ))

  it('does not pipeline when told not to', () =>
    converse(
      loginScript('USER', 'PIPELINING'),
      async ({ connect }) => {
        const client = await connect()
        await client.login()
        expect(client.pipelining).toBe(false)
      },
      { pipelining: 'off' },
    ))

  it.each([
    ['+OK\r\nUIDL\r\n.\r\n', true],
    ['+OK\r\nUIDL\r\n.\r\n+OK\r\n', false],
  ])('case 8: the greeting and the reply to CAPA in one segment: %j', async (reply, sound) => {
    const server = new ScriptedServer(`S= ${JSON.stringify(`+OK ready\r\n${reply}`)}\nC: CAPA`)
    const options = { host: 'localhost', tls: 'none', auth: { user: 'a', password: 'b' } } as const
    const connecting = Pop3Client.connect(options, { connect: server.connect })
    const client = await connecting
    expect(client.capabilities.uidl).toBe(true)
    expect(client.state).toBe(sound ? 'authorization' : 'closed')
    if (!sound) {
      const end = new Promise((resolve) => client.onClose(resolve))
      expect(await end).toMatchObject({ code: 'MAILDRAIN_POP3_DESYNC' })
    }
    server.check()
  })

  it('case 17: a megabyte in one line ends the session', () =>
    converse(
      `S: +OK\nC: CAPA\nS: +OK\nS= ${JSON.stringify('X'.repeat(20_000))}`,
      async ({ connect }) => {
        expect(await rejection(connect())).toMatchObject({ code: 'MAILDRAIN_POP3_LIMIT' })
      },
    ))

  it('case 17: more than 64 lines end the session', () =>
    converse(
      ['S: +OK', 'C: CAPA', 'S: +OK', ...Array.from({ length: 65 }, (_, n) => `S: X-${n}`)].join(
        '\n',
      ),
      async ({ connect }) => {
        const error = await rejection(connect())
        expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_LIMIT' })
        expect(error.message).toContain('maxCapabilityLines')
      },
    ))
})

describe('STLS', () => {
  const stls = { tls: 'stls' } as const

  it('case 23: what was said in clear is not believed under TLS', () =>
    converse(
      `S: +OK
       C: CAPA
       S: +OK
       S: STLS
       S: SASL PLAIN
       S: .
       C: STLS
       S: +OK go
       TLS
       C: CAPA
       S: +OK
       S: USER
       S: .
       C: USER mrose
       S: +OK
       C: PASS tan staaf!
       S: +OK
       C: CAPA
       S: +OK
       S: USER
       S: .`,
      async ({ connect }) => {
        const client = await connect()
        expect(client.secure).toBe(true)
        expect(client.capabilities.sasl).toEqual([])
        await client.login()
      },
      stls,
    ))

  it.each([
    ['CAPA without STLS', 'C: CAPA\nS: +OK\nS: USER\nS: .', 'MAILDRAIN_POP3_STLS_REFUSED'],
    ['-ERR to CAPA', 'C: CAPA\nS: -ERR', 'MAILDRAIN_POP3_STLS_REFUSED'],
    [
      '-ERR to STLS',
      'C: CAPA\nS: +OK\nS: STLS\nS: .\nC: STLS\nS: -ERR no',
      'MAILDRAIN_POP3_STLS_REFUSED',
    ],
    [
      'an end of the connection',
      'C: CAPA\nS: +OK\nS: STLS\nS: .\nC: STLS\nX',
      'MAILDRAIN_POP3_DISCONNECTED',
    ],
  ])('case 22: %s fails before any credential is sent (G14)', (_name, script, code) =>
    converse(
      `S: +OK\n${script}`,
      async ({ connect, server }) => {
        expect(await rejection(connect())).toMatchObject({ code })
        expect(server.writes.join('')).not.toMatch(/USER|PASS|AUTH/)
      },
      stls,
    ),
  )

  it('case 20: bytes after the +OK to STLS end the session (G14)', async () => {
    const script = `S: +OK
       C: CAPA
       S: +OK
       S: STLS
       S: .
       C: STLS
       S: +OK go
       S: +OK
       S: SASL PLAIN
       S: .
       TLS`
    const server = new ScriptedServer(script)
    const options = { host: 'localhost', auth: { user: 'mrose', password: 'x' }, ...stls }
    const error = await rejection(Pop3Client.connect(options, { connect: server.connect }))
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_PROTOCOL' })
    expect(error.message).toContain('20 bytes')
    expect(server.writes.join('')).toBe('CAPA\r\nSTLS\r\n')
  })
})

describe('cleartext', () => {
  const refuse = () => Promise.reject(new Error('a connection was attempted'))

  it.each([
    'mail.example',
    '10.0.0.1',
    '127.example',
    '127.0.0.1.example',
    '::2',
    'localhost.example',
  ])('case 26: is refused before connecting to %s (G14)', async (host) => {
    const options = { host, tls: 'none', auth: { user: 'a', password: 'b' } } as const
    const error = await rejection(Pop3Client.connect(options, { connect: refuse }))
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_CLEARTEXT', exitCode: 3 })
  })

  it.each([
    ['localhost', false],
    ['LOCALHOST.', false],
    ['127.0.0.1', false],
    ['127.9.9.9', false],
    ['::1', false],
    ['[::1]', false],
    ['mail.example', true],
  ])('is accepted to %s with allowCleartext %s', async (host, allowCleartext) => {
    const options = {
      host,
      tls: 'none',
      allowCleartext,
      auth: { user: 'a', password: 'b' },
    } as const
    const error = await rejection(Pop3Client.connect(options, { connect: refuse }))
    expect(error.message).toBe('a connection was attempted')
  })
})

describe('options', () => {
  it('names every wrong one, and no value', async () => {
    const options = { host: '', port: 0, auth: { user: 'a', password: 7, secret: 'geheim' } }
    const error = await rejection(Pop3Client.connect(options as never))
    expect(error).toMatchObject({ code: 'MAILDRAIN_CONFIG_INVALID' })
    for (const name of ['host', 'port', 'auth.password', 'secret'])
      expect(error.message).toContain(name)
    expect(error.message).not.toContain('geheim')
  })
})
