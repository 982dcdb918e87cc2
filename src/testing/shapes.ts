/**
 * The shapes of messages: what is fixed (headers, boundaries, small parts) as text, what grows as fills. Rule: a shape
 * has exactly one fill with `share: 0`, of text, which takes what the others leave; so any size comes out exactly.
 */
import { brokenShape } from './broken-shapes.ts'
import type { FillKind } from './filler.ts'
import { type Envelope, addrSpec, headerLines, words } from './header-lines.ts'
import type { Random } from './random.ts'

/** Octets to be filled: a share of what the fixed text leaves, in 1/256, or the rest (0). */
export interface Fill {
  readonly kind: FillKind
  readonly share: number
}

/** Latin1 text, or a fill. */
export type Segment = string | Fill

interface TextKind {
  readonly type: string
  readonly encoding: string
  readonly kind: FillKind
}

const plain = (charset: string, encoding: string, kind: FillKind): TextKind => ({
  ...{ type: `text/plain; charset=${charset}`, encoding, kind },
})

const TEXTS: readonly TextKind[] = [
  plain('us-ascii', '7bit', 'ascii'),
  plain('utf-8', '8bit', 'utf8'),
  plain('"UTF-8"; format=flowed', '8bit', 'utf8'),
  plain('utf-8', 'quoted-printable', 'quotedUtf8'),
  plain('ISO-8859-1', 'quoted-printable', 'quotedLatin1'),
  plain('iso-8859-1', '8bit', 'latin1'),
  plain('koi8-r', '8bit', 'koi8'),
  plain('windows-1251', '8bit', 'cp1251'),
  plain('ISO-2022-JP', '7bit', 'japanese'),
  plain('gb2312', '8bit', 'chinese'),
]

const HTMLS: readonly TextKind[] = [
  { type: 'text/html; charset=utf-8', encoding: '7bit', kind: 'html' },
  { type: 'text/html; charset="utf-8"', encoding: 'quoted-printable', kind: 'quotedHtml' },
]

/** `Content-Type` and `Content-Transfer-Encoding` with the empty line. */
export const partHeader = ({ type, encoding }: TextKind): string =>
  `Content-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`

/** Text in most cases as most mail has it, else in a charset that only some have. */
export const textKind = (random: Random): TextKind =>
  TEXTS[random.chance(60) ? random.below(4) : random.below(TEXTS.length)] ?? random.pick(TEXTS)

export const boundaryOf = (random: Random): string =>
  random.chance(50)
    ? `----=_NextPart_${random.hex(3)}_${random.hex(8)}.${random.hex(8)}`
    : `${'='.repeat(15)}${random.hex(8)}==`

const line57 = (head: string): string =>
  `${Buffer.from(head.padEnd(57, '\0'), 'latin1').toString('base64')}\r\n`

interface Attachment {
  readonly type: string
  readonly name: string
  readonly head: string
  readonly tail: string
}

const ATTACHMENTS: readonly Attachment[] = [
  {
    ...{ type: 'application/pdf', name: 'invoice.pdf', tail: 'JSVFT0YK\r\n' },
    head: line57('%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Type/Catalog>>\nendobj\n'),
  },
  {
    ...{ type: 'image/png', name: 'image001.png', tail: 'AAAAAElFTkSuQmCC\r\n' },
    head: line57('\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\b\x02\0\0\0'),
  },
  {
    ...{ type: 'image/jpeg', name: 'DSC00042.JPG', tail: '/9k=\r\n' },
    head: line57('\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\x01\0H\0H\0\0\xff\xdb\0C\0'),
  },
  {
    ...{ type: 'application/zip', name: 'archive.zip' },
    tail: 'UEsFBgAAAAABAAEAOgAAAC0AAAAAAA==\r\n',
    head: line57('PK\x03\x04\x14\0\0\0\b\0\xd0\x8dzFreport.csv'),
  },
  {
    type: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    ...{ name: '=?utf-8?B?w5xiZXJzaWNodC5kb2N4?=', tail: 'UEsFBgAAAAABAAEAOgAAAC0AAAAAAA==\r\n' },
    head: line57('PK\x03\x04\x14\0\x06\0\b\0\0\0!\0[Content_Types].xml'),
  },
]

/** An attachment in base64: magic bytes, filler, trailer. */
function attachment(random: Random, boundary: string, share: number, inline = false): Segment[] {
  const { type, name, head, tail } = random.pick(ATTACHMENTS)
  const disposition = inline
    ? `Content-ID: <img${random.hex(4)}@example.org>\r\nContent-Disposition: inline`
    : 'Content-Disposition: attachment'
  return [
    `--${boundary}\r\nContent-Type: ${type}; name="${name}"\r\nContent-Transfer-Encoding: base64\r\n` +
      `${disposition};\r\n\tfilename="${name}"\r\n\r\n${head}`,
    { kind: 'base64', share },
    `${tail}\r\n`,
  ]
}

const rest = (kind: FillKind): Fill => ({ kind, share: 0 })

function textShape(envelope: Envelope): Segment[] {
  const text = textKind(envelope.random)
  return [headerLines(envelope) + partHeader(text), rest(text.kind)]
}

/** Text in base64: the text after the encoded part is an epilogue, so that the encoded part can end where it must. */
function base64TextShape(envelope: Envelope): Segment[] {
  const { random } = envelope
  const boundary = boundaryOf(random)
  return [
    `${headerLines(envelope)}Content-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n--${boundary}\r\n` +
      partHeader(plain('utf-8', 'base64', 'base64Utf8')),
    { kind: 'base64Utf8', share: 200 },
    `\r\n--${boundary}\r\n${partHeader(plain('us-ascii', '7bit', 'ascii'))}`,
    rest('ascii'),
    `--${boundary}--\r\n`,
  ]
}

function htmlShape(envelope: Envelope): Segment[] {
  const html = envelope.random.pick(HTMLS)
  return [
    headerLines(envelope) + partHeader(html) + '<html><body>\r\n',
    rest(html.kind),
    '</body></html>\r\n',
  ]
}

function alternativeParts(random: Random, boundary: string): Segment[] {
  const text = textKind(random)
  const html = random.pick(HTMLS)
  return [
    `--${boundary}\r\n${partHeader(text)}`,
    { kind: text.kind, share: 40 + random.below(60) },
    `\r\n--${boundary}\r\n${partHeader(html)}<html><body>\r\n`,
    rest(html.kind),
    `</body></html>\r\n\r\n--${boundary}--\r\n`,
  ]
}

function alternativeShape(envelope: Envelope): Segment[] {
  const boundary = boundaryOf(envelope.random)
  return [
    `${headerLines(envelope)}Content-Type: multipart/alternative;\r\n\tboundary="${boundary}"\r\n\r\n` +
      'This is a multi-part message in MIME format.\r\n\r\n',
    ...alternativeParts(envelope.random, boundary),
  ]
}

function attachmentShape(envelope: Envelope): Segment[] {
  const { random } = envelope
  const boundary = boundaryOf(random)
  const inner = `b1_${random.hex(8)}`
  const count = envelope.octets < 16_384 ? 1 : 1 + random.below(4)
  const related = random.chance(25)
  const attached: Segment[] = []
  for (let i = 0; i < count; i += 1)
    attached.push(...attachment(random, boundary, Math.floor(236 / count), related && i === 0))
  const body: Segment[] =
    random.chance(50) && envelope.octets > 6000
      ? [
          `Content-Type: multipart/alternative; boundary=${inner}\r\n\r\n`,
          ...alternativeParts(random, inner),
        ]
      : [partHeader(plain('utf-8', '8bit', 'utf8')), rest('utf8')]
  return [
    `${headerLines(envelope)}Content-Type: multipart/${related ? 'related' : 'mixed'}; boundary="${boundary}"\r\n\r\n` +
      `--${boundary}\r\n`,
    ...body,
    '\r\n',
    ...attached,
    `--${boundary}--\r\n`,
  ]
}

function forwardShape(envelope: Envelope): Segment[] {
  const { random } = envelope
  const boundary = boundaryOf(random)
  const inner = `From: ${addrSpec(random)}\r\nSubject: ${words(random, 4)}\r\nMIME-Version: 1.0\r\n`
  const text = textKind(random)
  return [
    `${headerLines(envelope)}Content-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n--${boundary}\r\n` +
      `Content-Type: text/plain\r\n\r\nFYI\r\n\r\n--${boundary}\r\nContent-Type: message/rfc822\r\n\r\n${inner}` +
      partHeader(text),
    rest(text.kind),
    `\r\n--${boundary}--\r\n`,
  ]
}

function bounceShape(envelope: Envelope): Segment[] {
  const { random } = envelope
  const boundary = `${random.hex(8)}/mail.example.com`
  const address = addrSpec(random)
  return [
    `${headerLines(envelope)}Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="${boundary}"\r\n` +
      `\r\n--${boundary}\r\nContent-Type: text/plain\r\n\r\nI'm sorry to have to inform you that your message could not\r\n` +
      `be delivered to one or more recipients.\r\n\r\n<${address}>: host mx.example.net[192.0.2.9] said: 550 5.1.1\r\n` +
      `\r\n--${boundary}\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example.com\r\n\r\n` +
      `Final-Recipient: rfc822; ${address}\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1\r\n` +
      `\r\n--${boundary}\r\nContent-Type: message/rfc822\r\n\r\nFrom: user@example.com\r\nTo: ${address}\r\n` +
      `Subject: ${words(random, 3)}\r\n\r\n`,
    rest('ascii'),
    `\r\n--${boundary}--\r\n`,
  ]
}

/** Text that fits into any size, for where another shape's fixed text does not. */
export function smallestShape({ messageId }: Envelope): Segment[] {
  return [`Message-ID: ${messageId}\r\n\r\n`, rest('ascii')]
}

/** The shape of a message; large ones are large by their attachments, as they are in life. */
export function shapeOf(envelope: Envelope): Segment[] {
  const { random, octets } = envelope
  if (octets > 65_536 && random.chance(85)) return attachmentShape(envelope)
  const kind = random.below(100)
  if (kind < 30) return textShape(envelope)
  if (kind < 52) return alternativeShape(envelope)
  if (kind < 64) return htmlShape(envelope)
  if (kind < 80) return attachmentShape(envelope)
  if (kind < 84) return base64TextShape(envelope)
  if (kind < 88) return forwardShape(envelope)
  if (kind < 93) return bounceShape(envelope)
  return brokenShape(envelope)
}
