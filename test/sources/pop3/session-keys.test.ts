import fc from 'fast-check'
import { expect, it } from 'vitest'
import { messageKey } from '../../../src/identity.ts'
import { SessionKeys } from '../../../src/sources/pop3/session-keys.ts'

const uidls = fc.option(
  fc.uint8Array({ minLength: 1, maxLength: 1024 }).map((b) => Buffer.from(b).toString('latin1')),
)

it('keys and unique-ids come back as they were given, any octets, by any number', () => {
  const message = fc.tuple(fc.integer({ min: 1, max: 20_000 }), uidls)
  fc.assert(
    fc.property(fc.array(message, { maxLength: 60 }), (messages) => {
      const keys = new SessionKeys()
      const expected = new Map<number, { key: string; uidl: string | null }>()
      for (const [n, uidl] of messages) {
        const each = { key: messageKey('a@b', uidl, String(n).padStart(64, '0')), uidl }
        keys.set(n, each)
        expected.set(n, each)
      }
      for (const [n, each] of expected) expect(keys.get(n)).toEqual(each)
      expect([...keys.values()]).toHaveLength(expected.size)
      expect(keys.get(20_001)).toBeUndefined()
    }),
    { numRuns: 50 },
  )
})
