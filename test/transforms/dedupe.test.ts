import { expect, it } from 'vitest'
import { dedupe } from '../../src/transforms/dedupe.ts'
import { through } from '../support/chains.ts'
import { MemoryLedger } from '../support/memory-sink.ts'
import { entryFor, rawMessage } from '../support/messages.ts'

const known = rawMessage('u1', 'known')

async function verdictOf(change: (ledger: MemoryLedger) => void, message = known) {
  const ledger = new MemoryLedger()
  change(ledger)
  const [outcome] = await through([dedupe()], [message], { ledger })
  return { kind: outcome?.verdict?.kind, values: outcome?.values.length }
}

const put =
  (change: Parameters<typeof entryFor>[1] = {}) =>
  (ledger: MemoryLedger) =>
    void ledger.entries.set(known.key, entryFor(known, change))

it('G6: the same bytes under the same unique-id are answered for without a write', async () => {
  expect(await verdictOf(put())).toEqual({ kind: 'alreadyDelivered', values: 0 })
  expect(await verdictOf(put({ state: 'gone', was: 'delivered' }))).toMatchObject({
    kind: 'alreadyDelivered',
  })
})

it('G6: other bytes under the same unique-id are another message', async () => {
  expect(await verdictOf(put(), rawMessage('u1', 'other'))).toEqual({ kind: undefined, values: 1 })
})

it('what was kept is not delivered', async () => {
  const kept = put({ state: 'kept', reason: 'filtered' })
  expect(await verdictOf(kept)).toEqual({ kind: undefined, values: 1 })
})

it('G5: what the destination no longer holds is delivered again', async () => {
  const lost = (ledger: MemoryLedger) => {
    put()(ledger)
    ledger.lost.add(known.key)
  }
  expect(await verdictOf(lost)).toEqual({ kind: undefined, values: 1 })
})
