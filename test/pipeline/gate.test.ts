import { describe, expect, it } from 'vitest'
import { Gate } from '../../src/pipeline/gate.ts'

describe('the gate', () => {
  it('G1: lets only numbers through whose records and ledger entry are committed', () => {
    const gate = new Gate()
    for (const n of [1, 2, 3, 4]) gate.reading(n)
    gate.durable(4)
    gate.durable(2)
    gate.unresolved(3)
    expect(gate.deletable()).toEqual([2, 4])
    expect(gate.pending).toBe(1)
  })

  it('G3: a number that nobody read is not deletable, whatever is said of it', () => {
    const gate = new Gate()
    gate.durable(7)
    expect(gate.deletable()).toEqual([])
  })

  it('G3: the first answer stands', () => {
    const gate = new Gate()
    gate.reading(1)
    gate.unresolved(1)
    gate.durable(1)
    expect(gate.deletable()).toEqual([])
    expect(gate.spoilt).toBe(true)
  })

  it.each(['deleted', 'read', 'unknown'] as const)(
    'G2: no QUIT on a host that removes what was %s while a number is unanswered',
    (removes) => {
      const gate = new Gate()
      gate.reading(1)
      expect(gate.mayQuit(removes, true)).toBe(false)
    },
  )

  it('G2: where QUIT removes what was read, or may, an unresolved number forbids it', () => {
    const gate = new Gate()
    gate.reading(1)
    gate.reading(2)
    gate.durable(1)
    gate.unresolved(2)
    expect(gate.mayQuit('read', true)).toBe(false)
    expect(gate.mayQuit('unknown', true)).toBe(false)
    expect(gate.mayQuit('deleted', true)).toBe(true)
  })

  it('G2: without deletion, a session that read anything QUITs only on a host known to leave mail', () => {
    const read = new Gate()
    read.reading(1)
    read.durable(1)
    expect(read.mayQuit('unknown', false)).toBe(false)
    expect(read.mayQuit('read', false)).toBe(false)
    expect(read.mayQuit('deleted', false)).toBe(true)
    expect(new Gate().mayQuit('read', false)).toBe(true)
  })

  it('G2: where QUIT removes what was read, a number that is durable and to stay forbids it, and is never deletable', () => {
    const gate = new Gate()
    gate.reading(1)
    gate.reading(2)
    gate.durable(1)
    expect(gate.mayQuit('read', true)).toBe(false)
    gate.staying(2)
    expect(gate.mayQuit('read', true)).toBe(false)
    expect(gate.mayQuit('unknown', true)).toBe(false)
    expect(gate.mayQuit('deleted', true)).toBe(true)
    expect(gate.deletable()).toEqual([1])
    expect([gate.stays, gate.spoilt]).toEqual([1, false])
  })
})

describe('a RETR that was taken back before it was sent', () => {
  it('is as if it had never been issued: it does not hold QUIT back, and is not deleted', () => {
    const gate = new Gate()
    gate.reading(1)
    gate.reading(2)
    gate.durable(1)
    expect(gate.mayQuit('read', true)).toBe(false)
    gate.withdrawn(2)
    expect(gate.mayQuit('read', true)).toBe(true)
    expect(gate.deletable()).toEqual([1])
    expect(gate.read).toBe(1)
  })

  it('changes nothing about a message that came', () => {
    const gate = new Gate()
    gate.reading(1)
    gate.unresolved(1)
    gate.withdrawn(1)
    expect(gate.spoilt).toBe(true)
    expect(gate.mayQuit('read', true)).toBe(false)
  })
})
