import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mboxrdPieces } from '../../src/restore/mboxrd.ts'
import { readMboxrd } from '../support/mboxrd-reader.ts'

const mboxOf = (messages: readonly Buffer[]): Buffer =>
  Buffer.concat(messages.flatMap((raw) => mboxrdPieces(raw)))

/** Bytes out of what an mbox could stumble over. */
const troublesome = fc
  .array(
    fc.oneof(
      fc.constantFrom('From ', '>From ', '>>>From ', 'From', '>', '\n', '\r\n', '\r', '\n\n', '\0'),
      fc.constantFrom(
        ' From ',
        'from ',
        'From \n',
        'From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n',
      ),
      fc.string({ unit: 'binary', maxLength: 8 }),
    ),
    { maxLength: 20 },
  )
  .map((parts) => Buffer.from(parts.join(''), 'latin1'))

const anyMessage = fc.oneof(
  troublesome,
  fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
)

describe('an mbox', () => {
  it('gives back every message byte for byte', () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 6 }), (messages) => {
        expect(readMboxrd(mboxOf(messages))).toEqual(messages)
      }),
      { numRuns: 3000 },
    )
  })

  it.each([
    ['a line end is missing', 'a\r\nb'],
    ['nothing at all', ''],
    ['bare LF', 'a\nFrom b\n'],
    ['quoted already', 'a\r\n>From b\r\n>>From c\r\n'],
    ['at the beginning', 'From a\r\n\r\nb\r\n'],
    ['NUL', '\0From \0\nFrom \0\r\n'],
    ['a bare CR begins no line', 'a\rFrom b\r\n'],
  ])('%s', (_, text) => {
    const raw = Buffer.from(text, 'latin1')
    expect(readMboxrd(mboxOf([raw, raw]))).toEqual([raw, raw])
  })

  it('has one line that begins with From for each message, and an empty line before it', () => {
    const raw = Buffer.from('Subject: x\r\n\r\nFrom here\r\n')
    expect(mboxOf([raw, raw]).toString()).toBe(
      'From MAILER-DAEMON Thu Jan  1 00:00:00 1970\nSubject: x\r\n\r\n>From here\r\n\n'.repeat(2),
    )
  })

  it('a message of nothing but From lines takes no more memory than its bytes', () => {
    const raw = Buffer.from('From \n'.repeat(2_000_000))
    expect(mboxrdPieces(raw)).toHaveLength(3)
    expect(mboxrdPieces(raw)[1]?.length).toBe(raw.length + 2_000_000)
  })
})
