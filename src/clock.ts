/**
 * Time as a parameter, so that tests and simulators can own it. Timeouts use `monotonic`, never the wall clock,
 * which jumps.
 */
export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Wall clock, milliseconds since 1970 UTC: for metadata only. */
  now(): number
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonic(): number
  /** Calls `fire` once after `ms` milliseconds. The timer does not keep the process alive when `unref` is set. */
  timer(ms: number, fire: () => void, unref?: boolean): Timer
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  timer(ms, fire, unref = false) {
    const handle = setTimeout(fire, ms)
    if (unref) handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
}

/** Resolves after `ms` milliseconds; rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      timer.cancel()
      reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'))
    }
    const timer = clock.timer(ms, () => {
      signal?.removeEventListener('abort', stop)
      resolve()
    })
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}

/** Chance for jitter, in [0, 1): taken as a parameter like the clock. */
export const systemRandom = (): number => Math.random()
