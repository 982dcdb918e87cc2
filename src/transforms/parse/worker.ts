/**
 * What runs in a worker thread: one message at a time, in the order in which they come, so that whatever happens has
 * exactly one message to blame. Each answer is that of the message that has waited longest.
 */
import { parentPort } from 'node:worker_threads'
import { parseMessage } from './parse-message.ts'
import { type ParseTask, READY } from './parse-task.ts'

async function work({ bytes, headersOnlyAbove }: ParseTask): Promise<void> {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const options = headersOnlyAbove === null ? {} : { headersOnlyAbove }
  parentPort?.postMessage(await parseMessage(raw, options))
}

let last: Promise<void> = Promise.resolve()
parentPort?.on('message', (task: ParseTask) => {
  // A rejection ends the thread, as every one that nobody catches does.
  last = last.then(() => work(task))
})
parentPort?.postMessage(READY)
