import { describe, expect, it } from 'vitest'
import { MaildrainError } from '../../src/errors.ts'
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

  it('RETRs that have not left can be given up: they are never sent, and the session goes on', () =>
    session(
      'C: RETR 1\nC: RETR 2\nS: +OK\nS: one\nS: .\nS: +OK\nS: two\nS: .\nC: DELE 1\nS: +OK',
      async (client) => {
        const { texts, onData } = collect()
        const read = [1, 2, 3, 4].map((n) => client.retr(n, { octets: 40, onData }))
        // They leave in the next turn.
        await Promise.resolve()
        client.withdrawRetrs(new MaildrainError('MAILDRAIN_STOPPED', 'given up'))
        const ends = await Promise.allSettled(read)
        expect(ends.map(({ status }) => status)).toEqual([
          ...['fulfilled', 'fulfilled', 'rejected', 'rejected'],
        ])
        expect(ends[3]).toMatchObject({ reason: { code: 'MAILDRAIN_STOPPED' } })
        expect(texts.join('')).toBe('one\r\ntwo\r\n')
        await client.dele(1)
      },
      PIPELINING,
      { maxPipelineCommands: 2 },
    ))

  it('RETRs in flight are bounded by their number, and others pass along', () =>
    session(
      'C: RETR 1\nC: RETR 2\nS: +OK\nS: .\nC: RETR 3\nC: NOOP\nS: +OK\nS: .\nS: +OK\nS: .\nS: +OK',
      async (client) => {
        const read = (n: number) => client.retr(n, { octets: 1, onData: () => undefined })
        await Promise.all([read(1), read(2), read(3), client.noop()])
      },
      PIPELINING,
      { maxPipelineCommands: 2 },
    ))

  it('other commands in flight are bounded by their own bytes', () =>
    session(
      [
        ...Array.from({ length: 409 }, (_, n) => `C: DELE ${n + 100}`),
        'S: +OK',
        'C: DELE 509',
        ...Array.from({ length: 409 }, () => 'S: +OK'),
      ].join('\n'),
      async (client) => {
        await Promise.all(Array.from({ length: 410 }, (_, n) => client.dele(n + 100)))
      },
      PIPELINING,
      { maxRefusalsInRow: 1000 },
    ))

  it('case 83: -ERR in the middle belongs to its command alone', () =>
    session(
      'C: DELE 1\nC: DELE 2\nC: DELE 3\nS: +OK\nS: -ERR no\nS: +OK',
      async (client) => {
        const results = await Promise.allSettled([1, 2, 3].map((n) => client.dele(n)))
        expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      },
      PIPELINING,
    ))

  it('case 50, G9: an answer about another number fails it and everything behind it', () =>
    session(
      'C: UIDL 1\nC: UIDL 2\nS: +OK 2 b\nS: +OK 1 a',
      async (client) => {
        const asked = [client.uidl(1), client.uidl(2)]
        for (const each of asked.map(rejection))
          expect(await each).toMatchObject({ code: 'MAILDRAIN_POP3_DESYNC' })
      },
      PIPELINING,
    ))

  it('case 49: 200 UIDL n in flight, answered in order', () => {
    const commands: string[] = []
    const replies: string[] = []
    for (let n = 1; n <= 200; n += 1) {
      commands.push(`C: UIDL ${n}`)
      replies.push(`S: +OK ${n} u${n}`)
    }
    return session(
      [...commands, ...replies].join('\n'),
      async (client) => {
        const numbers = Array.from({ length: 200 }, (_, index) => index + 1)
        const answers = await Promise.all(numbers.map((n) => client.uidl(n)))
        expect(answers).toEqual(numbers.map((n) => `u${n}`))
      },
      PIPELINING,
      { maxPipelineCommands: 1024, maxRefusalsInRow: 1000 },
    )
  })

  it('case 51: -ERR to one UIDL n is about that number alone', () =>
    session(
      'C: UIDL 4\nC: UIDL 5\nC: UIDL 6\nS: +OK 4 d\nS: -ERR no such message\nS: +OK 6 f',
      async (client) => {
        const answers = await Promise.allSettled([4, 5, 6].map((n) => client.uidl(n)))
        expect(answers).toMatchObject([
          { value: 'd' },
          { reason: { code: 'MAILDRAIN_POP3_REFUSED' } },
          { value: 'f' },
        ])
      },
      PIPELINING,
    ))

  it('case 83: 64 RETR in flight, -ERR in the middle: each answer is its own', () => {
    const numbers = Array.from({ length: 64 }, (_, index) => index + 1)
    const script = [
      ...numbers.map((n) => `C: RETR ${n}`),
      ...numbers.map((n) => (n === 32 ? 'S: -ERR expunged' : `S: +OK\nS: message ${n}\nS: .`)),
      'C: NOOP\nS: +OK',
    ]
    return session(
      script.join('\n'),
      async (client) => {
        const chunks = numbers.map((): Buffer[] => [])
        const reads = chunks.map((into, index) =>
          client.retr(index + 1, { octets: 20, onData: (chunk) => into.push(Buffer.from(chunk)) }),
        )
        const refused = (await Promise.allSettled(reads)).flatMap(({ status }, index) =>
          status === 'rejected' ? [index + 1] : [],
        )
        expect(refused).toEqual([32])
        const texts = chunks.map((each) => Buffer.concat(each).toString('latin1'))
        expect(texts).toEqual(numbers.map((n) => (n === 32 ? '' : `message ${n}\r\n`)))
        await client.noop()
      },
      PIPELINING,
      { maxRefusalsInRow: 1000 },
    )
  })

  it('case 84, G9: the next +OK before the end of a message ends the session', () =>
    session(
      'C: RETR 1\nC: RETR 2\nS: +OK\nS: one\nS: +OK\nS: .\nS: two\nS: .',
      async (client) => {
        const { onData } = collect()
        const reads = [1, 2].map((n) => client.retr(n, { octets: 5, onData }))
        expect(await rejection(reads[1]!)).toMatchObject({ code: 'MAILDRAIN_POP3_DESYNC' })
        expect(client.state).toBe('closed')
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
