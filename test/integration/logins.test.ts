/** Every way to log in that a real server has, and how it refuses. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Mechanism, Pop3Client, type Pop3ClientOptions } from '../../src/pop3/index.ts'
import type { Dovecot } from '../fixtures/dovecot.ts'
import { hasDovecot, startDovecotProcess } from '../fixtures/dovecot-process.ts'
import { rejection } from '../pop3/transcript.ts'

const TOKEN = `token-${'x'.repeat(1500)}`

describe.skipIf(!hasDovecot)(`Dovecot${hasDovecot ? '' : ' (none on this machine)'}`, () => {
  let dovecot: Dovecot
  /** Says whose token it is, as an identity provider does. */
  const tokenInfo = createServer((request, response) => {
    const known = request.url === `/?token=${TOKEN}`
    response.writeHead(known ? 200 : 400, { 'Content-Type': 'application/json' })
    response.end(known ? '{"email":"user"}' : '{"error":"invalid_token"}')
  })

  beforeAll(async () => {
    await new Promise<void>((resolve) => tokenInfo.listen(0, '127.0.0.1', resolve))
    const { port } = tokenInfo.address() as AddressInfo
    dovecot = await startDovecotProcess({
      mechanisms: 'plain login cram-md5 apop scram-sha-1 scram-sha-256 xoauth2 oauthbearer',
      tokenInfoUrl: `http://127.0.0.1:${port}/?token=`,
    })
  })
  afterAll(async () => {
    await dovecot.stop()
    tokenInfo.close()
  })

  const connect = (auth: Partial<Pop3ClientOptions['auth']>) =>
    Pop3Client.connect({
      ...{ host: dovecot.host, port: dovecot.port, tls: 'none' },
      auth: { user: dovecot.user, ...auth },
    })

  const BY_PASSWORD = [
    'SCRAM-SHA-256',
    'SCRAM-SHA-1',
    'PLAIN',
    'LOGIN',
    'USER',
    'CRAM-MD5',
    'APOP',
  ] as const
  const BY_TOKEN = ['XOAUTH2', 'OAUTHBEARER'] as const

  it.each<Mechanism>([...BY_PASSWORD])(
    '%s',
    async (mechanism) => {
      const client = await connect({ password: dovecot.password, mechanism })
      await client.login()
      expect(await client.stat()).toMatchObject({ messages: 0 })
      await client.quit()
      const wrong = await connect({ password: 'wrong', mechanism })
      expect(await rejection(wrong.login())).toMatchObject({
        ...{ code: 'MAILDRAIN_POP3_AUTH_REJECTED', responseCode: 'AUTH' },
      })
      wrong.close()
    },
    180_000,
  )

  it.each<Mechanism>([...BY_TOKEN])(
    '%s, with a token renewed after it was refused',
    async (mechanism) => {
      const asked: boolean[] = []
      const client = await connect({
        mechanism,
        token: ({ forceRefresh }) => {
          asked.push(forceRefresh)
          return Promise.resolve({ token: forceRefresh ? TOKEN : 'stale' })
        },
      })
      await client.login()
      expect(asked).toEqual([false, true])
      expect(await client.stat()).toMatchObject({ messages: 0 })
      await client.quit()
      const wrong = await connect({ mechanism, token: 'stale' })
      const error = await rejection(wrong.login())
      expect(error).toMatchObject({
        ...{
          code: 'MAILDRAIN_POP3_TOKEN_REJECTED',
          oauth: { status: expect.any(String) as string },
        },
      })
      wrong.close()
    },
    180_000,
  )
})
