// A worker that does to a message what the message says, as a parser does to mail that was made to break it.
import { existsSync, writeFileSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'

function work(text) {
  if (text.includes('EXIT')) process.exit(3)
  if (text.includes('HANG')) for (;;);
  if (text.includes('HEAP')) for (const all = []; ;) all.push(new Array(100_000).fill({}))
  const once = /ONCE (\S+)/.exec(text)?.[1]
  if (once !== undefined && !existsSync(once)) {
    writeFileSync(once, '')
    throw new Error('only the first time')
  }
  return { parseStatus: 'ok', parseReasons: [], text }
}

let last = Promise.resolve()
parentPort.on('message', ({ bytes }) => {
  last = last.then(() => parentPort.postMessage(work(Buffer.from(bytes).toString('latin1'))))
})
parentPort.postMessage('ready')
