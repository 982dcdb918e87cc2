/** How much memory this process holds on to, without what is garbage already. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const EVERY_MS = 400

const liveBytes = (): number => {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Bytes that were held more than before, at the most, while `work` was under way; looked at now and then: a look takes 50 ms and more. */
export async function mostHeld(work: () => Promise<unknown>): Promise<number> {
  const before = liveBytes()
  let most = 0
  const timer = setInterval(() => (most = Math.max(most, liveBytes() - before)), EVERY_MS)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  return most
}
