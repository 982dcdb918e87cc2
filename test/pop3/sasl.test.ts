/** Mechanisms against the examples of their RFCs, and against servers that lie. */
import { describe, expect, it } from 'vitest'
import type { Pop3ClientOptions } from '../../src/pop3/index.ts'
import { saslprep } from '../../src/pop3/saslprep.ts'
import { converse, rejection } from './transcript.ts'

const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64')
const start = (...capabilities: string[]) =>
  ['S: +OK', 'C: CAPA', 'S: +OK', ...capabilities.map((tag) => `S: ${tag}`), 'S: .', ''].join('\n')
const end = '\nC: CAPA\nS: +OK\nS: .'

type Auth = Pop3ClientOptions['auth']

const play = (
  script: string,
  auth: Auth,
  expected?: object,
  { nonce, options }: { nonce?: string; options?: Partial<Pop3ClientOptions> } = {},
) =>
  converse(
    expected === undefined ? script + end : script,
    async ({ connect }) => {
      const client = await connect()
      if (expected === undefined) await client.login()
      else expect(await rejection(client.login())).toMatchObject(expected)
      expect(client.state === 'transaction').toBe(expected === undefined)
    },
    { ...options, auth },
    nonce === undefined ? {} : { nonce: () => nonce },
  )

describe('SCRAM', () => {
  /** RFC 5802 section 5. */
  const SHA1 = {
    name: 'SCRAM-SHA-1',
    nonce: 'fyko+d2lbbFgONRv9qkxdawL',
    clientFirst: 'n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL',
    serverFirst: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
    clientFinal:
      'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    serverFinal: 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  }
  /** RFC 7677 section 3. */
  const SHA256 = {
    name: 'SCRAM-SHA-256',
    nonce: 'rOprNGfwEbeRWgbNEkqO',
    clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
    serverFirst:
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    clientFinal:
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  }
  const auth = { user: 'user', password: 'pencil' }

  const exchange = (
    example: typeof SHA1,
    {
      serverFirst,
      serverFinal,
      two = false,
    }: { serverFirst?: string; serverFinal?: string; two?: boolean } = {},
  ) =>
    [
      start(`SASL ${example.name}`).trimEnd(),
      ...(two
        ? [`C: AUTH ${example.name}`, 'S: + ', `C: ${base64(example.clientFirst)}`]
        : [`C: AUTH ${example.name} ${base64(example.clientFirst)}`]),
      `S: + ${base64(serverFirst ?? example.serverFirst)}`,
      ...(serverFirst === undefined
        ? [
            `C: ${base64(example.clientFinal)}`,
            `S: + ${base64(serverFinal ?? example.serverFinal)}`,
          ]
        : []),
    ].join('\n')

  it.each([SHA1, SHA256])('the example of the RFC: $name', (example) =>
    play(`${exchange(example)}\nC:\nS: +OK`, auth, undefined, { nonce: example.nonce }),
  )

  it('case 35: a server that asks for what it was given gets it again', () => {
    const asks = exchange(SHA256).replace('S: + ', `S: +\nC: ${base64(SHA256.clientFirst)}\nS: + `)
    return play(`${asks}\nC:\nS: +OK`, auth, undefined, { nonce: SHA256.nonce })
  })

  it('case 36: in two steps when the first response is too long for one line', () => {
    const user = 'u'.repeat(200)
    return play(
      `${start('SASL SCRAM-SHA-256')}C: AUTH SCRAM-SHA-256\nS: +\nC: ${base64(`n,,n=${user},r=abc`)}\nS: -ERR [AUTH] no`,
      { user, password: 'x' },
      { code: 'MAILDRAIN_POP3_AUTH_REJECTED' },
      { nonce: 'abc' },
    )
  })

  it('escapes = and , in the user', () =>
    play(
      `${start('SASL SCRAM-SHA-1')}C: AUTH SCRAM-SHA-1 ${base64('n,,n=a=3Db=2Cc,r=abc')}\nS: -ERR [AUTH] no`,
      { user: 'a=b,c', password: 'x' },
      { code: 'MAILDRAIN_POP3_AUTH_REJECTED' },
      { nonce: 'abc' },
    ))

  it.each([
    ['a wrong signature', 'v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='],
    ['a short one', 'v=6rri'],
    ['none', 'x=y'],
  ])('a server that proves itself by %s is not believed', (_what, serverFinal) =>
    play(
      exchange(SHA256, { serverFinal }),
      auth,
      { code: 'MAILDRAIN_POP3_SERVER_UNPROVEN', retryable: false },
      { nonce: SHA256.nonce },
    ),
  )

  it('+OK without a signature is not believed', () => {
    const script = exchange(SHA256).split('\n').slice(0, -1).join('\n')
    return play(
      `${script}\nS: +OK welcome`,
      auth,
      { code: 'MAILDRAIN_POP3_SERVER_UNPROVEN' },
      { nonce: SHA256.nonce },
    )
  })

  it('a refusal in its own words is answered, and read to its end', () =>
    play(
      `${exchange(SHA256, { serverFinal: 'e=other-error' })}\nC:\nS: -ERR [AUTH] no`,
      auth,
      { code: 'MAILDRAIN_POP3_AUTH_REJECTED' },
      { nonce: SHA256.nonce },
    ))

  const first = (change: (text: string) => string) => change(SHA256.serverFirst)
  it.each([
    ['another nonce', first((text) => text.replace('r=rO', 'r=xO')), 'SERVER_UNPROVEN'],
    ['our nonce alone', first((text) => text.replace(/%[^,]*/, '')), 'SERVER_UNPROVEN'],
    ['too little work', first((text) => text.replace('i=4096', 'i=4095')), 'SERVER_UNPROVEN'],
    ['too much work', first((text) => text.replace('i=4096', 'i=1000001')), 'LIMIT'],
    ['endless work', first((text) => text.replace('i=4096', 'i=4294967295')), 'LIMIT'],
    ['no salt', first((text) => text.replace(/s=[^,]*/, 's=')), 'PROTOCOL'],
    ['an extension that must be known', `m=x,${SHA256.serverFirst}`, 'PROTOCOL'],
    ['nonsense', 'nonsense', 'PROTOCOL'],
  ])('%s is refused before anything is proven', (_what, serverFirst, code) =>
    play(
      exchange(SHA256, { serverFirst }),
      auth,
      { code: `MAILDRAIN_POP3_${code}` },
      { nonce: SHA256.nonce },
    ),
  )

  it('the bound on the work is an option', () =>
    play(
      exchange(SHA256, { serverFirst: first((text) => text.replace('i=4096', 'i=5000')) }),
      auth,
      { code: 'MAILDRAIN_POP3_LIMIT' },
      { nonce: SHA256.nonce, options: { maxScramIterations: 4999 } },
    ))

  it('case 37: a challenge that is no base64 ends it', () =>
    play(
      `${start('SASL SCRAM-SHA-1')}C: AUTH SCRAM-SHA-1 ${base64('n,,n=user,r=abc')}\nS: + not base64!`,
      auth,
      { code: 'MAILDRAIN_POP3_PROTOCOL' },
      { nonce: 'abc' },
    ))

  it('what SASLprep prohibits is refused before anything is sent', () =>
    play(
      start('SASL SCRAM-SHA-256 PLAIN'),
      { user: 'user', password: 'bell\u0007' },
      { code: 'MAILDRAIN_POP3_ARGUMENT' },
    ))
})

describe('SASLprep', () => {
  // RFC 4013 section 3.
  it.each([
    ['I\u00adX', 'IX'],
    ['user', 'user'],
    ['USER', 'USER'],
    ['\u00aa', 'a'],
    ['\u2168', 'IX'],
    ['a\u00a0b', 'a b'],
    ['\u0627\u0031\u0628', '\u0627\u0031\u0628'],
  ])('%j becomes %j', (text, expected) => {
    expect(saslprep(text)).toEqual({ ok: true, text: expected })
  })

  it.each([
    ['\u0007', 'a control character'],
    ['\u0627\u0031', 'directions'],
    ['\u0627a\u0628', 'directions'],
    ['a\ue000', 'private use'],
    ['a\ufffd', 'replacement'],
    ['a\u200e', 'direction'],
    ['a\ufdd0', 'no character'],
    ['a\u{e0041}', 'language tag'],
    ['a\u{3fffd}', 'not assigned'],
  ])('%j is refused', (text, why) => {
    const result = saslprep(text)
    expect(result).toMatchObject({ ok: false })
    expect(result.ok ? '' : result.why).toContain(why)
  })
})

describe('CRAM-MD5', () => {
  // RFC 2195 section 2.
  const auth = { user: 'tim', password: 'tanstaaftanstaaf', mechanism: 'CRAM-MD5' } as const
  const challenge = base64('<1896.697170952@postoffice.reston.mci.net>')

  it('the example of the RFC, when it is asked for', () =>
    play(
      `${start('SASL CRAM-MD5 PLAIN')}C: AUTH CRAM-MD5\nS: + ${challenge}\nC: ${base64('tim b913a602c7eda7a495b4e6e7334d3890')}\nS: +OK`,
      auth,
    ))

  it.each(['+', '+ not base64!', '+OK'])('%j is no challenge', (line) =>
    play(`${start('SASL CRAM-MD5')}C: AUTH CRAM-MD5\nS: ${line}`, auth, {
      code: 'MAILDRAIN_POP3_PROTOCOL',
    }),
  )
})

describe('APOP', () => {
  const auth = { user: 'mrose', password: 'tanstaaf', mechanism: 'APOP' } as const
  const greeting = (text: string) =>
    start('USER').replace('S: +OK\n', `S= ${JSON.stringify(`+OK ${text}\r\n`)}\n`)

  it('case 34: the example of RFC 1939', () =>
    play(
      `${greeting('POP3 server ready <1896.697170952@dbc.mtview.ca.us>')}C: APOP mrose c4c9334bac560ecc979e58001b3e22fb\nS: +OK`,
      auth,
    ))

  const offered = (text: string, expected: boolean) =>
    converse(greeting(text), async ({ connect }) => {
      expect((await connect()).offersApop).toBe(expected)
    })

  it.each(['POP <a@b>', '<1.2.3@[10.0.0.1]> hello', '<a.b-c@mail.example>'])(
    'case 2: %s offers it',
    (text) => offered(text, true),
  )

  it.each([
    '<nohost>',
    '<a@b',
    'a@b>',
    '<@b>',
    '<a@>',
    '<a@b@c>',
    '<a b@c>',
    '<a\u0007@b>',
    '<a\u00e9@b>',
    '<a..b@c>',
    '<"x"@b>',
    '',
  ])('case 3: %j does not', async (text) => {
    await offered(text, false)
    await play(greeting(text), auth, { code: 'MAILDRAIN_POP3_NO_MECHANISM' })
  })

  it('is never chosen by itself', () =>
    play(`${greeting('<a@b>')}C: USER mrose\nS: +OK\nC: PASS tanstaaf\nS: +OK`, {
      user: 'mrose',
      password: 'tanstaaf',
    }))

  it('the timestamp of a greeting in clear is forgotten under TLS', () =>
    converse(
      `S: +OK <a@b>
       C: CAPA
       S: +OK
       S: STLS
       S: .
       C: STLS
       S: +OK
       TLS
       C: CAPA
       S: +OK
       S: USER
       S: .`,
      async ({ connect }) => {
        const client = await connect()
        expect(client.offersApop).toBe(false)
        expect(await rejection(client.login())).toMatchObject({
          code: 'MAILDRAIN_POP3_NO_MECHANISM',
        })
      },
      { tls: 'stls', auth },
    ))
})
