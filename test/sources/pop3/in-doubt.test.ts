import { describe, expect, it } from 'vitest'
import { InDoubt } from '../../../src/sources/pop3/in-doubt.ts'
import { Tally } from '../../../src/sources/pop3/tally.ts'
import { unfetchedKey } from '../../../src/identity.ts'
import { rawMessage } from '../../support/messages.ts'

describe('deletions in doubt', () => {
  it('G7: count as deleted when QUIT was sent, and as gone only when a look says so', () => {
    const doubts = new InDoubt(Math.random)
    const pair = [
      { key: 'a', uidl: 'u' },
      { key: 'b', uidl: 'v' },
      { key: 'a', uidl: 'u' },
    ]
    doubts.quit(pair, true)
    expect([doubts.deleted, doubts.verifiedGone]).toEqual([3, 0])
    doubts.gone('a')
    expect([doubts.deleted, doubts.verifiedGone]).toEqual([3, 2])
    doubts.giveUp('b')
    expect([doubts.deleted, doubts.verifiedGone, doubts.size]).toEqual([3, 2, 0])
  })

  it('are counted once however often they are deleted, and remember their rounds', () => {
    const doubts = new InDoubt(Math.random)
    doubts.quit([{ key: 'a', uidl: 'u' }], true)
    doubts.stillListed(doubts.get('a', 'u')!)
    doubts.quit([{ key: 'a', uidl: 'u' }], false)
    expect(doubts.deleted).toBe(1)
    expect(doubts.get('a', 'u')).toMatchObject({ rounds: 1, answered: false })
  })
})

describe('the tally', () => {
  const keys = Array.from({ length: 2000 }, (_, i) => rawMessage(`u${i}`, 'x').key)

  it('counts each identity once, by its first outcome', () => {
    const tally = new Tally(Math.random)
    for (const key of [...keys, ...keys]) tally.see(key)
    for (const key of keys) expect(tally.answer(key, 'delivered')).toBe(true)
    for (const key of keys) expect(tally.answer(key, 'alreadyDelivered')).toBe(false)
    expect(tally.counts).toMatchObject({ seen: 2000, delivered: 2000, alreadyDelivered: 0 })
  })

  it('shows a message that nobody answered for as a difference', () => {
    const tally = new Tally(Math.random)
    tally.see(keys[0]!)
    tally.see(unfetchedKey('u', 5))
    tally.answer(keys[0]!, 'delivered')
    expect(tally.counts.seen).toBe(2)
    expect(tally.answered).toBe(1)
  })
})
