/**
 * Compares what was fetched with the ledger by K, that is by mailbox, unique-id and SHA-256 of the bytes (G6): mail that
 * the destination holds is answered for without being written again.
 */
import { Transform } from 'node:stream'
import { type Ledger, saysDurable } from '../ledger/ledger.ts'
import type { RawMessage } from '../message.ts'
import type { Delivery } from '../pipeline/delivery.ts'
import type { Stage } from './stage.ts'

/** Answers the delivery *already delivered* when the ledger has its very bytes and the destination still holds them. */
export function dedupe(): Stage {
  return {
    name: 'dedupe',
    create: ({ ledger }) =>
      new Transform({
        objectMode: true,
        highWaterMark: 1,
        transform(delivery: Delivery, _encoding, done) {
          if (!isHeld(ledger, delivery.unit.message)) {
            done(null, delivery)
            return
          }
          delivery.unit.answer({ kind: 'alreadyDelivered' })
          delivery.unit.release()
          done()
        },
      }),
  }
}

/** An entry that the destination no longer holds is not known: the message is written again before any DELE (G5). */
function isHeld(ledger: Ledger, message: RawMessage): boolean {
  const entry = ledger.get(message.key)
  return entry !== undefined && saysDurable(entry) && ledger.holds(entry)
}
