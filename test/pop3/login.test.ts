import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../src/errors.ts'
import { Pop3Client } from '../../src/pop3/index.ts'
import { PASSWORD, converse, rejection } from './transcript.ts'

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

interface Auth {
  readonly user: string
  readonly password: string
}

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

  it('case 42: spaces, quotes and letters beyond ASCII are sent as they are', () => {
    const auth = { user: 'mrose', password: ' "pä ß" ' }
    return accepted('C: USER mrose\nS: +OK\nC: PASS  "pä ß" \nS: +OK', ['USER'], auth)
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

describe('AUTH PLAIN', () => {
  it('case 35: is preferred, with the initial response', () =>
    accepted(`C: AUTH PLAIN ${PLAIN}\nS: +OK`, ['USER', 'SASL LOGIN PLAIN']))

  it.each(['+', '+ ', '+ not base64!', '+OK'])(
    'case 36, 37: takes two steps beyond 255 octets, and %j for the challenge',
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
  const cases: readonly (readonly [string, ErrorCode, string?])[] = [
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
    ['your account is locked', 'MAILDRAIN_POP3_AUTH_REJECTED'],
    ['account disabled for inactivity', 'MAILDRAIN_POP3_AUTH_REJECTED'],
    ['no reason at all', 'MAILDRAIN_POP3_SERVER_TEMPORARY', 'AUTH-RESP-CODE'],
    ['[AUTH] wrong', 'MAILDRAIN_POP3_AUTH_REJECTED', 'AUTH-RESP-CODE'],
    ['maildrop already locked', 'MAILDRAIN_POP3_MAILDROP_BUSY', 'AUTH-RESP-CODE'],
  ]
  it.each(cases)('case 31, 32: -ERR %s is %s (%s)', (text, code, capability = 'X') =>
    refused(`C: USER mrose\nS: +OK\nC: PASS ${PASSWORD}\nS: -ERR ${text}`, ['USER', capability], {
      code,
    }),
  )

  it('case 85: a goodbye during login is the end of the connection', () =>
    refused('C: USER mrose\nS: -ERR Disconnected for inactivity during authentication.', ['USER'], {
      code: 'MAILDRAIN_POP3_DISCONNECTED',
    }))

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
