import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MultiLineDecoder } from '../../src/pop3/multi-line.ts'

/** What RFC 1939 section 3 says, slowly: undefined when the end did not come. */
function oracle(wire: string): { content: string; rest: string } | undefined {
  const found = wire.startsWith('.\r\n') ? -2 : wire.indexOf('\r\n.\r\n')
  if (found === -1) return undefined
  const body = wire.slice(0, found + 2)
  const content = body
    .split('\r\n')
    .map((line) => (line.startsWith('.') ? line.slice(1) : line))
    .join('\r\n')
  return { content, rest: wire.slice(found + 5) }
}

function stuff(content: string): string {
  return content.replace(/(^|\r\n)\./g, '$1..')
}

/** Feeds the wire in pieces that end at the given places. */
function decode(wire: string, cuts: readonly number[]) {
  const decoder = new MultiLineDecoder()
  decoder.begin()
  const bytes = Buffer.from(wire, 'latin1')
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  let content = ''
  let at = 0
  for (const end of [...ends, bytes.length]) {
    const chunk = bytes.subarray(at, end)
    const next = decoder.feed(chunk, 0, (data) => (content += data.toString('latin1')))
    if (decoder.ended) {
      const rest = bytes.subarray(at + next).toString('latin1')
      return { content, rest, octets: decoder.octets }
    }
    expect(next).toBe(chunk.length)
    at = end
  }
  return { content, rest: undefined, octets: decoder.octets }
}

/** Every way to cut the wire once, and byte by byte. */
function everyCut(wire: string): readonly (readonly number[])[] {
  const places = Array.from({ length: wire.length + 1 }, (_, at) => at)
  return [...places.map((at) => [at]), places]
}

const wires = fc
  .array(fc.constantFrom('\r', '\n', '.', '\r\n', '\r\n.', '\r\n.\r\n', 'a', '\0', '\xe9'), {
    maxLength: 40,
  })
  .map((parts) => parts.join(''))

describe('MultiLineDecoder', () => {
  it('agrees with RFC 1939 section 3 on any bytes in any pieces', () => {
    fc.assert(
      fc.property(wires, fc.array(fc.nat(200), { maxLength: 12 }), (wire, cuts) => {
        const expected = oracle(wire)
        const got = decode(wire, cuts)
        if (expected === undefined) expect(got.rest).toBeUndefined()
        else expect(got).toEqual({ ...expected, octets: expected.content.length })
      }),
      { numRuns: 3000 },
    )
  })

  it('gives back whatever content was stuffed, in any pieces', () => {
    fc.assert(
      fc.property(wires, fc.array(fc.nat(200), { maxLength: 12 }), (text, cuts) => {
        const content = `${text}\r\n`
        const got = decode(`${stuff(content)}.\r\n+OK next`, cuts)
        expect(got).toEqual({ content, rest: '+OK next', octets: content.length })
      }),
      { numRuns: 3000 },
    )
  })

  it('case 65: finds CRLF.CRLF cut at each of its positions', () => {
    for (const cuts of everyCut('hello\r\n.\r\n+OK'))
      expect(decode('hello\r\n.\r\n+OK', cuts)).toEqual({
        content: 'hello\r\n',
        rest: '+OK',
        octets: 7,
      })
  })

  it.each([
    ['..\r\n', '.\r\n'],
    ['...\r\n', '..\r\n'],
    ['..x\r\n', '.x\r\n'],
    ['.x\r\n', 'x\r\n'],
    ['a\r\n..\r\n...\r\nb..\r\n', 'a\r\n.\r\n..\r\nb..\r\n'],
    ['.\rx\r\n', '\rx\r\n'],
    ['.\r\r\n', '\r\r\n'],
    ['.\n\r\n', '\n\r\n'],
  ])('case 66: %j is %j', (stuffed, content) => {
    for (const cuts of everyCut(`${stuffed}.\r\n`))
      expect(decode(`${stuffed}.\r\n`, cuts)).toEqual({ content, rest: '', octets: content.length })
  })

  it('case 67: a message may be empty', () => {
    for (const cuts of everyCut('.\r\n+OK'))
      expect(decode('.\r\n+OK', cuts)).toEqual({ content: '', rest: '+OK', octets: 0 })
  })

  it.each(['\n.\r\n', '\r.\r\n', '\n.\n', '\r\n.\n', '\r\n.\rx', '.\n', '.\rx'])(
    'case 68, G8: %j does not end a message',
    (false_end) => {
      const wire = `a${false_end}b\r\n.\r\n+OK`
      for (const cuts of everyCut(wire)) expect(decode(wire, cuts).rest).toBe('+OK')
    },
  )

  it('case 69, G8: a dot between bare LFs smuggles no reply', () => {
    const body = 'Subject: x\r\n\r\nlook\n.\n+OK 12\r\nfake\r\n'
    const wire = `${body}.\r\n+OK real`
    for (const cuts of everyCut(wire))
      expect(decode(wire, cuts)).toEqual({ content: body, rest: '+OK real', octets: body.length })
  })

  it('case 71: NUL, 8 bits and a megabyte without a line end come through', () => {
    const line = Buffer.alloc(1024 * 1024, 'caf\xe9\0', 'latin1').toString('latin1')
    const got = decode(`${line}\r\n.\r\n`, [1, 65_536, 131_072, 700_001])
    expect(got.content === `${line}\r\n`).toBe(true)
    expect(got.octets).toBe(line.length + 2)
  })

  it('case 72: the last CRLF of the content stays, once', () => {
    expect(decode('a\r\n\r\n.\r\n', []).content).toBe('a\r\n\r\n')
    expect(decode('a\r\n.\r\n', []).content).toBe('a\r\n')
  })

  it('passes content on as views of the chunk, not byte by byte', () => {
    const decoder = new MultiLineDecoder()
    decoder.begin()
    const chunk = Buffer.from(`${'line of text\r\n'.repeat(5000)}.\r\n`)
    const pieces: Buffer[] = []
    decoder.feed(chunk, 0, (data) => pieces.push(data))
    expect(pieces).toHaveLength(1)
    expect(pieces[0]!.buffer).toBe(chunk.buffer)
  })
})
