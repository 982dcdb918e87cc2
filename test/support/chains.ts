/** Deliveries through a chain, and what became of each message. */
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { systemClock } from '../../src/clock.ts'
import type { Clock } from '../../src/clock.ts'
import { silentLogger } from '../../src/logger.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import type { RawMessage } from '../../src/message.ts'
import { type Delivery, MessageUnit } from '../../src/pipeline/delivery.ts'
import { composeChain } from '../../src/transforms/compose.ts'
import type { Transform } from '../../src/transforms/stage.ts'
import { MemoryLedger } from './memory-sink.ts'

export interface Outcome {
  readonly message: RawMessage
  /** What arrived at the end of the chain, in order. */
  readonly values: unknown[]
  /** What a stage answered, or its failure; undefined: the sink would be asked. */
  readonly verdict: MessageUnit['verdict']
}

/** Runs the messages through the transforms; outcomes in the order in which messages were complete. */
export async function through(
  transforms: readonly Transform[],
  messages: readonly RawMessage[],
  { ledger = new MemoryLedger(), clock = systemClock }: { ledger?: Ledger; clock?: Clock } = {},
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const deliveries = messages.map((message): Delivery<RawMessage> => {
    const unit = new MessageUnit(
      message,
      (done) => outcomes.push({ message, values: done.values, verdict: done.verdict }),
      () => undefined,
    )
    return { unit, value: message }
  })
  const chain = composeChain(transforms, { ledger, log: silentLogger, clock, expectsMail: true })
  const arrivals = new Writable({
    objectMode: true,
    write(delivery: Delivery, _encoding, done) {
      delivery.unit.arrive(delivery.value)
      done()
    },
  })
  await pipeline(Readable.from(deliveries), chain, arrivals)
  return outcomes
}
