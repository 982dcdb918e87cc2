import avsc from 'avsc'
import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { SinkError } from '../../src/errors.ts'
import type { MailRecord } from '../../src/message.ts'
import { headerOf, recordHeader, recordType } from '../../src/transforms/avro-schema.ts'
import { crc64Avro } from '../../src/transforms/crc64-avro.ts'
import {
  decodeAvro,
  decodeJson,
  encodeAvro,
  encodeJson,
  withoutBodies,
} from '../../src/transforms/encode.ts'

const record: MailRecord = {
  key: 'k'.repeat(52),
  mailbox: 'jo@mail.example',
  uidl: 'a\u0000\u00ff/..',
  octets: 9,
  sha256: 'ab'.repeat(32),
  fetchedAt: 1_700_000_000_123,
  headers: [
    { name: 'Received', value: 'one' },
    { name: 'received', value: 'two' },
  ],
  subject: 'Grüße\r\nBcc: x\u0000',
  sentAt: -1000,
  messageId: '<a@b>',
  from: [{ name: 'Jo', address: 'jo@mail.example' }],
  sender: [],
  replyTo: [],
  to: [{ name: 'undisclosed', address: '' }],
  cc: [],
  bcc: [],
  text: 'text',
  html: null,
  attachments: [
    {
      name: '../../evil\u0000.txt',
      type: 'text/plain',
      disposition: 'attachment',
      size: 3,
      sha256: 'cd'.repeat(32),
      rawOffset: 100,
      rawLength: 4,
    },
    {
      name: null,
      type: 'image/png',
      disposition: null,
      size: 0,
      sha256: 'ef'.repeat(32),
      rawOffset: null,
      rawLength: null,
    },
  ],
  parseStatus: 'partial',
  parseReasons: ['text lost'],
  raw: Buffer.from([0, 13, 10, 255, 254, 46, 195, 40, 0]),
}

test.each([
  ['"null"', 7195948357588979594n],
  ['"boolean"', -6970731678124411036n],
  ['"double"', -8181574048448539266n],
  ['"string"', -8142146995180207161n],
  ['[]', -1241056759729112623n],
  ['["int","boolean"]', 5392556393470105090n],
  ['{"name":"x.y.foo","type":"record","fields":[]}', 5916914534497305771n],
  ['{"type":"array","items":"null"}', -589620603366471059n],
  ['{"name":"x.y.z.foo","type":"fixed","size":32}', -3064184465700546786n],
])('CRC-64-AVRO of %s is the one of the Avro specification', (canonical, fingerprint) => {
  expect(BigInt.asIntN(64, crc64Avro(Buffer.from(canonical)))).toBe(fingerprint)
})

test.each<[string, avsc.Schema, bigint]>([
  [
    'a record with docs, aliases, orders and defaults',
    {
      type: 'record',
      name: 'foo',
      fields: [
        { type: 'boolean', name: 'f1', default: true },
        { order: 'descending', name: 'f2', doc: 'Hello', type: 'int' },
      ],
    },
    -4860222112080293046n,
  ],
  [
    'an enum in a namespace',
    { type: 'enum', name: 'x.y.z.foo', symbols: ['A1', 'A2'] },
    -4448647247586288245n,
  ],
  [
    'a record that refers to itself',
    {
      name: 'PigValue',
      type: 'record',
      fields: [{ name: 'value', type: ['null', 'int', 'long', 'PigValue'] }],
    },
    -1759257747318642341n,
  ],
])('the single-object header of %s is the one of the Avro specification', (_, schema, expected) => {
  const header = headerOf(avsc.Type.forSchema(schema, { wrapUnions: true }))
  expect(header.subarray(0, 2).toString('hex')).toBe('c301')
  expect(header.readBigInt64LE(2)).toBe(expected)
})

test('the canonical form of the record schema has neither docs, defaults nor logical types', () => {
  const canonical = JSON.stringify(recordType.schema())
  expect(canonical).toMatch(/^\{"name":"maildrain\.v1\.MailMessage","type":"record","fields":\[/)
  for (const attribute of ['"doc"', '"default"', '"logicalType"', '"namespace"'])
    expect(canonical).not.toContain(attribute)
})

test('the fingerprint of the published schema does not change unnoticed', () => {
  expect(recordHeader.toString('hex')).toBe('c3018dfce0dc406f9490')
})

interface SchemaNode {
  readonly name?: string
  readonly doc?: string
  readonly type?: unknown
  readonly items?: unknown
  readonly fields?: readonly SchemaNode[]
}

function* fieldsOf(node: unknown): Generator<SchemaNode> {
  if (Array.isArray(node)) for (const branch of node) yield* fieldsOf(branch)
  if (typeof node !== 'object' || node === null) return
  const { type, items, fields } = node as SchemaNode
  yield* fieldsOf(type)
  yield* fieldsOf(items)
  for (const field of fields ?? []) {
    yield field
    yield* fieldsOf(field.type)
  }
}

test('every field of the schema is documented, and every union is [null, X] with a default', () => {
  const schema: unknown = JSON.parse(readFileSync('schemas/mail-message.avsc', 'utf8'))
  const fields = [...fieldsOf(schema)]
  expect(fields.length).toBeGreaterThan(30)
  for (const field of fields) {
    expect(field.doc, field.name).toMatch(/\.$/)
    if (!Array.isArray(field.type)) continue
    expect(field.type[0], field.name).toBe('null')
    expect(field, field.name).toHaveProperty('default', null)
  }
})

test('a later schema with one more field reads what this one wrote, and this one reads the later', () => {
  const schema = recordType.schema({ exportAttrs: true }) as { fields: object[] }
  const later = avsc.Type.forSchema({
    ...schema,
    fields: [...schema.fields, { name: 'language', type: ['null', 'string'], default: null }],
  } as avsc.Schema)
  const body = encodeAvro(record).subarray(10)
  expect(later.fromBuffer(body, later.createResolver(recordType))).toMatchObject({
    key: record.key,
    language: null,
  })
  const laterBody = later.toBuffer({ ...record, language: 'de' })
  expect(recordType.fromBuffer(laterBody, recordType.createResolver(later))).toMatchObject({
    raw: record.raw,
  })
})

test('G12 a record comes back equal from Avro and from JSON, raw bytes, NUL and order included', () => {
  expect(decodeAvro(encodeAvro(record))).toStrictEqual(record)
  expect(decodeJson(encodeJson(record))).toStrictEqual(record)
})

test('G12 any bytes, any text and any unique-id survive both encodings', () => {
  const text = fc.option(fc.string({ unit: 'binary' }))
  const arbitrary = fc.record({
    raw: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    uidl: fc.option(fc.uint8Array({ maxLength: 70 }).map((b) => Buffer.from(b).toString('latin1'))),
    subject: text,
    text,
    html: text,
    sentAt: fc.option(fc.integer({ min: -(2 ** 52), max: 2 ** 52 })),
  })
  fc.assert(
    fc.property(arbitrary, (fields) => {
      const changed = { ...record, ...fields }
      expect(decodeAvro(encodeAvro(changed))).toStrictEqual(changed)
      expect(decodeJson(encodeJson(changed))).toStrictEqual(changed)
    }),
  )
})

test('G13 the same record gives the same bytes, whatever the order of its properties', () => {
  const reversed = Object.fromEntries(Object.entries(record).reverse()) as unknown as MailRecord
  expect(encodeAvro(reversed)).toStrictEqual(encodeAvro(record))
  expect(encodeJson(reversed)).toStrictEqual(encodeJson(record))
})

test('lone surrogates become U+FFFD in short and long strings, and the raw bytes stay', () => {
  for (const rest of ['', 'ä'.repeat(500)]) {
    const strange = { ...record, subject: `a\ud800b\udfff😀${rest}` }
    for (const decoded of [decodeAvro(encodeAvro(strange)), decodeJson(encodeJson(strange))]) {
      expect(decoded.subject).toBe(`a\ufffdb\ufffd😀${rest}`)
      expect(decoded.raw).toStrictEqual(record.raw)
    }
    expect(encodeAvro(strange).includes(Buffer.from('eda080', 'hex'))).toBe(false)
  }
})

test.each([2 ** 53, 2 ** 63, -(2 ** 52) - 1, -(2 ** 60), Infinity, NaN, 1e300, 8.64e15 + 1])(
  'the number %d throws in no field and never becomes a false date',
  (number) => {
    const strange: MailRecord = {
      ...record,
      octets: number,
      fetchedAt: number,
      sentAt: number,
      attachments: [{ ...record.attachments[0]!, size: number, rawOffset: number }],
    }
    for (const decoded of [decodeAvro(encodeAvro(strange)), decodeJson(encodeJson(strange))]) {
      expect(decoded.sentAt).toBeNull()
      expect(new Date(decoded.fetchedAt).getTime()).not.toBeNaN()
      expect(Number.isSafeInteger(decoded.octets)).toBe(true)
      expect(Math.sign(decoded.octets)).toBe(Number.isFinite(number) ? Math.sign(number) : 0)
    }
  },
)

const codeOf = (action: () => unknown): string => {
  try {
    action()
  } catch (error) {
    expect(error).toBeInstanceOf(SinkError)
    return `${(error as SinkError).code} ${(error as SinkError).message}`
  }
  throw new Error('did not throw')
}

test('a foreign fingerprint is refused and both fingerprints are named', () => {
  const foreign = encodeAvro(record)
  foreign.writeBigUInt64LE(0x0123456789abcdefn, 2)
  const message = codeOf(() => decodeAvro(foreign))
  expect(message).toContain('MAILDRAIN_RECORD_UNREADABLE')
  expect(message).toContain('123456789abcdef')
  expect(message).toContain(recordHeader.readBigUInt64LE(2).toString(16))
})

test.each([
  ['nothing', Buffer.alloc(0)],
  ['a registry envelope', Buffer.from([0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8])],
  ['a record cut short', encodeAvro(record).subarray(0, -1)],
  ['a record with bytes behind it', Buffer.concat([encodeAvro(record), Buffer.from([0])])],
])('Avro reading refuses %s', (_, bytes) => {
  expect(codeOf(() => decodeAvro(bytes))).toContain('MAILDRAIN_RECORD_UNREADABLE')
})

test.each(['', '{', 'null', '{"raw":"AA=="}', '[]', '{"raw":1}'])(
  'JSON reading refuses %s',
  (text) => {
    expect(codeOf(() => decodeJson(Buffer.from(text)))).toContain('MAILDRAIN_RECORD_UNREADABLE')
  },
)

test.each([
  ['a number as text', { text: 5 }, 'field text'],
  ['an unknown parse status', { parseStatus: 'great' }, 'field parseStatus'],
  ['a header without a value', { headers: [{ name: 'x' }] }, 'field headers.0.value'],
  ['no headers at all', { headers: undefined }, 'field headers'],
  ['raw as text', { raw: 'abc' }, 'field raw'],
])('both encodings refuse %s and name the field', (_, change, named) => {
  const wrong = { ...record, ...change } as unknown as MailRecord
  for (const encode of [encodeAvro, encodeJson]) {
    const message = codeOf(() => encode(wrong))
    expect(message).toContain('MAILDRAIN_SINK_RECORD_REJECTED')
    expect(message).toContain(record.key)
    expect(message).toContain(named)
  }
})

test('G12 a record without its bodies keeps raw bytes and attachments and says why', () => {
  const small = withoutBodies({ ...record, parseStatus: 'ok', parseReasons: [] })
  expect(small).toStrictEqual({
    ...record,
    text: null,
    html: null,
    parseStatus: 'partial',
    parseReasons: ['too large'],
  })
  expect(withoutBodies(small)).toStrictEqual(small)
  expect(withoutBodies({ ...record, parseStatus: 'failed' }).parseStatus).toBe('failed')
})
