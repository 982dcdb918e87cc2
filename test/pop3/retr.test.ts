import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Pop3Client } from '../../src/pop3/index.ts'
import { type MailboxMessage, startPop3Server } from '../../src/testing/index.ts'
import { rejection, session } from './transcript.ts'

async function retr(client: Pop3Client, n: number, octets = 100) {
  const chunks: Buffer[] = []
  const onData = (chunk: Buffer) => chunks.push(Buffer.from(chunk))
  const result = await client.retr(n, { octets, onData })
  return { ...result, text: Buffer.concat(chunks).toString('latin1') }
}

describe('RETR', () => {
  it('case 66, 72: gives the exact content, dots unstuffed, the last CRLF kept', () =>
    session(
      'C: RETR 1\nS: +OK 120 octets\nS: Subject: x\nS: \nS: ..leading dot\nS: ...\nS: ..\nS: .\nC: NOOP\nS: +OK',
      async (client) => {
        const text = 'Subject: x\r\n\r\n.leading dot\r\n..\r\n.\r\n'
        expect(await retr(client, 1)).toEqual({ octets: text.length, text })
        await client.noop()
      },
    ))

  it('case 68, G8: only CRLF.CRLF ends it: bare LF, bare CR and dots between them are content', () =>
    session(
      'C: RETR 1\nS: +OK\nS= "a\\n.\\nb\\r.\\rc\\n.\\r\\n"\nS= "d\\r\\n.\\r\\n"',
      async (client) => {
        expect((await retr(client, 1)).text).toBe('a\n.\nb\r.\rc\n.\r\nd\r\n')
      },
    ))

  it('case 67: an empty message', () =>
    session('C: RETR 1\nS: +OK\nS: .', async (client) => {
      expect(await retr(client, 1)).toEqual({ octets: 0, text: '' })
    }))

  it('case 71: NUL and eight bits come through', () =>
    session('C: RETR 1\nS: +OK\nS= "\\u0000\\u00ff\\u0080\\r\\n.\\r\\n"', async (client) => {
      expect((await retr(client, 1)).text).toBe('\u0000\u00ff\u0080\r\n')
    }))

  it('case 76: -ERR says nothing about the message and leaves the session', () =>
    session('C: RETR 7\nS: -ERR Message 7 expunged.\nC: NOOP\nS: +OK', async (client) => {
      expect(await rejection(retr(client, 7))).toMatchObject({
        code: 'MAILDRAIN_POP3_REFUSED',
        replyText: 'Message 7 expunged.',
      })
      await client.noop()
    }))

  it('case 78, G8: the end of the connection is not the end of the message', () =>
    session('C: RETR 1\nS: +OK\nS: half of\nX', async (client) => {
      expect(await rejection(retr(client, 1))).toMatchObject({
        code: 'MAILDRAIN_POP3_DISCONNECTED',
        retryable: true,
      })
    }))

  it('what the caller throws comes back after the message was read to its end', () =>
    session('C: RETR 1\nS: +OK\nS: a\nS: b\nS: .\nC: NOOP\nS: +OK', async (client) => {
      const onData = () => {
        throw new Error('disk full')
      }
      const failed = await rejection(client.retr(1, { octets: 1, onData }))
      expect(failed.message).toBe('disk full')
      await client.noop()
    }))

  it('case 70: lines that look like replies are content', () =>
    session(
      'C: RETR 1\nS: +OK\nS: +OK 3 messages\nS: -ERR no\nS: ..\nS: +\nS: .\nC: NOOP\nS: +OK',
      async (client) => {
        expect((await retr(client, 1)).text).toBe('+OK 3 messages\r\n-ERR no\r\n.\r\n+\r\n')
        await client.noop()
      },
    ))

  it.each(['+OK', '+OK 120 octets', '+OK 999999 octets follow', '+OK \u001b junk', '+OK <x@y>'])(
    'case 73: the words after %j change nothing',
    (status) =>
      session(`C: RETR 1\nS: ${status}\nS: a\nS: .`, async (client) => {
        expect(await retr(client, 1)).toEqual({ octets: 3, text: 'a\r\n' })
      }),
  )

  it('case 74, 75: tells the octets that came, whatever was listed', () =>
    session(
      'C: RETR 1\nS: +OK\nS: short\nS: .\nC: RETR 1\nS: +OK\nS: long\nS: .',
      async (client) => {
        expect((await retr(client, 1, 1000)).octets).toBe(7)
        expect((await retr(client, 1, 1)).octets).toBe(6)
      },
    ))

  it('case 77: -ERR [UTF8] is told by its code; nothing is known about the message', () =>
    session('C: RETR 1\nS: -ERR [UTF8] use UTF8\nC: NOOP\nS: +OK', async (client) => {
      expect(await rejection(retr(client, 1))).toMatchObject({ responseCode: 'UTF8' })
      await client.noop()
    }))

  it('TOP gives the headers', () =>
    session('C: TOP 1 0\nS: +OK\nS: Subject: x\nS: \nS: .', async (client) => {
      const chunks: Buffer[] = []
      await client.top(1, 0, { onData: (chunk) => chunks.push(Buffer.from(chunk)) })
      expect(Buffer.concat(chunks).toString()).toBe('Subject: x\r\n\r\n')
    }))
})

it('any bytes come through a real connection as they are, whatever is in flight', async () => {
  const content = fc.array(
    fc.constantFrom('.', '\r\n', '\n', '\r', 'x', '\u0000', '\u00ff', '..'),
    {
      maxLength: 60,
    },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(content, { minLength: 1, maxLength: 8 }), async (bodies) => {
      const messages: MailboxMessage[] = bodies.map((parts, index) => {
        const bytes = Buffer.from(`${parts.join('')}\r\n`, 'latin1')
        return { uidl: `u${index}`, octets: bytes.length, read: () => bytes }
      })
      const mailbox = { size: messages.length, message: (index: number) => messages[index]! }
      const server = await startPop3Server({ mailbox })
      const auth = { user: 'user', password: 'secret' }
      const client = await Pop3Client.connect({
        host: server.host,
        port: server.port,
        tls: 'none',
        auth,
      })
      await client.login()
      const read = await Promise.all(messages.map((_, index) => retr(client, index + 1)))
      expect(read.map(({ text }) => text)).toEqual(
        messages.map((message) => message.read().toString('latin1')),
      )
      await client.quit()
      await server.close()
    }),
    { numRuns: 60 },
  )
})
