/**
 * Brings batches to the sink and turns its answers into verdicts (G15): an outage is waited out with the same batch; only
 * a rejection that names a message and repeats with that message alone rejects it.
 */
import { BatchError, MaildrainError, SinkError, describeError } from '../errors.ts'
import type { LedgerEntry } from '../ledger/ledger.ts'
import type { Batch, BatchMessage, Sink } from '../sinks/sink.ts'
import type { BatchItem } from './batcher.ts'
import { type Patience, waitOutOutages } from './outage.ts'

export interface SinkWriterOptions extends Patience {
  readonly sink: Sink
  readonly fingerprint: string
  /** Given to each write: nothing more is waited for once it is aborted. */
  readonly signal: AbortSignal
}

function batchOf(items: readonly BatchItem[]): Batch {
  const host = items.findLast((item) => item.host !== undefined)?.host
  const vanished = items.reduce((sum, item) => sum + (item.vanished ?? 0), 0)
  return {
    messages: items.flatMap((item) => (item.message === undefined ? [] : [item.message])),
    tombstones: items.flatMap((item) => item.tombstones),
    ...(host === undefined ? {} : { host }),
    ...(vanished === 0 ? {} : { vanished }),
  }
}

export class SinkWriter {
  readonly #options: SinkWriterOptions

  constructor(options: SinkWriterOptions) {
    this.#options = options
  }

  /** Commits the items and settles each; throws when the drain cannot go on. */
  async write(items: readonly BatchItem[]): Promise<void> {
    const failures = await this.#commit(batchOf(items))
    const withMessage = items.filter((item) => item.message !== undefined)
    const failed: BatchItem[] = []
    for (const [index, item] of withMessage.entries()) {
      if (failures.has(index)) failed.push(item)
      else item.settle({ kind: 'delivered' })
    }
    for (const item of items) if (item.message === undefined) item.settle({ kind: 'delivered' })
    for (const item of failed) await this.#alone(item)
  }

  /** A message that was rejected by name is written once more alone; the rest of its batch was the healthy record. */
  async #alone(item: BatchItem): Promise<void> {
    const failures = await this.#commit(batchOf([item]))
    const error = failures.get(0)
    if (error === undefined || item.message === undefined) {
      item.settle({ kind: 'delivered' })
      return
    }
    const reason = error.code === 'MAILDRAIN_SINK_RECORD_TOO_LARGE' ? 'oversize' : 'rejected'
    await this.#commit({ messages: [this.#kept(item.message, reason)], tombstones: [] })
    item.settle({ kind: 'rejected', reason, error })
  }

  #kept(message: BatchMessage, reason: 'oversize' | 'rejected'): BatchMessage {
    const entry: LedgerEntry = {
      ...message.entry,
      state: 'kept',
      reason,
      fingerprint: this.#options.fingerprint,
      place: null,
    }
    return { entry, records: [] }
  }

  /** Writes until it is answered; returns the messages that the sink rejected by name. */
  async #commit(batch: Batch): Promise<ReadonlyMap<number, MaildrainError>> {
    const { sink, signal } = this.#options
    try {
      await waitOutOutages(this.#options, () => sink.write(batch, { signal }))
      return new Map()
    } catch (error) {
      if (error instanceof BatchError) return failuresOf(error, sink.name, batch)
      throw sinkFailure(sink.name, error)
    }
  }
}

/** Whoever names what is not in the batch means something else, and nobody knows which message: none is delivered. */
function failuresOf(
  { failures }: BatchError,
  name: string,
  { messages }: Batch,
): ReadonlyMap<number, MaildrainError> {
  for (const index of failures.keys())
    if (messages[index] === undefined)
      throw new SinkError(
        'MAILDRAIN_SINK_REFUSED',
        `${name} rejected message ${index} of a batch of ${messages.length}, which it does not have; correct the sink`,
      )
  return failures
}

/** @returns the error itself when it has a code */
export const sinkFailure = (name: string, error: unknown): MaildrainError =>
  error instanceof MaildrainError
    ? error
    : new SinkError('MAILDRAIN_SINK_REFUSED', `${name} failed: ${describeError(error)}`, {
        cause: error,
      })
