import { describe, expect, it } from 'vitest'
import { rejection, session } from './transcript.ts'

const ignore = (): void => undefined
const octetsOf = (...lines: string[]): number => `${lines.join('\r\n')}\r\n`.length

describe('octets of listings, in any pieces', () => {
  it('whole ones: status line, lines and terminator', () =>
    session(
      'C: LIST\nS: +OK 2 messages\nS: 1 120\nS: 2 200\nS: .\nC: UIDL\nS: +OK\nS: 1 a\nS: 2 b\nS: .',
      async (client) => {
        await client.listAll(ignore, 2)
        const sizes = octetsOf('+OK 2 messages', '1 120', '2 200', '.')
        expect(client.listingOctets).toBe(sizes)
        await client.uidlAll(ignore, 2)
        expect(client.listingOctets).toBe(sizes + octetsOf('+OK', '1 a', '2 b', '.'))
      },
    ))

  it('by number, where many replies come in one piece', () =>
    session(
      'C: LIST 1\nC: UIDL 1\nC: LIST 2\nC: UIDL 2\nS: +OK 1 20\nS: +OK 1 a\nS: +OK 2 30 more\nS: +OK 2 b',
      async (client) => {
        await client.window(1, 2, { list: true, uidl: true })
        expect(client.listingOctets).toBe(
          octetsOf('+OK 1 20', '+OK 1 a', '+OK 2 30 more', '+OK 2 b'),
        )
      },
      ['USER', 'UIDL', 'PIPELINING'],
    ))

  it('a line that ends with LF alone is one octet shorter', () =>
    session('C: LIST 1\nS= "+OK 1 20\\n"', async (client) => {
      await client.list(1)
      expect(client.listingOctets).toBe(octetsOf('+OK 1 20') - 1)
    }))

  it('a refusal came over the line, too', () =>
    session('C: UIDL 7\nS: -ERR no such message', async (client) => {
      await rejection(client.uidl(7))
      expect(client.listingOctets).toBe(octetsOf('-ERR no such message'))
    }))

  it('mail, STAT and CAPA are none', () =>
    session(
      'C: STAT\nS: +OK 1 3\nC: RETR 1\nS: +OK\nS: a\nS: .\nC: NOOP\nS: +OK',
      async (client) => {
        await client.stat()
        await client.retr(1, { octets: 3, onData: ignore })
        await client.noop()
        expect(client.listingOctets).toBe(0)
      },
    ))
})
