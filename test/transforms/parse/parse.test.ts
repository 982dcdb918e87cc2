import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { messageKey } from '../../../src/identity.ts'
import type { MailRecord, RawMessage } from '../../../src/message.ts'
import { parse } from '../../../src/transforms/parse/index.ts'
import { parseMessage } from '../../../src/transforms/parse/parse-message.ts'
import { generateMailbox } from '../../../src/testing/index.ts'
import { through } from '../../support/chains.ts'
import { corpusMessages, noCorpus } from '../../support/corpus.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const crlf = (text: string): Buffer => Buffer.from(text.replace(/\n/g, '\r\n'), 'latin1')

const messageOf = (raw: Buffer, index: number): RawMessage => ({
  ...{ mailbox: 'u@h', uidl: `u${index}`, listedOctets: raw.length, octets: raw.length },
  ...{ sha256: sha256(raw), headerSha256: '', raw, fetchedAt: 1_700_000_000_000 },
  key: messageKey('u@h', `u${index}`, sha256(raw)),
})

async function recordsOf(raws: readonly Buffer[]): Promise<MailRecord[]> {
  const outcomes = await through([parse()], raws.map(messageOf))
  return outcomes.map(({ values }) => values[0] as MailRecord)
}

const MULTIPART = crlf(`From: "Ann, B." <ann@example.org>
To: c@example.org, Team: d@example.org, e@example.org;
Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=
Date: Thu, 29 Feb 2024 12:00:00 +0100
Message-ID: <1@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Sch=F6n
--b
Content-Type: application/pdf; name="a.pdf"
Content-Disposition: attachment; filename="../a.pdf"
Content-Transfer-Encoding: base64

aGVsbG8g
d29ybGQ=
--b--
`)

describe('a record', () => {
  it('has the headers in order, addresses, date, text, and the raw bytes', async () => {
    const [record] = await recordsOf([MULTIPART])
    expect(record).toMatchObject({
      ...{ subject: 'Grüße', sentAt: Date.UTC(2024, 1, 29, 11), messageId: '<1@example.org>' },
      ...{ from: [{ name: 'Ann, B.', address: 'ann@example.org' }], parseStatus: 'ok' },
      ...{ parseReasons: [], text: 'Schön', octets: MULTIPART.length },
    })
    expect(record?.headers.map(({ name }) => name)).toEqual([
      ...['From', 'To', 'Subject', 'Date', 'Message-ID', 'MIME-Version', 'Content-Type'],
    ])
    expect(record?.to.map(({ address }) => address)).toContain('e@example.org')
    expect(record?.raw.equals(MULTIPART)).toBe(true)
  })

  it('describes attachments by hash, size, and the place of their encoded bytes', async () => {
    const [record] = await recordsOf([MULTIPART])
    const [attachment] = record?.attachments ?? []
    expect(attachment).toMatchObject({
      ...{ type: 'application/pdf', disposition: 'attachment', size: 11 },
      ...{ sha256: sha256(Buffer.from('hello world')), name: '../a.pdf' },
    })
    const { rawOffset, rawLength } = attachment!
    const encoded = MULTIPART.subarray(rawOffset!, rawOffset! + rawLength!).toString('latin1')
    expect(Buffer.from(encoded, 'base64').toString()).toBe('hello world')
  })

  it('G13: is the same whenever the same bytes are parsed', async () => {
    const [[a], [b]] = [await recordsOf([MULTIPART]), await recordsOf([MULTIPART])]
    expect(a).toEqual(b)
  })
})

describe('G12: broken mail', () => {
  it.each<[string, Buffer, string]>([
    ['an empty message', Buffer.alloc(0), 'partial'],
    ['no headers', crlf('\nbody\n'), 'partial'],
    ['a date that is none', crlf('Date: yesterday\nSubject: x\n\nbody\n'), 'partial'],
    [
      'a multipart that never ends',
      crlf('Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nhalf'),
      '',
    ],
    [
      'an unknown charset',
      crlf('Subject: x\nContent-Type: text/plain; charset=x-klingon\n\n\u00ff\n'),
      'partial',
    ],
    [
      'bytes of any value',
      Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 7) % 256)),
      '',
    ],
  ])('%s is delivered, and the record says why', async (_, raw, status) => {
    const [record] = await recordsOf([raw])
    expect(record?.raw.equals(raw)).toBe(true)
    if (status !== '') expect(record?.parseStatus).toBe(status)
    if (record?.parseStatus !== 'ok') expect(record?.parseReasons).not.toEqual([])
  })

  it('a parser that throws costs the parsed fields, not the headers', async () => {
    const parser = {
      parse: () => Promise.reject(new Error('parser broke')),
      addresses: () => [],
    }
    const fields = await parseMessage(crlf('Subject: x\n\nbody\n'), { parser })
    expect(fields).toMatchObject({ parseStatus: 'failed', subject: 'x', text: null })
    expect(fields.parseReasons).toHaveLength(1)
  })

  it('a message above the limit has its headers parsed alone', async () => {
    const raw = crlf(`Subject: large\n\n${'x'.repeat(2000)}\n`)
    const [outcome] = await through([parse({ maxParseBytes: 1000 })], [messageOf(raw, 0)])
    expect(outcome?.values[0]).toMatchObject({
      ...{ subject: 'large', text: null, parseStatus: 'partial' },
    })
  })
})

describe('many messages', () => {
  it('keep their order, and every one is a record with its bytes', async () => {
    const mailbox = generateMailbox({ messages: 120, seed: 5, profile: 'small' })
    const raws = Array.from({ length: 120 }, (_, index) => mailbox.message(index).read())
    const records = await recordsOf(raws)
    expect(records.map(({ sha256: hash }) => hash)).toEqual(raws.map(sha256))
    expect(records.filter(({ parseStatus }) => parseStatus === 'ok').length).toBeGreaterThan(80)
    for (const { parseStatus, parseReasons } of records)
      expect(parseReasons.length > 0).toBe(parseStatus !== 'ok')
  })

  it.skipIf(noCorpus !== undefined)(
    `real mail: every message is a record with its bytes, broken ones included${noCorpus ? `: ${noCorpus}` : ''}`,
    async () => {
      const raws = [...corpusMessages()].map(({ bytes }) => bytes)
      const records = await recordsOf(raws)
      expect(records).toHaveLength(raws.length)
      for (const [index, { raw, sha256: hash }] of records.entries()) {
        expect(raw.equals(raws[index]!)).toBe(true)
        expect(hash).toBe(sha256(raws[index]!))
      }
      expect(records.filter(({ parseStatus }) => parseStatus === 'failed').length).toBeLessThan(
        raws.length / 20,
      )
    },
    360_000,
  )
})
