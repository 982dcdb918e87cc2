import { describe, expect, it } from 'vitest'
import { dateReceived, dateWritten } from '../../../src/sources/pop3/header-date.ts'

const block = (...lines: string[]) => Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
const seconds = (iso: string) => Date.parse(iso) / 1000

describe('dates of a header block', () => {
  it.each([
    ['Tue, 1 Jul 2003 10:52:37 +0200', '2003-07-01T08:52:37Z'],
    ['1 Jul 2003 10:52 -0930', '2003-07-01T20:22:00Z'],
    ['Tue, 01 Jul 03 10:52:37 EST (a comment)', '2003-07-01T15:52:37Z'],
    ['Fri, 21 Nov 97 09:55:06 GMT', '1997-11-21T09:55:06Z'],
    ['Fri, 21 November 1997 09:55:06', '1997-11-21T09:55:06Z'],
    ['Fri,\r\n 21 Nov 1997\r\n\t09:55:06 -0600', '1997-11-21T15:55:06Z'],
  ])('%j', (date, iso) => {
    expect(dateWritten(block(`Subject: Date: no`, `Date: ${date}`))).toBe(seconds(iso))
  })

  it.each([
    '',
    'yesterday',
    '2003-07-01T10:52:37Z',
    '1 Foo 2003 10:52:37 +0000',
    '1 anf 2003 1:00',
  ])('none in %j', (date) => expect(dateWritten(block(`Date: ${date}`))).toBeUndefined())

  it('of writing is the author’s, else that of the last server; of receiving the other way round', () => {
    const received = 'Received: from a; b by c\r\n\tfor d; Thu, 1 Jan 2026 00:00:00 +0000'
    const earlier = 'Received: from x by y; Wed, 31 Dec 2025 00:00:00 +0000'
    const date = 'date : 1 Jan 2020 00:00:00 +0000'
    const both = block(received, earlier, date)
    expect(dateWritten(both)).toBe(seconds('2020-01-01'))
    expect(dateReceived(both)).toBe(seconds('2026-01-01'))
    expect(dateWritten(block(received, 'Date: none'))).toBe(seconds('2026-01-01'))
    expect(dateReceived(block(date))).toBe(seconds('2020-01-01'))
  })
})
