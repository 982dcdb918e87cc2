/** TLS with real certificates over real sockets, and what is said when it does not come about. */
import { X509Certificate, createHash } from 'node:crypto'
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../src/errors.ts'
import { Pop3Client, type Pop3ClientIo, type Pop3ClientOptions } from '../../src/pop3/index.ts'
import type { Pop3Server, Pop3ServerTls } from '../../src/testing/index.ts'
import { type Authority, type Certificate, authority } from '../support/certificates.ts'
import { noOpenssl } from '../support/cli.ts'
import { serve as serveMail } from '../support/drains.ts'
import { rejection } from './transcript.ts'

const why = noOpenssl === undefined ? '' : ` (${noOpenssl})`
const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
)

const cleanUp: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of cleanUp.splice(0)) await close()
})

/** A POP3 server with this certificate. */
const serve = (
  { key, cert }: Certificate,
  more: Partial<Pop3ServerTls> = {},
  host = '127.0.0.1',
): Promise<Pop3Server> => serveMail(1, { tls: { mode: 'implicit', key, cert, ...more }, host })

type Change = Partial<Pop3ClientOptions>
const connect = (port: number, change: Change, io: Pop3ClientIo = {}) =>
  Pop3Client.connect(
    { host: '127.0.0.1', port, auth: { user: 'user', password: 'secret' }, ...change },
    io,
  )

/** Bytes that reach a server which listens for anything. */
async function listen(onConnection: (socket: Socket) => void): Promise<number> {
  const server: Server = createServer(onConnection)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUp.push(() => new Promise((resolve) => server.close(resolve)))
  return (server.address() as AddressInfo).port
}

describe.skipIf(noOpenssl !== undefined)(`certificates${why}`, () => {
  let ca: Authority
  let good: Certificate
  beforeAll(() => {
    ca = authority('authority of the test')
    good = ca.issue('DNS:localhost,IP:127.0.0.1')
  })

  it('case 18: TLS from the first byte', async () => {
    const server = await serve(good)
    const client = await connect(server.port, { ca: ca.cert })
    expect(client.secure).toBe(true)
    await client.login()
    expect(await client.stat()).toMatchObject({ messages: 1 })
    await client.quit()
  })

  const refusals: readonly (readonly [
    string,
    () => Certificate,
    () => Change,
    ErrorCode,
    RegExp,
  ])[] = [
    [
      'another name',
      () => ca.issue('DNS:other.example'),
      () => ({ ca: ca.cert }),
      'MAILDRAIN_POP3_TLS_NAME',
      /for another name \(DNS:other\.example\)/,
    ],
    [
      'an expired one',
      () => ca.issue('IP:127.0.0.1', { days: -1 }),
      () => ({ ca: ca.cert }),
      'MAILDRAIN_POP3_TLS_EXPIRED',
      /has expired/,
    ],
    ['a self-signed one', () => ca, () => ({}), 'MAILDRAIN_POP3_TLS_SELF_SIGNED', /self-signed/],
    [
      'an unknown authority',
      () => good,
      () => ({}),
      'MAILDRAIN_POP3_TLS_UNKNOWN_CA',
      /unknown authority/,
    ],
    [
      'a key that is not pinned',
      () => good,
      () => ({ ca: ca.cert, pins: [`sha256/${'A'.repeat(43)}=`] }),
      'MAILDRAIN_POP3_TLS_PIN',
      /none of those that were pinned/,
    ],
  ]
  it.each(refusals)(
    'case 19, fault 40, 41, 42: %s has an error of its own, and nothing is sent',
    async (...row) => {
      const [, certificate, change, code, text] = row
      const server = await serve(certificate())
      const error = await rejection(connect(server.port, change()))
      expect(error).toMatchObject({ code, retryable: false, exitCode: 3 })
      expect(error.message).toMatch(text)
      expect(error.message).toContain('nothing was sent')
      expect(server.log).toEqual([])
    },
  )

  it('case 19: the check cannot be switched off by the environment', async () => {
    const server = await serve(good)
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    try {
      expect(await rejection(connect(server.port, {}))).toMatchObject({
        code: 'MAILDRAIN_POP3_TLS_UNKNOWN_CA',
      })
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    }
  })

  it('one of several pins will do, with and without its prefix', async () => {
    const key = new X509Certificate(good.cert).publicKey.export({ type: 'spki', format: 'der' })
    const pin = createHash('sha256').update(key).digest('base64')
    const server = await serve(good)
    for (const form of [pin, `sha256/${pin}`, `sha256//${pin}`]) {
      const pins = [`sha256/${'A'.repeat(43)}=`, form]
      const client = await connect(server.port, { ca: ca.cert, pins })
      client.close()
    }
    const error = await rejection(connect(server.port, { pins: [pin] }))
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_TLS_UNKNOWN_CA' })
  })

  it('case 21: bytes before the handshake are no reply', async () => {
    const port = await listen((socket) => {
      socket.on('error', () => undefined)
      socket.write('+OK\r\n')
      socket.on('data', (data) => {
        const text = data.toString('latin1')
        if (text === 'CAPA\r\n') socket.write('+OK\r\nSTLS\r\n.\r\n')
        else if (text === 'STLS\r\n') socket.write('+OK\r\n')
        // The ClientHello.
        else socket.write('+OK\r\nSASL PLAIN\r\n.\r\n')
      })
    })
    const error = await rejection(connect(port, { tls: 'stls', ca: ca.cert }))
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_TLS_HANDSHAKE' })
  })

  it('case 23: STLS over a real socket, and a login under it', async () => {
    const server = await serve(good, { mode: 'stls' })
    const client = await connect(server.port, { tls: 'stls', ca: ca.cert })
    expect(client.secure).toBe(true)
    expect(client.capabilities.stls).toBe(false)
    await client.login()
    await client.quit()
  })

  it('fault 43: a server with TLS 1.0 alone is refused before anything was sent', async () => {
    const versions = { minVersion: 'TLSv1', maxVersion: 'TLSv1' } as const
    const server = await serve(good, { ...versions, ciphers: 'DEFAULT:@SECLEVEL=0' })
    const error = await rejection(connect(server.port, { ca: ca.cert }))
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_TLS_VERSION', exitCode: 3 })
    expect(server.log).toEqual([])
  })

  it('case 25: a server with TLS 1.1 alone is named as such, and let in only when that is allowed', async () => {
    const old = {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT:@SECLEVEL=0',
    } as const
    const server = await serve(good, old)
    const error = await rejection(connect(server.port, { ca: ca.cert }))
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_TLS_VERSION', retryable: false })
    expect(error.message).toContain('TLSv1.2 or newer')
    const warnings: string[] = []
    const onWarning = (warning: string) => warnings.push(warning)
    const client = await connect(
      server.port,
      { ca: ca.cert, minTlsVersion: 'TLSv1.1' },
      { onWarning },
    )
    expect(client.secure).toBe(true)
    expect(warnings).toEqual([expect.stringContaining('TLSv1.1')])
    client.close()
  })

  it('a newer least version refuses an older server', async () => {
    const server = await serve(good, { maxVersion: 'TLSv1.2' })
    const options = { ca: ca.cert, minTlsVersion: 'TLSv1.3' } as const
    expect(await rejection(connect(server.port, options))).toMatchObject({
      code: 'MAILDRAIN_POP3_TLS_VERSION',
    })
  })

  it.skipIf(!hasIpv6)(
    'case 27: an IPv6 literal is no name in SNI, and is looked for in the certificate',
    async () => {
      const names: unknown[] = []
      const { key, cert } = ca.issue('IP:::1')
      const listener = createTlsServer(
        {
          key,
          cert,
          SNICallback: (name, done) => {
            names.push(name)
            done(null)
          },
        },
        (socket) => socket.write('+OK\r\n'),
      )
      await new Promise<void>((resolve) => listener.listen(0, '::1', resolve))
      cleanUp.push(() => new Promise((resolve) => listener.close(resolve)))
      const { port } = listener.address() as AddressInfo
      const change = { host: '[::1]', ca: ca.cert, capa: 'off' } as const
      const client = await connect(port, change)
      expect(client.secure).toBe(true)
      client.close()
      expect(names).toEqual([])
      const named = await connect(port, { ...change, servername: 'localhost' }).catch(
        (e: unknown) => e,
      )
      expect(named).toMatchObject({ code: 'MAILDRAIN_POP3_TLS_NAME' })
      expect(names).toEqual(['localhost'])
    },
  )

  it.skipIf(!hasIpv6)(
    'case 27: an address that the certificate does not name is refused',
    async () => {
      const server = await serve(good, {}, '::1')
      const error = await rejection(connect(server.port, { host: '[::1]', ca: ca.cert }))
      expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_TLS_NAME' })
    },
  )

  /** A server over TLS that answers each command by a function, and knows its socket. */
  async function scripted(answer: (line: string, socket: Socket) => string): Promise<number> {
    const listener = createTlsServer({ key: good.key, cert: good.cert }, (socket) => {
      socket.on('error', () => undefined)
      socket.write('+OK\r\n')
      socket.on('data', (data: Buffer) =>
        socket.write(answer(data.toString('latin1').trim(), socket)),
      )
    })
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
    cleanUp.push(() => new Promise((resolve) => listener.close(resolve)))
    return (listener.address() as AddressInfo).port
  }

  it('case 28, fault 44: an end without close_notify is fine after QUIT, and a lost connection in RETR', async () => {
    const port = await scripted((line, socket) => {
      if (line === 'CAPA') return '+OK\r\nUSER\r\n.\r\n'
      const plain = (socket as unknown as { _parent: Socket })._parent
      const cut = () => setTimeout(() => plain.destroy(), 10)
      if (line === 'QUIT') return (cut(), '+OK bye\r\n')
      if (line.startsWith('RETR')) return (cut(), '+OK\r\nhalf of a mess')
      return '+OK\r\n'
    })
    const first = await connect(port, { ca: ca.cert })
    await first.login()
    let ended: unknown = 'not yet'
    first.onClose((error) => (ended = error))
    await first.quit()
    expect(ended).toBeUndefined()
    const second = await connect(port, { ca: ca.cert })
    await second.login()
    const error = await rejection(second.retr(1, { octets: 100, onData: () => undefined }))
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_DISCONNECTED', retryable: true })
    expect(error.message).toContain('in the middle of the reply to RETR')
  })
})

describe('time', () => {
  it('case 24: a handshake that never ends after STLS is given up', async () => {
    const port = await listen((socket) => {
      socket.on('error', () => undefined)
      socket.write('+OK\r\n')
      socket.on('data', (data) => {
        const text = data.toString('latin1')
        if (text === 'CAPA\r\n') socket.write('+OK\r\nSTLS\r\n.\r\n')
        else if (text === 'STLS\r\n') socket.write('+OK\r\n')
      })
    })
    const error = await rejection(connect(port, { tls: 'stls', tlsTimeoutMs: 60 }))
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_TIMEOUT', retryable: true })
    expect(error.message).toContain('TLS handshake in 60 ms')
  })

  it('case 26: nothing is connected when the password would go in clear', async () => {
    let connections = 0
    const port = await listen(() => (connections += 1))
    const options = { host: '0.0.0.0', tls: 'none' } as const
    expect(await rejection(connect(port, options))).toMatchObject({
      code: 'MAILDRAIN_POP3_CLEARTEXT',
    })
    expect(connections).toBe(0)
  })
})
