import type { Clock } from '../clock.ts'

/** Resolves after `ms` milliseconds, and keeps no process alive for it. */
export const pause = (clock: Clock, ms: number): Promise<void> =>
  new Promise((resolve) => void clock.timer(ms, resolve, true))
