import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { generateMailbox } from '../../src/testing/index.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

describe('generateMailbox', () => {
  it('the same seed gives the same bytes for ever', () => {
    const mailbox = generateMailbox({ messages: 1000, seed: 7, profile: 'mixed' })
    const hashes = [0, 1, 500, 999].map((index) =>
      sha256(mailbox.message(index).read()).slice(0, 16),
    )
    expect(hashes).toEqual(GOLDEN)
    expect(mailbox.message(3).uidl).toMatch(/^00000004[0-9a-f]{8}$/)
  })

  it('another seed gives other mail', () => {
    const [a, b] = [1, 2].map((seed) => generateMailbox({ messages: 3, seed }).message(0).read())
    expect(a?.equals(b!)).toBe(false)
  })

  it('a message has exactly the octets that it says, and ends with CRLF', () => {
    for (const profile of ['mixed', 'small'] as const) {
      const mailbox = generateMailbox({ messages: 300, seed: 3, profile })
      let total = 0
      for (let index = 0; index < mailbox.size; index += 1) {
        const message = mailbox.message(index)
        const bytes = message.read()
        expect(bytes).toHaveLength(message.octets)
        expect(bytes.subarray(-2).toString()).toBe('\r\n')
        total += bytes.length
      }
      expect(mailbox.totalOctets).toBe(total)
    }
  })

  it('mixed is 4 KB to 1 MB with a mean of 55 KB, small about 4 KB', () => {
    const mixed = generateMailbox({ messages: 2000, profile: 'mixed' })
    const sizes = Array.from({ length: 2000 }, (_, index) => mixed.message(index).octets)
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(4096)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1_048_576)
    expect(mixed.totalOctets / 2000).toBeGreaterThan(50_000)
    expect(mixed.totalOctets / 2000).toBeLessThan(60_000)
    const small = generateMailbox({ messages: 2000, profile: 'small' })
    expect(small.totalOctets / 2000).toBeGreaterThan(3500)
    expect(small.totalOctets / 2000).toBeLessThan(4700)
  })

  it('no two messages share unique-id or bytes', () => {
    const mailbox = generateMailbox({ messages: 500, profile: 'small' })
    const all = Array.from({ length: 500 }, (_, index) => mailbox.message(index))
    expect(new Set(all.map(({ uidl }) => uidl)).size).toBe(500)
    expect(new Set(all.map((message) => sha256(message.read()))).size).toBe(500)
  })

  it('a mailbox of two billion messages costs nothing until it is read', () => {
    const mailbox = generateMailbox({ messages: 2_000_000_000 })
    expect(mailbox.message(1_999_999_999).read().length).toBeGreaterThan(4000)
    expect(() => mailbox.message(2_000_000_000)).toThrow(RangeError)
    expect(() => generateMailbox({ messages: -1 })).toThrow(RangeError)
  })
})

/** Of messages 1, 2, 501 and 1000 with seed 7. */
const GOLDEN = ['e66603451231e9ea', '8c4698f3df9bd1c8', 'fe1d9c02b88a871a', 'f8b7abf7655c7076']
