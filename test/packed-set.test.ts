import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PackedSet } from '../src/packed-set.ts'

describe('a packed set', () => {
  it('is a set, whatever is added and deleted in whatever order', () => {
    const step = fc.tuple(fc.constantFrom('add', 'delete', 'has'), fc.nat(300).map(String))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 2000 }), (steps) => {
        const packed = new PackedSet(() => 0.25)
        const plain = new Set<string>()
        for (const [what, text] of steps) {
          if (what === 'add') {
            expect(packed.add(text)).toBe(!plain.has(text))
            plain.add(text)
          } else if (what === 'delete') expect(packed.delete(text)).toBe(plain.delete(text))
          expect(packed.has(text)).toBe(plain.has(text))
          expect(packed.size).toBe(plain.size)
        }
        for (let i = 0; i <= 300; i += 1) expect(packed.has(String(i))).toBe(plain.has(String(i)))
      }),
      { numRuns: 100 },
    )
  })

  it('keeps 500,000 unique-ids apart, those of Dovecot and those that count', () => {
    const set = new PackedSet(Math.random)
    for (let i = 0; i < 250_000; i += 1) {
      set.add(`${i.toString(16).padStart(8, '0')}65f1a2b3`)
      set.add(String(i))
    }
    expect(set.size).toBe(500_000)
    expect(set.has('no such id')).toBe(false)
  })

  it('is empty after clear', () => {
    const set = new PackedSet(() => 0)
    set.add('a')
    set.clear()
    expect([set.size, set.has('a')]).toEqual([0, false])
  })
})
