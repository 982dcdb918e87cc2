/** Secrets, given in every way that there is, to servers that repeat whatever they are told. */
import { type AddressInfo, type Socket, createServer } from 'node:net'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import type { Logger } from '../../src/logger.ts'
import { MECHANISMS, type Mechanism, Pop3Client } from '../../src/pop3/index.ts'
import { drainInto, serve } from '../support/drains.ts'
import { MemorySink } from '../support/memory-sink.ts'
import { rejection } from './transcript.ts'

const CANARY = 'canary-7Qz!x{}\u00e4'
const TOKEN = `ya29.canary-${'t0k3n'.repeat(40)}`

const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64')
/** Forms in which a secret could get out; a base64 of text around it holds one of the three alignments. */
const forms = (secret: string): string[] => [
  secret,
  Buffer.from(secret, 'utf8').toString('latin1'),
  Buffer.from(secret, 'utf8').toString('hex'),
  encodeURIComponent(secret),
  ...[0, 1, 2].map((shift) => base64('x'.repeat(shift) + secret).slice(shift === 0 ? 0 : 4, -4)),
]

function expectClean(what: unknown, ...secrets: string[]): void {
  const shown = typeof what === 'string' ? what : inspect(what, { depth: 20, showHidden: true })
  for (const secret of secrets)
    for (const form of forms(secret)) expect(shown, form).not.toContain(form)
}

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** Offers everything, and says in each -ERR what it has heard so far. */
async function parrot(
  greeting: string,
): Promise<{ readonly port: number; readonly heard: string[] }> {
  const heard: string[] = []
  const answer = (line: string, socket: Socket) => {
    if (line === 'CAPA') return `+OK\r\nUSER\r\nUTF8 USER\r\nSASL ${MECHANISMS.join(' ')}\r\n.\r\n`
    if (line === 'UTF8' || line.startsWith('USER')) return '+OK\r\n'
    if (/^AUTH [^ ]+$/.test(line)) return `+ ${base64('<1.2@parrot.example>')}\r\n`
    heard.push(line)
    setImmediate(() => socket.end())
    return `-ERR [AUTH] you said ${heard.join(' and ')}\r\n`
  }
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.write(`+OK ${greeting}\r\n`)
    socket.on('data', (data) => {
      for (const line of data.toString('latin1').split('\r\n').slice(0, -1))
        socket.write(answer(line, socket), 'latin1')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => server.close())
  return { port: (server.address() as AddressInfo).port, heard }
}

const authOf = (mechanism: Mechanism) =>
  mechanism === 'XOAUTH2' || mechanism === 'OAUTHBEARER'
    ? { user: 'mrose', token: TOKEN, mechanism }
    : { user: 'mrose', password: CANARY, mechanism }

describe('case 43: no secret gets out', () => {
  it.each(MECHANISMS)('case 43: by %s, though the server repeats it', async (mechanism) => {
    const { port, heard } = await parrot('ready <1.2@parrot.example>')
    const client = await Pop3Client.connect({
      ...{ host: '127.0.0.1', port, tls: 'none', auth: authOf(mechanism) },
    })
    const error = await rejection(client.login())
    expect(error.message).toContain('you said')
    expectClean(error, CANARY, TOKEN)
    expectClean(client, CANARY, TOKEN)
    for (const line of heard) {
      const [payload = ''] = line.split(' ').slice(-1)
      expect(error.message).not.toContain(payload)
    }
  })

  const ways: readonly (readonly [string, object])[] = [
    ['password', { auth: { user: 'user', password: CANARY } }],
    ['token', { auth: { user: 'user', token: TOKEN } }],
    [
      'token of a function',
      { auth: { user: 'user', token: () => Promise.resolve({ token: TOKEN }) } },
    ],
    ['proxy', { proxy: `socks5://user:${encodeURIComponent(CANARY)}@127.0.0.1:1` }],
    ['proxy that cannot be read', { proxy: `socks5://user:${CANARY}@127.0.0.1:x` }],
    ['passphrase', { tls: 'implicit', cert: 'x', key: 'x', passphrase: CANARY }],
    ['key', { tls: 'implicit', cert: 'x', key: CANARY }],
    ['passphrase without a key', { passphrase: CANARY }],
    ['an option that is none', { secret: CANARY }],
  ]
  it.each(ways)(
    'case 43: %s of a drain: not in its error, log, events, server log',
    async (_way, source) => {
      const lines: unknown[] = []
      const take = (fields: object, message: string) => lines.push(fields, message)
      const log: Logger = { debug: take, info: take, warn: take, error: take }
      const events: unknown[] = []
      const server = await serve(1, {
        capabilities: { sasl: ['SCRAM-SHA-256', 'PLAIN', 'XOAUTH2', 'OAUTHBEARER'] },
        onEvent: (event) => events.push(event),
      })
      const change = { ...{ openPatienceMs: 20, allowCleartext: true }, ...source }
      const error = await Promise.resolve()
        .then(() => drainInto(server, new MemorySink(), { log, source: change }))
        .then(
          () => undefined,
          (reason: unknown) => reason,
        )
      expect(error).toBeInstanceOf(Error)
      for (const what of [error, lines, events, server.log, server])
        expectClean(what, CANARY, TOKEN)
    },
  )
})
