import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import { silentLogger } from '../../src/logger.ts'
import type { RawMessage } from '../../src/message.ts'
import { unparsedRecord } from '../../src/message.ts'
import type { BatchMessage, SinkContext } from '../../src/sinks/sink.ts'
import { MAILBOX, entryFor } from './messages.ts'

/** What a drain gives to a sink. */
export function sinkContext(change: Partial<SinkContext> = {}): SinkContext {
  return {
    ...{ mailbox: MAILBOX, deletion: true, maxMessageBytes: 24 * 1024 * 1024 },
    stateDir: mkdtempSync(join(tmpdir(), 'maildrain-sink-')),
    ...{ log: silentLogger, clock: systemClock, signal: new AbortController().signal },
    ...change,
  }
}

/** A message with one record, as the pipeline hands it over. */
export function batchMessage(
  message: RawMessage,
  change: Partial<BatchMessage['entry']> = {},
): BatchMessage {
  return {
    entry: entryFor(message, change),
    records: [{ key: message.key, value: unparsedRecord(message, 'not parsed') }],
  }
}
