import { describe, expect, it } from 'vitest'
import { rejection, session } from './transcript.ts'

const PIPELINING = ['USER', 'UIDL', 'TOP', 'PIPELINING']

/** Content of replies, in the order in which they were asked for. */
const collect = () => {
  const texts: string[] = []
  return { texts, onData: (chunk: Buffer) => texts.push(chunk.toString('latin1')) }
}

describe('pipelining', () => {
  it('several commands leave at once where the server offers it', () =>
    session(
      'C: UIDL 1\nC: UIDL 2\nC: UIDL 3\nS: +OK 1 a\nS: +OK 2 b\nS: +OK 3 c',
      async (client) => {
        expect(client.pipelining).toBe(true)
        expect(await Promise.all([1, 2, 3].map((n) => client.uidl(n)))).toEqual(['a', 'b', 'c'])
      },
      PIPELINING,
    ))

  it('one at a time where it does not', () =>
    session('C: UIDL 1\nS: +OK 1 a\nC: UIDL 2\nS: +OK 2 b', async (client) => {
      expect(client.pipelining).toBe(false)
      expect(await Promise.all([client.uidl(1), client.uidl(2)])).toEqual(['a', 'b'])
    }))

  it('RETRs in flight are bounded by octets; a larger message goes alone', () =>
    session(
      'C: RETR 1\nC: RETR 2\nS: +OK\nS: one\nS: .\nS: +OK\nS: two\nS: .\nC: RETR 3\nS: +OK\nS: three\nS: .',
      async (client) => {
        const { texts, onData } = collect()
        const sizes = [40, 60, 500]
        await Promise.all(sizes.map((octets, index) => client.retr(index + 1, { octets, onData })))
        expect(texts.join('')).toBe('one\r\ntwo\r\nthree\r\n')
      },
      PIPELINING,
      { maxPipelineBytes: 100 },
    ))

  it('commands in flight are bounded by their number', () =>
    session(
      'C: DELE 1\nC: DELE 2\nS: +OK\nC: DELE 3\nS: +OK\nS: +OK',
      async (client) => {
        await Promise.all([1, 2, 3].map((n) => client.dele(n)))
      },
      PIPELINING,
      { maxPipelineCommands: 2 },
    ))

  it('-ERR in the middle belongs to its command alone', () =>
    session(
      'C: DELE 1\nC: DELE 2\nC: DELE 3\nS: +OK\nS: -ERR no\nS: +OK',
      async (client) => {
        const results = await Promise.allSettled([1, 2, 3].map((n) => client.dele(n)))
        expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      },
      PIPELINING,
    ))

  it('G9: an answer about another number fails it and everything behind it', () =>
    session(
      'C: UIDL 1\nC: UIDL 2\nS: +OK 2 b\nS: +OK 1 a',
      async (client) => {
        const asked = [client.uidl(1), client.uidl(2)]
        for (const each of asked.map(rejection))
          expect(await each).toMatchObject({ code: 'MAILDRAIN_POP3_DESYNC' })
      },
      PIPELINING,
    ))

  it('a reply that nobody asked for ends the session', () =>
    session(
      'C: NOOP\nS: +OK\nS: +OK once more',
      async (client) => {
        const closed = new Promise((resolve) => client.onClose(resolve))
        await client.noop()
        expect(await closed).toMatchObject({ code: 'MAILDRAIN_POP3_DESYNC' })
      },
      PIPELINING,
    ))

  it('QUIT waits for every other reply', () =>
    session(
      'C: DELE 1\nS: +OK\nC: QUIT\nS: +OK\nX',
      async (client) => {
        await Promise.all([client.dele(1), client.quit()])
      },
      PIPELINING,
    ))
})
