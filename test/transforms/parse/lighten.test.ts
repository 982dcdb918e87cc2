import { createHash, randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { generateMailbox } from '../../../src/testing/index.ts'
import { readHeaderBlock } from '../../../src/transforms/parse/header-block.ts'
import { mailparserParser } from '../../../src/transforms/parse/mailparser-parser.ts'
import { parseMessage } from '../../../src/transforms/parse/parse-message.ts'
import type { Parser } from '../../../src/transforms/parse/parser.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const lines = (content: Buffer): string => content.toString('base64').replace(/(.{76})/g, '$1\r\n')

const part = (type: string, body: string, encoding = 'base64'): string =>
  `--b\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\nContent-Disposition: attachment; filename="x"\r\n\r\n${body}\r\n`

const mail = (...parts: string[]): Buffer =>
  Buffer.from(
    `Subject: Hello\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n${parts.join('')}--b--\r\n`,
    'latin1',
  )

/** The library, and the octets that it was given. */
function watched(): Parser & { octets: number[] } {
  const octets: number[] = []
  return {
    octets,
    parse: (raw) => {
      octets.push(raw.length)
      return mailparserParser.parse(raw)
    },
    addresses: (value) => mailparserParser.addresses(value),
  }
}

const [one, two] = [randomBytes(60_001), randomBytes(9000)]

it('large attachments are described by their own bytes, though the library never sees them', async () => {
  const raw = mail(part('image/png', lines(one)), part('application/pdf', lines(two)))
  const parser = watched()
  const { parseStatus, text, attachments } = await parseMessage(raw, { parser })
  expect(parser.octets).toEqual([expect.toSatisfy((octets: number) => octets < 1500)])
  expect({ parseStatus, text }).toEqual({ parseStatus: 'ok', text: 'Hello' })
  expect(attachments).toMatchObject([
    { type: 'image/png', name: 'x', size: one.length, sha256: sha256(one) },
    { type: 'application/pdf', name: 'x', size: two.length, sha256: sha256(two) },
  ])
  for (const [index, content] of [one, two].entries()) {
    const { rawOffset, rawLength } = attachments[index] ?? {}
    const encoded = raw.subarray(rawOffset ?? 0, (rawOffset ?? 0) + (rawLength ?? 0))
    expect(Buffer.from(encoded.toString('latin1'), 'base64').equals(content)).toBe(true)
  }
})

it('equal attachments stay two', async () => {
  const raw = mail(part('image/png', lines(one)), part('image/png', lines(one)))
  const { attachments } = await parseMessage(raw)
  expect(attachments.map(({ sha256: hash }) => hash)).toEqual([sha256(one), sha256(one)])
  expect(new Set(attachments.map(({ rawOffset }) => rawOffset)).size).toBe(2)
})

it.each([
  ['text', part('text/csv', lines(one))],
  ['an embedded message', part('message/rfc822', lines(one))],
  [
    'base64 that decoders read differently',
    part('image/png', `${lines(two)}\r\n====${lines(one)}`),
  ],
  ['another encoding', part('image/png', one.toString('latin1').replace(/[\r\n-]/g, ' '), '8bit')],
  [
    'a token that somebody has written',
    part('image/png', lines(one)) + part('image/gif', token(0)),
  ],
])('%s is left to the library', async (_, parts) => {
  const raw = mail(parts)
  const parser = watched()
  await parseMessage(raw, { parser })
  expect(parser.octets).toEqual([raw.length])
})

it('a token in another encoding does not borrow the description of a real attachment', async () => {
  const imitation = part('image/gif', 'maildrain has detached attachment 0', '7bit')
  const raw = mail(imitation, part('image/png', lines(one)))
  const { attachments } = await parseMessage(raw)
  expect(attachments).toMatchObject([
    { type: 'image/gif', size: 35 },
    { type: 'image/png', size: one.length, sha256: sha256(one) },
  ])
})

it('a long run of line ends costs no more than its length', async () => {
  const raw = mail(part('image/png', `${lines(two)}${'\r\n'.repeat(200_000)}!`))
  const started = performance.now()
  await parseMessage(raw)
  // Quadratic it would take minutes.
  expect(performance.now() - started).toBeLessThan(10_000)
})

it('a message in whose structure there is a doubt is left to the library', async () => {
  const inner = `--b\r\nContent-Type: multipart/mixed; boundary=never\r\n\r\nnothing\r\n`
  const raw = mail(inner, part('image/png', lines(one)))
  const parser = watched()
  await parseMessage(raw, { parser })
  expect(parser.octets).toEqual([raw.length])
})

it('a library that makes something else of it gets the whole message', async () => {
  const raw = mail(part('image/png', lines(one)))
  const octets: number[] = []
  const parser: Parser = {
    parse: (bytes) => {
      octets.push(bytes.length)
      return Promise.resolve({ subject: null, text: 'Hello', html: null, attachments: [] })
    },
    addresses: () => [],
  }
  const { parseReasons } = await parseMessage(raw, { parser })
  expect(octets).toHaveLength(2)
  expect(octets[1]).toBe(raw.length)
  expect(parseReasons).toContain('attachment lost')
})

function token(index: number): string {
  return Buffer.from(`maildrain has detached attachment ${index}`).toString('base64')
}

/** The library, which gets the original header block whatever it is given. */
const withHeader = (raw: Buffer): Parser => ({
  parse: (light) => {
    const header = raw.subarray(0, readHeaderBlock(raw).bodyOffset)
    return mailparserParser.parse(
      Buffer.concat([header, light.subarray(readHeaderBlock(light).bodyOffset)]),
    )
  },
  addresses: (value) => mailparserParser.addresses(value),
})

it('the library says the same of a message without the header fields that it need not know', async () => {
  const mailbox = generateMailbox({ messages: 400, profile: 'small' })
  for (let index = 0; index < mailbox.size; index += 1) {
    const raw = mailbox.message(index).read()
    expect(await parseMessage(raw)).toEqual(await parseMessage(raw, { parser: withHeader(raw) }))
  }
})

it('the library gets subject and MIME fields, folded lines and all, and nothing else', async () => {
  const kept =
    'Content-Type: text/plain;\r\n\tcharset=utf-8\r\nSUBJECT: =?utf-8?q?a?=\r\n =?utf-8?q?b?=\r\n'
  const raw = Buffer.from(`Received: x\r\n by y\r\n${kept}To: b@example.org\r\n\r\nText\r\n`)
  let given = ''
  const parser = {
    ...mailparserParser,
    parse: (bytes: Buffer) => mailparserParser.parse(((given = bytes.toString()), bytes)),
  }
  const { subject, to } = await parseMessage(raw, { parser })
  expect(given).toBe(`${kept}\r\nText\r\n`)
  expect({ subject, to }).toEqual({ subject: 'ab', to: [{ name: '', address: 'b@example.org' }] })
})
