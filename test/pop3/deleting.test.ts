import { describe, expect, it } from 'vitest'
import { rejection, session } from './transcript.ts'

const ignore = () => undefined

describe('the two phases of a session', () => {
  it('DELE, NOOP and QUIT', () =>
    session(
      'C: DELE 1\nS: +OK\nC: NOOP\nS: +OK\nC: DELE 2\nS: +OK\nC: QUIT\nS: +OK bye\nX',
      async (client) => {
        await client.dele(1)
        expect(client.state).toBe('deleting')
        await client.noop()
        await client.dele(2)
        await client.quit()
      },
    ))

  it('G9: after the first DELE nothing is read any more, and no command goes out for it', () =>
    session('C: DELE 1\nS: +OK\nC: QUIT\nS: +OK\nX', async (client) => {
      await client.dele(1)
      const attempts = [
        client.stat(),
        client.listAll(ignore, 1),
        client.uidlAll(ignore, 1),
        client.uidl(1),
        client.list(1),
        client.retr(1, { octets: 1, onData: ignore }),
        client.top(1, 0, { onData: ignore }),
      ]
      for (const attempt of attempts)
        expect(await rejection(attempt)).toMatchObject({ code: 'MAILDRAIN_POP3_STATE' })
      await client.quit()
    }))

  it('G9: there is no RSET', () =>
    session('', (client) => {
      expect('rset' in client).toBe(false)
      return Promise.resolve()
    }))

  it('-ERR to DELE refuses that message alone', () =>
    session('C: DELE 1\nS: -ERR no\nC: DELE 2\nS: +OK', async (client) => {
      expect(await rejection(client.dele(1))).toMatchObject({ code: 'MAILDRAIN_POP3_REFUSED' })
      await client.dele(2)
    }))

  it('after QUIT there is nothing', () =>
    session('C: QUIT\nS: +OK\nX', async (client) => {
      await client.quit()
      expect(await rejection(client.noop())).toMatchObject({ code: expect.any(String) as string })
      expect(client.state).not.toBe('transaction')
    }))
})

describe('QUIT', () => {
  it('G7: -ERR is an answer, and tells that not everything was removed', () =>
    session('C: QUIT\nS: -ERR some deleted messages not removed', async (client) => {
      expect(await rejection(client.quit())).toMatchObject({ code: 'MAILDRAIN_POP3_REFUSED' })
    }))

  it('G7: a lost reply is neither yes nor no', () =>
    session('C: QUIT\nX', async (client) => {
      expect(await rejection(client.quit())).toMatchObject({ code: 'MAILDRAIN_POP3_DISCONNECTED' })
    }))

  it('close sends nothing', () =>
    session('C: DELE 1\nS: +OK', async (client) => {
      await client.dele(1)
      client.close()
      expect(client.state).toBe('closed')
    }))
})
