/**
 * The same suite on any POP3 server: logins, TLS, a drain with deletion, a drain that is killed in the middle, and content
 * that is made to disturb.
 */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { MaildrainError } from '../../src/errors.ts'
import { Pop3Client, type Pop3ClientOptions } from '../../src/pop3/index.ts'
import { FaultProxy } from '../../src/testing/index.ts'
import { type Pop3Server, PASSWORD, USER } from '../fixtures/pop3-server.ts'
import type { ServerKind } from '../fixtures/pop3-servers.ts'
import { certificateFor } from './cli.ts'
import { notFull } from './full.ts'
import { hostileMessages, hostileName } from './hostile-messages.ts'
import { observedTransport } from './observed-transport.ts'
import {
  DrainTarget,
  compare,
  expectedOf,
  fill,
  fingerprint,
  readPlainly,
} from './server-drains.ts'

/** The one that is not left out at the small size. */
const SMALL = 'popa3d'
const INTERRUPTED = 600
const EQUAL = { lost: 0, doubled: 0 }

const code = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof MaildrainError ? error.code : error),
  )

export function describeServer(kind: ServerKind): void {
  const missing = kind.missing ?? (kind.name === SMALL ? undefined : notFull)
  const name = missing === undefined ? kind.name : `${kind.name}: ${missing}`
  describe.skipIf(missing !== undefined)(name, () => suiteOf(kind))
}

function suiteOf(kind: ServerKind): void {
  const { messages } = kind
  let server: Pop3Server
  beforeAll(async () => {
    const begun = performance.now()
    server = await kind.start()
    console.log(`${kind.name}: ${server.how}, up after ${seconds(begun)} s`)
  })
  afterAll(() => server.stop())

  const connect = (change: Partial<Pop3ClientOptions>, io = {}): Promise<Pop3Client> =>
    Pop3Client.connect(
      {
        ...{ host: '127.0.0.1', port: server.port, tls: 'none' },
        ...{ auth: { user: USER, password: PASSWORD } },
        ...change,
      },
      io,
    )

  async function login(change: Partial<Pop3ClientOptions>, io = {}): Promise<Pop3Client> {
    const client = await connect(change, io)
    await client.login()
    return client
  }

  it.each(kind.logins)('logs in by %s', async (mechanism) => {
    const { connect: observed, verbs } = observedTransport(mechanism === 'USER')
    const client = await login({}, { connect: observed })
    expect(verbs.includes('USER')).toBe(mechanism === 'USER')
    expect(verbs.includes('AUTH')).toBe(mechanism === 'PLAIN')
    expect(await client.stat()).toMatchObject({ messages: 0 })
    expect(client.capabilities.pipelining).toBe(kind.pipelining)
    await client.quit()
  })

  it('takes a wrong password for what it is', async () => {
    const auth = { user: USER, password: 'wrong' }
    expect(await code(login({ auth }))).toBe('MAILDRAIN_POP3_AUTH_REJECTED')
  })

  it.each(['implicit', 'stls'] as const)(
    'G14: TLS (%s) where it is offered, with the right authority and no other',
    async (tls) => {
      const port = tls === 'implicit' ? server.tlsPort : server.port
      const secure = { host: 'localhost', tls, port, ca: server.caFile }
      const offered = tls === 'implicit' ? kind.implicitTls : kind.stls
      if (!offered) {
        // The engine listens where the server does not, and closes.
        const refused = tls === 'implicit' ? 'TLS_HANDSHAKE' : 'STLS_REFUSED'
        expect(await code(login(withCa(secure)))).toBe(`MAILDRAIN_POP3_${refused}`)
        return
      }
      const client = await login(withCa(secure))
      await client.quit()
      const { file: ca } = certificateFor('localhost')
      const { connect: observed, verbs } = observedTransport()
      const attempt = login(withCa({ ...secure, ca }), { connect: observed })
      expect(await code(attempt)).toMatch(/^MAILDRAIN_POP3_TLS/)
      expect(verbs).not.toContain('USER')
      expect(verbs).not.toContain('AUTH')
    },
  )

  it(`G1, G6, G7, G12: ${messages} messages with deletion, every byte as the server gives it`, async () => {
    const { stored, refused } = await fill(server, messages, { seed: 7, withReal: true })
    const plain = await readPlainly(server, kind.settles)
    expect(plain).toHaveLength(messages)
    const target = new DrainTarget(server)
    const { code: exit, stderr, receipt, seconds: took } = await target.drain(kind.implicitTls)
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
    const expected = expectedOf(plain, kind.ownHeaders)
    expect(compare(expected, hashes(target.raw()))).toEqual(EQUAL)
    expect(await server.count()).toBe(0)
    expect(receipt).toMatchObject({ deleted: messages, verifiedGone: messages, remaining: 0 })
    const given = new Set(plain.map(({ raw }) => fingerprint(raw)))
    const changed = stored.filter((bytes) => !given.has(fingerprint(bytes))).length
    if (kind.exact) expect(changed).toBe(0)
    console.log(
      `${kind.name}: ${messages} messages, ${receipt.bytes} bytes, ${receipt.sessions} sessions, ` +
        `${took.toFixed(1)} s; ${refused.length} refused by the server (${[...new Set(refused)].join('; ')}), ` +
        `${changed} given otherwise than stored, ${messages - expected.length} copies; ` +
        `${plain.filter(({ raw, listedOctets }) => raw.length < listedOctets).length} shorter than listed, ` +
        `${plain.filter(({ raw, listedOctets }) => raw.length > listedOctets).length} longer`,
    )
  }, 300_000)

  it(`G1, G5: killed in the middle, then again: nothing lost, nothing doubled`, async () => {
    const count = Math.min(messages, INTERRUPTED)
    await fill(server, count, { seed: 11, withReal: false })
    const expected = expectedOf(await readPlainly(server, kind.settles), kind.ownHeaders)
    // The line is this process: while it stands still, the drain does not get to its end unseen.
    const line = await FaultProxy.start({ port: server.port })
    onTestFinished(() => line.close())
    const target = new DrainTarget({
      ...{ port: line.port, tlsPort: server.tlsPort, caFile: server.caFile },
    })
    const short = ['--session-messages', String(kind.sessionMessages ?? Math.ceil(count / 4))]
    for (const least of kind.killsAt ?? [1, Math.ceil(count * 0.4)]) {
      const { child, result } = target.start(false, short)
      while (target.count() < least && child.exitCode === null)
        await new Promise((resolve) => setTimeout(resolve, 10))
      child.kill('SIGKILL')
      expect(await result).toMatchObject({ code: null, stderr: '' })
    }
    const between = target.count()
    const { code: exit, stderr } = await target.drain(false)
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
    expect(compare(expected, hashes(target.raw()))).toEqual(EQUAL)
    expect(await server.count()).toBe(0)
    console.log(`${kind.name}: killed with ${between} of ${count} written`)
  }, 300_000)

  it('G8, G12, cases 65 to 72: hostile content arrives equal or is kept, and disturbs no other message', async () => {
    const hostile = hostileMessages()
    const between = hostile.map(({ name }) =>
      Buffer.from(`From: a@b.example\r\nMessage-ID: <after-${name}@x>\r\n\r\nafter ${name}\r\n`),
    )
    const batch = hostile.flatMap(({ bytes }, index) => [bytes, between[index]!])
    const refusals = await server.add(batch)
    const refused = refusals.map(({ index, why }) => `${hostile[index / 2]?.name}: ${why}`)
    const plain = await readPlainly(server, kind.settles)
    expect(plain).toHaveLength(batch.length - refusals.length)
    const target = new DrainTarget(server)
    const { code: exit, receipt, seconds: took } = await target.drain(kind.implicitTls)
    const kept = target.kept().map(({ uidl, reason }) => {
      const raw = plain.find((message) => message.uidl === uidl)?.raw
      return `${raw && hostileName(raw)}: ${reason}`
    })
    const left = new Set(target.kept().map(({ uidl }) => uidl))
    const expected = plain.filter(({ uidl }) => !left.has(uidl))
    expect(compare(expectedOf(expected, kind.ownHeaders), hashes(target.raw()))).toEqual(EQUAL)
    expect(kept.sort()).toEqual([...(kind.keeps ?? [])].sort())
    expect({ exit, kept: receipt.kept, left: await server.count() }).toEqual({
      ...{ exit: kept.length === 0 ? 0 : 6, kept: kept.length, left: kept.length },
    })
    const given = new Set(plain.map(({ raw }) => fingerprint(raw, kind.ownHeaders)))
    const changed = hostile.filter(({ bytes }) => !given.has(fingerprint(bytes)))
    const changedNames = changed.map(({ name }) => name).join(', ')
    console.log(
      `${kind.name}: hostile in ${took.toFixed(1)} s; refused ${refused.join(', ') || 'none'}; kept ${kept.join(', ') || 'none'}; given otherwise ${changedNames || 'none'}`,
    )
  }, 300_000)

  function hashes(raw: readonly Buffer[]): string[] {
    return raw.map((bytes) => fingerprint(bytes, kind.ownHeaders))
  }
}

const seconds = (since: number): string => ((performance.now() - since) / 1000).toFixed(1)

const withCa = ({
  ca,
  ...rest
}: {
  host: string
  tls: 'implicit' | 'stls'
  port: number
  ca: string
}) => ({ ...rest, ca: readFileSync(ca) })
