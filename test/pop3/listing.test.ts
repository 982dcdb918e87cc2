import { describe, expect, it } from 'vitest'
import type { Pop3Client } from '../../src/pop3/index.ts'
import { rejection, session } from './transcript.ts'

const uidls = async (client: Pop3Client, limit = 3): Promise<[number, string][]> => {
  const found: [number, string][] = []
  await client.uidlAll((n, uidl) => found.push([n, uidl]), limit)
  return found
}

const sizes = async (client: Pop3Client, limit = 3): Promise<[number, number][]> => {
  const found: [number, number][] = []
  await client.listAll((n, octets) => found.push([n, octets]), limit)
  return found
}

describe('STAT', () => {
  it.each([
    ['+OK 2 320', { messages: 2, octets: 320 }],
    ['+OK 0 0', { messages: 0, octets: 0 }],
    ['+OK 7', { messages: 7, octets: 0 }],
    ['+OK  12   99 octets here', { messages: 12, octets: 99 }],
    ['+OK 2 320 junk', { messages: 2, octets: 320 }],
    ['+OK 2 -1', { messages: 2, octets: 0 }],
    ['+OK 2 -5', { messages: 2, octets: 0 }],
    ['+OK 144524 5000000000', { messages: 144_524, octets: 5_000_000_000 }],
  ])('case 46: %s', (reply, expected) =>
    session(`C: STAT\nS: ${reply}`, async (client) => {
      expect(await client.stat()).toEqual(expected)
    }),
  )

  it('case 47: a reply without a number ends the session', () =>
    session('C: STAT\nS: +OK x', async (client) => {
      expect(await rejection(client.stat())).toMatchObject({ code: 'MAILDRAIN_POP3_PROTOCOL' })
      expect(client.state).toBe('closed')
    }))

  it('case 47: a count beyond the limit is not believed', () =>
    session('C: STAT\nS: +OK 99999999999 1', async (client) => {
      expect(await rejection(client.stat())).toMatchObject({ code: 'MAILDRAIN_POP3_LIMIT' })
    }))
})

describe('UIDL and LIST of everything', () => {
  it('line by line, in any pieces', () =>
    session(
      'C: UIDL\nS: +OK\nS: 1 whqtswO00WBw418f9t5JxYwZ\nS: 2 QhdPYR:00WBw1Ph7x7\nS: .\nC: LIST\nS: +OK 2 messages\nS: 1 120\nS: 2 200\nS: .',
      async (client) => {
        expect(await uidls(client)).toEqual([
          [1, 'whqtswO00WBw418f9t5JxYwZ'],
          [2, 'QhdPYR:00WBw1Ph7x7'],
        ])
        expect(await sizes(client)).toEqual([
          [1, 120],
          [2, 200],
        ])
      },
    ))

  it('an empty one, spaces and words that nobody asked for', () =>
    session(
      'C: UIDL\nS: +OK\nS: .\nC: LIST\nS: +OK\nS:  1   120 octets \nS: +OK 2 200\nS: .',
      async (client) => {
        expect(await uidls(client)).toEqual([])
        expect(await sizes(client)).toEqual([
          [1, 120],
          [2, 200],
        ])
      },
    ))

  it('case 56: a unique-id may hold spaces and bytes beyond ASCII, and begin with a dot', () =>
    session(
      'C: UIDL\nS: +OK\nS: 1 a b\nS= "2 \\u00ff\\u00e9\\r\\n"\nS: 3 ..x\nS: .',
      async (client) => {
        expect(await uidls(client)).toEqual([
          [1, 'a b'],
          [2, '\u00ff\u00e9'],
          [3, '..x'],
        ])
      },
    ))

  it('case 55: spaces, tabs and +OK around number and unique-id', () =>
    session(
      'C: UIDL\nS: +OK\nS= "1   three spaces \\r\\n"\nS= "2\\ttab\\t\\r\\n"\nS= "3 bare LF\\n"\nS: +OK 4 led\nS: .',
      async (client) => {
        expect(await uidls(client, 4)).toEqual([
          [1, 'three spaces'],
          [2, 'tab'],
          [3, 'bare LF'],
          [4, 'led'],
        ])
      },
    ))

  it('case 56: a unique-id of 200 characters, one a byte', () =>
    session(`C: UIDL\nS: +OK\nS: 1 ${'u'.repeat(199)}\u00e9\nS: .`, async (client) => {
      expect(await uidls(client)).toEqual([[1, `${'u'.repeat(199)}\u00e9`]])
    }))

  it.each([
    ['an escape sequence', '1 a\\u001b[2Jb'],
    ['DEL', '1 a\\u007fb'],
    ['NUL', '1 a\\u0000b'],
    ['a bare CR', '1 a\\rb'],
    ['1,025 characters', `1 ${'u'.repeat(1025)}`],
  ])('case 57: %s in a unique-id is no unique-id, and never shown', (_, line) =>
    session(
      `C: UIDL\nS: +OK\nS= "${line}\\r\\n"\nS: .\nC: UIDL\nS: +OK\nS= "${line}\\r\\n"\nS: .`,
      async (client) => {
        const missing: number[] = []
        const never = () => {
          throw new Error('was given')
        }
        await client.uidlAll(never, 1, (n) => missing.push(n))
        expect(missing).toEqual([1])
        const error = await rejection(uidls(client, 1))
        expect(error).toMatchObject({ code: 'MAILDRAIN_POP3_PROTOCOL' })
        expect(error.message).not.toMatch(/\p{Cc}/u)
        expect(error.message.length).toBeLessThan(400)
      },
    ),
  )

  it('case 58: a unique-id that is missing or unusable is told apart, or rejects the listing', () =>
    session('C: UIDL\nS: +OK\nS: 1\nS: 2 ok\nS: .\nC: UIDL\nS: +OK\nS: 1\nS: .', async (client) => {
      const [found, missing]: [number[], number[]] = [[], []]
      await client.uidlAll(
        (n) => found.push(n),
        2,
        (n) => missing.push(n),
      )
      expect([found, missing]).toEqual([[2], [1]])
      expect(await rejection(uidls(client))).toMatchObject({ code: 'MAILDRAIN_POP3_PROTOCOL' })
    }))

  it.each([
    ['a number twice', '1 a\nS: 1 b', 'MAILDRAIN_POP3_PROTOCOL'],
    ['a number that STAT does not count', '1 a\nS: 9 b', 'MAILDRAIN_POP3_PROTOCOL'],
    ['number zero', '0 a', 'MAILDRAIN_POP3_PROTOCOL'],
    ['no number', 'one a', 'MAILDRAIN_POP3_PROTOCOL'],
    ['more lines than messages', '1 a\nS: 2 b\nS: 3 c\nS: 4 d', 'MAILDRAIN_POP3_LIMIT'],
  ])('case 60, 62, G9: %s rejects the whole listing', (_, lines, code) =>
    session(`C: UIDL\nS: +OK\nS: ${lines}`, async (client) => {
      expect(await rejection(uidls(client))).toMatchObject({ code })
      expect(client.state).toBe('closed')
    }),
  )

  it('case 63: -ERR leaves the session as it was', () =>
    session('C: UIDL\nS: -ERR no such command\nC: NOOP\nS: +OK', async (client) => {
      expect(await rejection(uidls(client))).toMatchObject({
        code: 'MAILDRAIN_POP3_REFUSED',
        command: 'UIDL',
        replyText: 'no such command',
      })
      await client.noop()
    }))

  it('case 61: the end of the connection within it is no end of the listing', () =>
    session('C: UIDL\nS: +OK\nS: 1 a\nX', async (client) => {
      expect(await rejection(uidls(client))).toMatchObject({ code: 'MAILDRAIN_POP3_DISCONNECTED' })
    }))

  it('what the caller throws comes back after the listing was read', () =>
    session('C: LIST\nS: +OK\nS: 1 1\nS: .\nC: NOOP\nS: +OK', async (client) => {
      const listing = client.listAll(() => {
        throw new Error('mine')
      }, 1)
      expect((await rejection(listing)).message).toBe('mine')
      await client.noop()
    }))
})

describe('UIDL n and LIST n', () => {
  it('answer about the number that was asked', () =>
    session('C: UIDL 2\nS: +OK 2 abc\nC: LIST 2\nS: +OK 2 200', async (client) => {
      expect(await client.uidl(2)).toBe('abc')
      expect(await client.list(2)).toBe(200)
    }))

  it('case 50, G9: an answer about another number ends the session', () =>
    session('C: UIDL 2\nS: +OK 3 abc', async (client) => {
      expect(await rejection(client.uidl(2))).toMatchObject({ code: 'MAILDRAIN_POP3_DESYNC' })
      expect(client.state).toBe('closed')
    }))

  it('what is no message-number is never sent', () =>
    session('', async (client) => {
      for (const n of [0, -1, 1.5, NaN, Infinity])
        expect(await rejection(client.uidl(n))).toMatchObject({ code: 'MAILDRAIN_POP3_STATE' })
    }))
})
