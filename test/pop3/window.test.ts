import { describe, expect, it } from 'vitest'
import { rejection, session } from './transcript.ts'

const BOTH = { list: true, uidl: true }

describe('the probe for listings by number', () => {
  it('both answer', () =>
    session('C: LIST 1\nS: +OK 1 120\nC: UIDL 1\nS: +OK 1 abc', async (client) => {
      expect(await client.probeNumbered(2)).toEqual(BOTH)
    }))

  it('case 53: an answer without the number is none', () =>
    session(
      'C: LIST 1\nS: +OK 1024\nC: UIDL 1\nS: +OK abc\nC: NOOP\nS: +OK',
      async (client) => {
        expect(await client.probeNumbered(2)).toEqual({ list: false, uidl: false })
        await client.noop()
      },
      ['USER', 'UIDL'],
      { probeSilenceMs: 30 },
    ))

  it('case 52: a whole listing instead is read to its end, and the session stays in step', () =>
    session(
      'C: LIST 1\nS: +OK 2 messages\nS: 1 120\nS: 2 200\nS: .\nC: UIDL 1\nS: +OK\nS: 1 a\nS: 2 b\nS: .\nC: NOOP\nS: +OK',
      async (client) => {
        expect(await client.probeNumbered(2)).toEqual({ list: false, uidl: false })
        await client.noop()
      },
    ))

  it('a listing without an end ends the session', () =>
    session('C: LIST 1\nS: +OK all\nS: 1 1\nS: 2 2\nS: 3 3', async (client) => {
      expect(await rejection(client.probeNumbered(2))).toMatchObject({
        code: 'MAILDRAIN_POP3_LIMIT',
      })
      expect(client.state).toBe('closed')
    }))

  it('-ERR is no answer, and leaves the session', () =>
    session('C: LIST 1\nS: -ERR what?\nC: UIDL 1\nS: +OK 1 a\nC: NOOP\nS: +OK', async (client) => {
      expect(await client.probeNumbered(2)).toEqual({ list: false, uidl: true })
      await client.noop()
    }))
})

describe('a window', () => {
  it('gives octets and unique-ids, in flight together', () =>
    session(
      'C: LIST 2\nC: UIDL 2\nC: LIST 3\nC: UIDL 3\nS: +OK 2 20\nS: +OK 2 b\nS: +OK 3 30 more\nS: +OK 3 c',
      async (client, server) => {
        expect(await client.window(2, 3, BOTH)).toEqual([
          { n: 2, octets: 20, uidl: 'b' },
          { n: 3, octets: 30, uidl: 'c' },
        ])
        expect(server.writes.at(-1)).toBe('LIST 2\r\nUIDL 2\r\nLIST 3\r\nUIDL 3\r\n')
      },
      ['USER', 'UIDL', 'PIPELINING'],
    ))

  it('case 51: leaves out what the server refuses, and a unique-id that it has not', () =>
    session(
      'C: LIST 1\nS: +OK 1 10\nC: UIDL 1\nS: +OK 1\nC: LIST 2\nS: -ERR gone\nC: UIDL 2\nS: -ERR gone\nC: LIST 3\nS: +OK 3 30\nC: UIDL 3\nS: +OK 3 c',
      async (client) => {
        expect(await client.window(1, 3, BOTH)).toEqual([
          { n: 1, octets: 10, uidl: null },
          { n: 3, octets: 30, uidl: 'c' },
        ])
      },
    ))

  it('asks for octets alone where UIDL does not answer by number', () =>
    session('C: LIST 1\nS: +OK 1 10', async (client) => {
      expect(await client.window(1, 1, { list: true, uidl: false })).toEqual([
        { n: 1, octets: 10, uidl: null },
      ])
    }))

  it('G9: an answer about another message ends the session', () =>
    session(
      'C: LIST 1\nC: UIDL 1\nC: LIST 2\nC: UIDL 2\nS: +OK 1 10\nS: +OK 2 b',
      async (client) => {
        expect(await rejection(client.window(1, 2, BOTH))).toMatchObject({
          code: 'MAILDRAIN_POP3_DESYNC',
        })
        expect(client.state).toBe('closed')
      },
      ['USER', 'UIDL', 'PIPELINING'],
    ))
})
