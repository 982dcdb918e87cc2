import { expect, it } from 'vitest'
import type { ListingBehaviour } from '../../../src/testing/behaviour/listing.ts'
import { sizes, uidls } from '../../../src/testing/index.ts'
import { smallMessage } from '../../support/drains.ts'
import { RawClient } from '../raw-client.ts'
import { behaving, client } from './servers.ts'

const { octets } = smallMessage(0)

const probes: Record<keyof ListingBehaviour, () => Promise<void>> = {
  announce: async () => {
    const one = await client({ announce: (index, real) => (index === 2 ? 99 : real) })
    expect(await one.ask('LIST 3')).toBe('+OK 3 99')
    expect(await one.ask('STAT')).toBe(`+OK 4 ${3 * octets + 99}`)
    expect(await one.ask('RETR 3')).toBe('+OK 99 octets')
  },
  statOctets: async () => {
    for (const [how, text] of [
      ['negative', `+OK 4 ${-1 - 4 * octets}`],
      ['absent', '+OK 4'],
      ['followed-by-text', `+OK 4 ${4 * octets} octets in maildrop`],
    ] as const)
      expect(await (await client({ statOctets: how })).ask('STAT')).toBe(text)
    const huge = { statOctets: 'modulo-4-gib', announce: () => 2 ** 31 + 1 } as const
    expect(await (await client(huge)).ask('STAT')).toBe('+OK 4 4')
  },
  oneLine: async () => {
    const whole = await client({ oneLine: 'whole-listing' })
    expect(await whole.lines('LIST 2')).toHaveLength(4)
    const value = await client({ oneLine: 'value-only' })
    expect(await value.ask('LIST 2')).toBe(`+OK ${octets}`)
    expect(await value.ask('UIDL 2')).toBe('+OK uid-1')
  },
  uidlOf: async () => {
    const one = await client({ uidlOf: (index, uidl) => (index === 3 ? 'other' : uidl) })
    expect(await one.ask('UIDL 4')).toBe('+OK 4 other')
    expect(await one.ask('UIDL 1')).toBe('+OK 1 uid-0')
  },
  uidlLines: async () => {
    for (const [how, line] of [
      ['two-spaces', '1  uid-0'],
      ['ok-first', '+OK 1 uid-0'],
      ['tab', '1\tuid-0'],
      ['space-last', '1 uid-0 '],
    ] as const)
      expect(await (await client({ uidlLines: how }, 1)).lines('UIDL')).toEqual([line])
  },
  omitUidl: async () => {
    const omitUidl = (index: number) => ([undefined, 'line', 'value'] as const)[index]
    const one = await client({ omitUidl })
    expect(await one.lines('UIDL')).toEqual(['1 uid-0', '3 ', '4 uid-3'])
    expect(await one.lines('LIST')).toHaveLength(4)
  },
  omitSize: async () => {
    const one = await client({ omitSize: (index) => index === 1 })
    expect(await one.lines('LIST')).toEqual([1, 3, 4].map((n) => `${n} ${octets}`))
  },
  uidlListing: async () => {
    const cut = await client({ uidlListing: 'cut' })
    cut.send('UIDL\r\n')
    expect(await cut.rest()).toBe('+OK 4 messages\r\n1 uid-0\r\n2 uid-1\r\n')
    for (const [how, line] of [
      ['repeats', '4 again'],
      ['beyond-stat', '5 beyond'],
      ['zero', '0 zero'],
    ] as const)
      expect(await (await client({ uidlListing: how })).lines('UIDL')).toContain(line)
  },
  noUidl: async () => {
    const one = await client({ noUidl: true })
    expect(await one.ask('UIDL')).toMatch(/^-ERR/)
    expect(await one.lines('CAPA')).not.toContain('UIDL')
  },
  renumberListings: async () => {
    const one = await client({ renumberListings: true })
    await one.ask('DELE 1')
    expect(await one.lines('UIDL')).toEqual(['1 uid-1', '2 uid-2', '3 uid-3'])
    expect(await one.ask('RETR 1')).toMatch(/^-ERR/)
  },
  listsDeleted: async () => {
    const one = await client({ listsDeleted: true })
    await one.ask('DELE 1')
    expect(await one.lines('UIDL')).toContain('1 uid-0')
    expect(await one.ask('LIST 1')).toMatch(/^\+OK 1 /)
    expect(await one.ask('RETR 1')).toMatch(/^-ERR/)
  },
}

it.each(Object.entries(probes))('%s', (_name, probe) => probe())

it('uidls: reset, reused, duplicated, bare, spaced, 8-bit, long', async () => {
  const first = async (uidlOf: ListingBehaviour['uidlOf']) =>
    (await (await client({ uidlOf })).lines('UIDL')).map((line) => line.slice(2))
  expect(await first(uidls.reset(1))).toEqual([0, 1, 2, 3].map((i) => `new-uid-${i}`))
  expect((await first(uidls.reset(2)))[0]).toBe('uid-0')
  expect(await first(uidls.reused(3))).toEqual([0, 1, 2, 0].map((i) => `reused-${i}`))
  expect(await first(uidls.duplicated(2))).toEqual([0, 0, 1, 1].map((i) => `same-${i}`))
  expect(await first(uidls.bare)).toEqual(['1', '2', '3', '4'])
  expect((await first(uidls.spaced))[0]).toBe('a uid-0  b')
  expect((await first(uidls.eightBit))[0]).toBe('uid-0-\xe9\xff')
  expect((await first(uidls.long(200)))[0]).toHaveLength(200)
})

it('sizes: zero, off by one, beyond 64 bits, by LF, as stored', async () => {
  const first = async (announce: ListingBehaviour['announce']) =>
    (await (await client({ announce })).ask('LIST 1')).slice(6)
  expect(await first(sizes.zero)).toBe('0')
  expect(await first(sizes.off(-1))).toBe(String(octets - 1))
  expect(await first(sizes.huge)).toBe('9223372036854775808')
  const lines = smallMessage(0).read().toString('latin1').split('\r\n').length - 1
  expect(await first(sizes.lfCounted)).toBe(String(octets - lines))
  const stored = await (await client({ announce: sizes.stored }, 12)).lines('LIST')
  const signs = stored.map((line) => Math.sign(Number(line.split(' ')[1]) - octets))
  expect(new Set(signs)).toEqual(new Set([-1, 0, 1]))
})

it('STAT is a running sum: mail that comes and goes is in it for later sessions only', async () => {
  const server = await behaving({})
  const open = await RawClient.login(server)
  const more = smallMessage(9, 'x'.repeat(100))
  server.add(more)
  server.remove(0)
  expect(await open.ask('STAT')).toBe(`+OK 4 ${4 * octets}`)
  await open.ask('DELE 2')
  expect(await open.ask('STAT')).toBe(`+OK 3 ${3 * octets}`)
  await open.ask('QUIT')
  const later = await RawClient.login(server)
  expect(await later.ask('STAT')).toBe(`+OK 3 ${2 * octets + more.octets}`)
  server.setBehaviour({ announce: sizes.off(1) })
  const other = await RawClient.login(server)
  expect(await other.ask('STAT')).toBe(`+OK 3 ${2 * octets + more.octets + 3}`)
})
