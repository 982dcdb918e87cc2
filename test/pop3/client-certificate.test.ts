/** Certificates of the client: what is shown, and what is said when it does not do. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect as tcpConnect } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Pop3Client, type Pop3ClientOptions } from '../../src/pop3/index.ts'
import { freePort } from '../fixtures/free-port.ts'
import { type Authority, type Certificate, authority, openssl } from '../support/certificates.ts'
import { newDirectory, noOpenssl } from '../support/cli.ts'
import { serve } from '../support/drains.ts'
import { rejection } from './transcript.ts'

const why = noOpenssl === undefined ? '' : ` (${noOpenssl})`
const cleanUp: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of cleanUp.splice(0)) await close()
})

type Change = Partial<Pop3ClientOptions>
const connect = (port: number, change: Change) =>
  Pop3Client.connect({
    ...{ host: '127.0.0.1', port, auth: { user: 'user', password: 'secret' } },
    ...change,
  })

describe.skipIf(noOpenssl !== undefined)(`the certificate of the client${why}`, () => {
  let ca: Authority
  let good: Certificate
  beforeAll(() => {
    ca = authority('authority of the test')
    good = ca.issue('IP:127.0.0.1')
  })

  const demanding = () => ({ requestCert: true, ca: ca.cert })

  it('is shown, with a key in PEM, with a passphrase, or in PKCS #12', async () => {
    const server = await serve(1, { tls: { mode: 'implicit', ...good, ...demanding() } })
    const mine = ca.issue('DNS:client.example')
    const [locked, pfx] = [join(newDirectory(), 'locked.pem'), join(newDirectory(), 'client.p12')]
    openssl('rsa', '-aes256', '-passout', 'pass:open sesame', '-in', mine.keyFile, '-out', locked)
    const parts = ['-inkey', mine.keyFile, '-in', mine.file, '-passout', 'pass:open sesame']
    openssl('pkcs12', '-export', ...parts, '-out', pfx)
    const passphrase = 'open sesame'
    for (const change of [
      { cert: mine.cert, key: mine.key },
      { cert: mine.cert, key: readFileSync(locked), passphrase },
      { pfx: readFileSync(pfx), passphrase },
    ]) {
      const client = await connect(server.port, { ca: ca.cert, ...change })
      await client.login()
      await client.quit()
    }
  })

  /** Node.js drops such a client without a word; OpenSSL says why, as mail servers do. */
  async function demandingServer(version: string): Promise<number> {
    const port = await freePort()
    const child = spawn('openssl', [
      ...['s_server', '-accept', `127.0.0.1:${port}`, `-${version}`, '-quiet'],
      ...['-cert', good.file, '-key', good.keyFile, '-CAfile', ca.file],
      ...['-Verify', '1', '-verify_return_error'],
    ])
    cleanUp.push(() => {
      const ended = new Promise((resolve) => child.once('close', resolve))
      child.kill('SIGKILL')
      return ended
    })
    for (let listening = false; !listening;)
      listening = await new Promise<boolean>((resolve) => {
        const socket = tcpConnect(port, '127.0.0.1')
        socket.once('connect', () => resolve((socket.destroy(), true)))
        socket.once('error', () => setTimeout(() => resolve(false), 20))
      })
    return port
  }

  it.each([
    ['tls1_2', 'MAILDRAIN_POP3_TLS_HANDSHAKE'],
    ['tls1_3', 'MAILDRAIN_POP3_TLS_CLIENT_CERTIFICATE'],
  ])(
    'that is missing, or of another authority, is said to be the reason (%s)',
    async (version, missing) => {
      const port = await demandingServer(version)
      const foreign = authority('another one').issue('DNS:client.example')
      for (const [change, code] of [
        [{}, missing],
        [{ cert: foreign.cert, key: foreign.key }, 'MAILDRAIN_POP3_TLS_CLIENT_CERTIFICATE'],
      ] as const) {
        const error = await rejection(connect(port, { ca: ca.cert, ...change }))
        expect(error).toMatchObject({ code })
        expect(error.message).toContain('--client-cert')
      }
    },
  )

  it('that does not fit its key is refused before connecting, without its passphrase', async () => {
    const [mine, other] = [ca.issue('DNS:a.example'), ca.issue('DNS:b.example')]
    const locked = join(newDirectory(), 'locked.pem')
    openssl('rsa', '-aes256', '-passout', 'pass:right one', '-in', mine.keyFile, '-out', locked)
    for (const change of [
      { cert: mine.cert, key: other.key },
      { cert: mine.cert, key: readFileSync(locked), passphrase: 'canary-passphrase' },
      { cert: 'no certificate', key: mine.key },
    ]) {
      const error = await rejection(connect(1, change))
      expect(error).toMatchObject({ code: 'MAILDRAIN_CONFIG_CLIENT_CERTIFICATE', exitCode: 2 })
      expect(error.message).not.toContain('canary')
    }
  })

  it.each([
    [{ cert: 'x' }, 'cert and key go together'],
    [{ key: 'x' }, 'cert and key go together'],
    [{ cert: 'x', key: 'x', pfx: Buffer.from('x') }, 'either pfx or cert'],
    [{ passphrase: 'x' }, 'passphrase belongs'],
    [{ tls: 'none', pins: [`${'A'.repeat(43)}=`] }, 'with TLS only'],
    [{ pins: ['sha1/abc'] }, 'a pin is sha256/'],
  ] as const)('%j: options that do not go together', async (change, text) => {
    const error = await rejection(connect(1, change as Change))
    expect(error).toMatchObject({ code: 'MAILDRAIN_CONFIG_INVALID' })
    expect(error.message).toContain(text)
  })
})
