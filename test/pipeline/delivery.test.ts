import { describe, expect, it } from 'vitest'
import { MessageUnit, type Verdict } from '../../src/pipeline/delivery.ts'
import { rawMessage } from '../support/messages.ts'

function setup() {
  const completed: MessageUnit[] = []
  const verdicts: Verdict[] = []
  const unit = new MessageUnit(
    rawMessage('a', 'x'),
    (done) => completed.push(done),
    (verdict) => verdicts.push(verdict),
  )
  return { unit, completed, verdicts }
}

describe('a message as one unit', () => {
  it('G4: is complete only when the last of its values has arrived', () => {
    const { unit, completed } = setup()
    unit.retain()
    unit.retain()
    unit.release()
    unit.arrive('first')
    expect(completed).toHaveLength(0)
    unit.arrive('second')
    expect(completed).toEqual([unit])
    expect(unit.values).toEqual(['first', 'second'])
  })

  it('G4: one failed value makes the whole message errored', () => {
    const { unit } = setup()
    const error = new Error('lost a part')
    unit.retain()
    unit.fail(error)
    unit.release()
    unit.arrive('the other')
    expect(unit.verdict).toEqual({ kind: 'errored', error })
  })

  it('G3: has no verdict until somebody gives one, and only the first counts', () => {
    const { unit, verdicts } = setup()
    unit.arrive('value')
    expect(verdicts).toEqual([])
    unit.settle({ kind: 'filtered' })
    unit.settle({ kind: 'delivered' })
    expect(verdicts).toEqual([{ kind: 'filtered' }])
  })

  it('G3: a failure outweighs the answer of another stage', () => {
    const { unit } = setup()
    unit.answer({ kind: 'alreadyDelivered' })
    unit.fail(new Error('later'))
    expect(unit.verdict?.kind).toBe('errored')
  })

  it('refuses to be retained once complete: such a value would belong to no batch', () => {
    const { unit } = setup()
    unit.release()
    expect(() => unit.retain()).toThrow('retained after it had completed')
  })
})
