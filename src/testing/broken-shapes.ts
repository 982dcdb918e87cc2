/**
 * Mail as it should not be and is: each of these came from a real sender once. A drain must deliver their bytes; a
 * parser must say `partial` or `failed` and go on.
 */
import type { FillKind } from './filler.ts'
import { type Envelope, headerLines } from './header-lines.ts'
import type { Segment } from './shapes.ts'

const rest = (kind: FillKind): Segment => ({ kind, share: 0 })
const TEXT = 'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n'

const SHAPES: readonly ((envelope: Envelope) => Segment[])[] = [
  // multipart without a boundary parameter
  (e) => [`${headerLines(e)}Content-Type: multipart/mixed\r\n\r\n--lost\r\n${TEXT}`, rest('utf8')],
  // the boundary of the header is not the one of the body
  (e) => [
    `${headerLines(e)}Content-Type: multipart/mixed; boundary="one"\r\n\r\n--two\r\n${TEXT}`,
    rest('utf8'),
    '--two--\r\n',
  ],
  // never closed
  (e) => [
    `${headerLines(e)}Content-Type: multipart/mixed; boundary="open"\r\n\r\n--open\r\n${TEXT}`,
    rest('html'),
  ],
  // a Date that no parser reads
  (e) => [headerLines(e, 'Thu, 32 Foo 20009 25:61:61 +9999') + TEXT, rest('utf8')],
  (e) => [headerLines(e, '') + TEXT, rest('latin1')],
  // no headers at all: the first line is empty
  (e) => [`\r\nno headers here, number ${e.index} ${e.messageId}\r\n`, rest('ascii')],
  // no header ever, and no empty line at the start either
  (e) => [`this is not a header ${e.index} ${e.messageId}\r\n`, rest('ascii')],
  // bare LF inside lines, dots after them
  (e) => [headerLines(e) + TEXT, rest('bareLf')],
  // NUL and 8-bit bytes declared as 7bit ASCII
  (e) => [`${headerLines(e)}Content-Type: text/plain\r\n\r\n`, rest('binary')],
  // a charset and an encoding that do not exist
  (e) => [
    `${headerLines(e)}Content-Type: text/plain; charset=x-klingon\r\nContent-Transfer-Encoding: x-morse\r\n\r\n`,
    rest('binary'),
  ],
  // a content type that is none, NUL and raw 8-bit in the header
  (e) => [
    `${headerLines(e)}Content-Type: plain\r\nX-Raw: nul \0 and \xe4\xf6\xfc\xff\r\n : no name\r\n\r\n`,
    rest('latin1'),
  ],
  // everything is one header: the empty line never comes
  (e) => [`${headerLines(e)}X-Report:\r\n `, rest('quotedUtf8')],
]

export function brokenShape(envelope: Envelope): Segment[] {
  return envelope.random.pick(SHAPES)(envelope)
}
