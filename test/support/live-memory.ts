/** How much memory this process holds on to, without what is garbage already. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const liveBytes = (): number => {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Bytes that were held more than before, at the most, while `work` was under way; looked at now and then: a look takes 50 ms and more. */
export async function mostHeld(work: () => Promise<unknown>, everyMs = 400): Promise<number> {
  const before = liveBytes()
  let most = 0
  const timer = setInterval(() => (most = Math.max(most, liveBytes() - before)), everyMs)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  return most
}
