/** What a verdict means for a message: what is counted, what the ledger has to say, and whether it may be deleted. */
import { saysDurable } from '../../ledger/ledger.ts'
import type { RawMessage } from '../../message.ts'
import { entryOf } from '../../pipeline/admission.ts'
import type { Verdict } from '../../pipeline/delivery.ts'
import type { SourceContext } from '../source.ts'
import type { RunState } from './run-state.ts'

/**
 * Counts the message once, and commits what the ledger needs beyond the delivery.
 * @returns true when the message is durable at the destination
 */
export async function answer(
  context: SourceContext,
  state: RunState,
  message: RawMessage,
  verdict: Verdict,
): Promise<boolean> {
  switch (verdict.kind) {
    case 'delivered':
      state.delivered(message)
      return true
    case 'alreadyDelivered':
      await revive(context, message)
      state.answered(message, 'alreadyDelivered')
      return true
    case 'filtered':
      state.answered(message, 'filtered')
      return false
    case 'rejected':
      state.answered(message, 'kept', { reason: verdict.reason, error: verdict.error })
      return false
    case 'errored':
      await errored(context, state, message, verdict.error)
      return false
  }
}

/** Listed again after it was gone: back to its state, before anything is deleted. */
async function revive(context: SourceContext, message: RawMessage): Promise<void> {
  const entry = context.ledger.get(message.key)
  if (entry?.state !== 'gone' || !saysDurable(entry)) return
  const state = entry.was ?? 'delivered'
  await context.commit([{ ...entry, state, was: null, goneAt: null }])
}

/** A transform failed: left on the server, tried again by the next run. */
async function errored(
  context: SourceContext,
  state: RunState,
  message: RawMessage,
  error: unknown,
): Promise<void> {
  if (context.signal.aborted) return
  const at = context.clock.now()
  const kept = { state: 'kept', reason: 'rejected', fingerprint: null, at } as const
  await context.commit([entryOf(message, context.ledger.get(message.key), kept)])
  state.answered(message, 'kept', { reason: 'rejected', error })
}
