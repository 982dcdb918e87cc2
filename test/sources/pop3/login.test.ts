/** Logging in for a drain: tokens that end, servers that hang, quotas, and what is said about the server. */
import { describe, expect, it } from 'vitest'
import type { Logger } from '../../../src/logger.ts'
import type { TokenProvider } from '../../../src/pop3/index.ts'
import { delivered, drainInto, serve, texts } from '../../support/drains.ts'
import { MemorySink } from '../../support/memory-sink.ts'
import { rejection } from '../../pop3/transcript.ts'

interface Line {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: object
  readonly message: string
}

function recorder() {
  const lines: Line[] = []
  const at = (level: Line['level']) => (fields: object, message: string) => {
    lines.push({ level, fields, message })
  }
  const log: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  return { lines, log }
}

describe('access tokens', () => {
  it('case 39, fault 50: one that ends between two sessions is renewed once, on a new connection', async () => {
    let good = 'first'
    const server = await serve(6, {
      capabilities: { sasl: ['XOAUTH2'], user: false, expire: 'NEVER' },
      acceptsToken: (token) => token === good,
      onEvent: ({ kind }) => {
        if (kind === 'login') good = 'second'
      },
    })
    const asked: boolean[] = []
    let latest = 'first'
    const token: TokenProvider = ({ forceRefresh }) => {
      asked.push(forceRefresh)
      if (forceRefresh) latest = 'second'
      return Promise.resolve({ token: latest })
    }
    const sink = new MemorySink()
    const source = { auth: { user: 'user', token }, sessionMessages: 3 }
    const receipt = await drainInto(server, sink, { source })
    expect(delivered(sink)).toEqual(texts(6))
    expect(receipt).toMatchObject({ deleted: 6, verifiedGone: 6 })
    expect(asked.filter((forced) => forced)).toHaveLength(1)
    expect(server.sessions).toBe(server.logins + 1)
  })

  it('case 39: one that stays rejected ends the drain after two connections', async () => {
    const server = await serve(1, { capabilities: { sasl: ['OAUTHBEARER'] } })
    const token: TokenProvider = () => Promise.resolve({ token: 'canary' })
    const error = await rejection(
      drainInto(server, new MemorySink(), { source: { auth: { user: 'user', token } } }),
    )
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_TOKEN_REJECTED', exitCode: 3 })
    expect(server.sessions).toBe(2)
    expect(server.remaining()).toBe(1)
  })
})

it('case 10: a server that hangs on CAPA is asked once in a drain', async () => {
  const server = await serve(4, {
    behaviour: { replyOverride: (verb) => (verb === 'CAPA' ? '' : undefined) },
  })
  const sink = new MemorySink()
  const source = { capaTimeoutMs: 50, sessionMessages: 2, quitDeletes: 'no' } as const
  await drainInto(server, sink, { source })
  expect(delivered(sink)).toEqual(texts(4))
  expect(server.logins).toBeGreaterThan(2)
  expect(server.log.filter(({ verb }) => verb === 'CAPA')).toHaveLength(1)
})

it('the name of the software is logged once, and nothing depends on it', async () => {
  const receipts: unknown[] = []
  for (const implementation of ['Gmail', 'Shlemazle-Plotz-v302']) {
    const server = await serve(4, {
      capabilities: { expire: 'NEVER', utf8: true, more: [`IMPLEMENTATION ${implementation}`] },
    })
    const { lines, log } = recorder()
    const sink = new MemorySink()
    const { sessions, deleted } = await drainInto(server, sink, {
      ...{ log, source: { sessionMessages: 2 } },
    })
    receipts.push({ sessions, deleted, verbs: server.log.map(({ verb }) => verb) })
    const said = lines.filter(({ message }) => message.startsWith('logged in'))
    expect(said).toEqual([
      expect.objectContaining({ fields: { implementation, utf8: true, secure: false } }),
    ])
  }
  expect(receipts[0]).toEqual(receipts[1])
})

describe('quota', () => {
  it.each(['Download exceed. msg=3', 'Download was rate limited. Please try again later'])(
    '%s: what was read is deleted, the rest comes later, and nothing is kept',
    async (text) => {
      const server = await serve(6, {
        capabilities: { expire: 'NEVER' },
        behaviour: {
          errorOnRetr: (index, session) => (session === 1 && index >= 3 ? text : undefined),
        },
      })
      const { lines, log } = recorder()
      const sink = new MemorySink()
      const receipt = await drainInto(server, sink, { log })
      expect(delivered(sink)).toEqual(texts(6))
      expect(receipt).toMatchObject({ delivered: 6, kept: 0, deleted: 6, verifiedGone: 6 })
      expect(server.deletions.filter(({ session }) => session === 1)).toHaveLength(3)
      const warned = lines.filter(({ level }) => level === 'warn')
      expect(warned.map(({ fields }) => fields)).toEqual([
        expect.objectContaining({ code: 'MAILDRAIN_POP3_QUOTA' }),
      ])
    },
  )

  it('that lasts ends the drain with its code, and without harm', async () => {
    const server = await serve(2, {
      capabilities: { expire: 'NEVER' },
      behaviour: { errorOnRetr: () => 'Download exceed. msg=10' },
    })
    const source = { retryPatienceMs: 100 }
    const error = await rejection(drainInto(server, new MemorySink(), { source }))
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_QUOTA', exitCode: 4, retryable: true })
    expect(server.remaining()).toBe(2)
  })
})

it('what the options allow that is not safe is said once', async () => {
  const server = await serve(4)
  const { lines, log } = recorder()
  const source = {
    ...{ host: 'mail.example', allowCleartext: true, sessionMessages: 2 },
    proxy: 'socks5://127.0.0.1:1',
    openPatienceMs: 50,
  }
  await rejection(drainInto(server, new MemorySink(), { log, source }))
  const warnings = lines.filter(({ message }) => message.includes('in clear'))
  expect(warnings).toHaveLength(1)
  expect(lines.filter(({ level }) => level === 'warn').length).toBeGreaterThan(1)
})
