/** What a SQLite file answers as a destination, thousands of files one after the other. */
import { rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { MaildrainError } from '../../src/errors.ts'
import type { RawMessage } from '../../src/message.ts'
import type { SinkContext } from '../../src/sinks/sink.ts'
import { sqlite } from '../../src/sinks/sqlite/index.ts'
import { answersOf, newFile } from './ledger-files.ts'
import { sinkContext } from './sinks.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
/** A handle of libsql that was closed lives until its statements are collected: thousands of them are too many files. */
const FILES_AT_ONCE = 200

const context = sinkContext()
let files = 0

/** What the file answers when it is opened and looked at, or the code by which it is refused. */
export async function answerOf(
  bytes: Buffer,
  messages: readonly RawMessage[],
  way: Partial<SinkContext> = {},
): Promise<string> {
  files += 1
  if (files % FILES_AT_ONCE === 0) {
    collect()
    // Finalizers run in turns of their own.
    await setImmediate()
  }
  // Another name each time: SQLite remembers a file by what the system calls it as long as a handle lives.
  const path = newFile()
  writeFileSync(path, bytes)
  const sink = sqlite({ path, openPatienceMs: 0, busyTimeoutMs: 0 })
  try {
    if (way.rebuildLedger !== true) (await sink.peek?.(context))?.close()
    await sink.open({ ...context, ...way })
    return JSON.stringify(answersOf(sink.ledger!, messages))
  } catch (error) {
    return error instanceof MaildrainError ? error.code : String(error)
  } finally {
    await sink.close()
    rmSync(dirname(path), { recursive: true })
  }
}
