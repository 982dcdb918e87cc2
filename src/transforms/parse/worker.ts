/** What runs in a worker thread: one message at a time, so that a crash or a hang has exactly one message to blame. */
import { type ParsedFields, parseMessage } from './parse-message.ts'

export interface ParseTask {
  /** The message, or its header block; moved, not copied. Null only starts the worker up. */
  readonly bytes: Uint8Array | null
  /** Set where `bytes` is the header block of a message above this many bytes. */
  readonly headersOnlyAbove: number | null
  /** Element 0 becomes 1 when the worker begins: before that, no time counts. */
  readonly started: Int32Array
}

export default async function run(task: ParseTask): Promise<ParsedFields | null> {
  Atomics.store(task.started, 0, 1)
  if (task.bytes === null) return null
  const { buffer, byteOffset, byteLength } = task.bytes
  const raw = Buffer.from(buffer, byteOffset, byteLength)
  return parseMessage(
    raw,
    task.headersOnlyAbove === null ? {} : { headersOnlyAbove: task.headersOnlyAbove },
  )
}
