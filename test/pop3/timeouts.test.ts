/** How long what is waited for, on a clock that stands still. */
import { describe, expect, it } from 'vitest'
import {
  type ConnectTransport,
  Pop3Client,
  type Pop3ClientOptions,
  type TransportEvents,
} from '../../src/pop3/index.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { rejection } from './transcript.ts'

/** A server that says what the test lets it say, when it does. */
class ManualServer {
  readonly clock = new FakeClock()
  readonly written: string[] = []
  destroyed = false
  #events: TransportEvents | undefined

  readonly connect: ConnectTransport = (_target, events) => {
    this.#events = events
    return Promise.resolve({
      secure: false,
      write: (text: string) => this.written.push(text),
      startTls: () => Promise.reject(new Error('no TLS here')),
      finish: () => (this.destroyed = true),
      destroy: () => (this.destroyed = true),
    })
  }

  /** Lets what waits for promises happen, then sends. */
  async say(text: string): Promise<void> {
    await this.settle()
    this.#events?.data(Buffer.from(text, 'latin1'))
    await this.settle()
  }

  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  async pass(ms: number): Promise<void> {
    await this.settle()
    await this.clock.advance(ms)
    await this.settle()
  }

  open(change: Partial<Pop3ClientOptions> = {}): Promise<Pop3Client> {
    const auth = { user: 'mrose', password: 'tanstaaf' }
    const options = { host: 'localhost', tls: 'none', auth, ...change } as const
    return Pop3Client.connect(options, { connect: this.connect, clock: this.clock })
  }

  async opened(): Promise<Pop3Client> {
    const opening = this.open()
    await this.say('+OK\r\n')
    await this.say('+OK\r\nUSER\r\n.\r\n')
    return opening
  }
}

describe('time', () => {
  it('case 6, fault 4: a server that does not greet in 60 s is given up, and its connection closed', async () => {
    const server = new ManualServer()
    const opening = rejection(server.open())
    await server.pass(59_999)
    expect(server.destroyed).toBe(false)
    await server.pass(1)
    const error = await opening
    expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_TIMEOUT', retryable: true })
    expect(error.message).toContain('did not greet within 60000 ms')
    expect(server.destroyed).toBe(true)
  })

  it('a session that lasts longer than it may is ended, whatever the server sends', async () => {
    const server = new ManualServer()
    const client = await server.opened()
    const end = new Promise((resolve) => client.onClose(resolve))
    const day = 24 * 60 * 60 * 1000
    await server.pass(day - 1)
    expect(server.destroyed).toBe(false)
    await server.pass(1)
    expect(await end).toMatchObject({ code: 'MAILDRAIN_POP3_TIMEOUT', retryable: true })
    expect(server.destroyed).toBe(true)
    expect(server.clock.waiting).toBe(0)
  })

  it('case 10: a server that hangs on CAPA is asked again without, and logged in to', async () => {
    const server = new ManualServer()
    const opening = server.open()
    await server.say('+OK\r\n')
    expect(server.written).toEqual(['CAPA\r\n'])
    await server.pass(10_000)
    expect(server.destroyed).toBe(true)
    await server.say('+OK\r\n')
    const client = await opening
    expect(client.hangsOnCapa).toBe(true)
    const login = client.login()
    await server.say('+OK\r\n')
    await server.say('+OK\r\n')
    await login
    expect(server.written.slice(1)).toEqual(['USER mrose\r\n', 'PASS tanstaaf\r\n'])
  })

  it('case 10: with TLS that depends on it, it is an error', async () => {
    const server = new ManualServer()
    const opening = rejection(server.open({ tls: 'stls' }))
    await server.say('+OK\r\n')
    await server.pass(10_000)
    expect(await opening).toMatchObject({ code: 'MAILDRAIN_POP3_TIMEOUT' })
    expect(server.written).toEqual(['CAPA\r\n'])
  })

  it('a server that is known to hang is not asked at all', async () => {
    const server = new ManualServer()
    const opening = server.open({ capa: 'off' })
    await server.say('+OK\r\n')
    expect((await opening).capabilities.known).toBe(false)
    expect(server.written).toEqual([])
  })

  it('case 44: PASS may take 120 s, for it opens the mailbox', async () => {
    const server = new ManualServer()
    const client = await server.opened()
    const login = client.login()
    await server.say('+OK\r\n')
    await server.pass(120_000)
    await server.say('+OK 144524 messages\r\n')
    await server.say('+OK\r\n.\r\n')
    await login
    expect(client.state).toBe('transaction')
  })

  it('case 45: STAT may take 300 s after a quick login', async () => {
    const server = new ManualServer()
    const client = await server.opened()
    const login = client.login()
    await server.say('+OK\r\n')
    await server.say('+OK\r\n')
    await server.say('+OK\r\n.\r\n')
    await login
    const stat = client.stat()
    await server.pass(300_000)
    await server.say('+OK 2 320\r\n')
    expect(await stat).toEqual({ messages: 2, octets: 320 })
  })

  it('a login that takes longer than ten minutes is given up', async () => {
    const server = new ManualServer()
    const client = await server.opened()
    const login = rejection(client.login())
    await server.pass(600_000)
    expect(await login).toMatchObject({ code: 'MAILDRAIN_POP3_TIMEOUT' })
  })
})
