/**
 * A clock that stands still while this process does. On a busy machine a process may be stopped for seconds; when it goes on, all
 * timers of client and server that run in it are due at once, and which of them comes first says nothing about either.
 */
import type { Clock } from '../../src/clock.ts'

const TICK_MS = 20

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

let [awake, last, lastCpu] = [0, performance.now(), cpuMs()]
/** Of a tick that comes late, what this process has worked meanwhile. */
const passed = (): number =>
  Math.min(performance.now() - last, Math.max(2 * TICK_MS, cpuMs() - lastCpu))

setInterval(() => {
  awake += passed()
  last = performance.now()
  lastCpu = cpuMs()
}, TICK_MS).unref()

/** Milliseconds from an arbitrary start. */
export const awakeMs = (): number => awake + passed()

export const awakeClock: Clock = {
  now: () => Date.now(),
  monotonic: awakeMs,
  timer(ms, fire, unref = false) {
    const due = awakeMs() + ms
    let handle: NodeJS.Timeout
    const arm = () => {
      const left = due - awakeMs()
      handle = setTimeout(() => (awakeMs() < due ? arm() : fire()), Math.max(1, left))
      if (unref) handle.unref()
    }
    arm()
    return { cancel: () => clearTimeout(handle) }
  },
}
