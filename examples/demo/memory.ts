/** Memory of a process as the system sees it. */
import { readFileSync } from 'node:fs'

export interface MemorySample {
  /** How much of the mailbox was in the database, 0 to 1. */
  readonly share: number
  readonly bytes: number
}

/** Resident set of a process; null where there is no /proc, and of a process that has ended. */
export function residentBytes(pid: number): number | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const kiB = /^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]
    return kiB === undefined ? null : Number(kiB) * 1024
  } catch {
    return null
  }
}

/**
 * The windows that are compared, as shares of a run. They are wide because the collector moves single samples by 60 MB and
 * the level of five seconds by 30; before a tenth of the run is over the heap has not come to its size.
 */
const EARLY = [0.1, 0.3] as const
const LATE = [0.8, 1] as const

/**
 * Median of an early and of a late part of a run that began when `from` of the work was done.
 * @returns null when there are too few samples
 */
export function memoryGrowth(
  samples: readonly MemorySample[],
  from: number,
): { readonly early: number; readonly late: number } | null {
  const own = samples.map(({ share, bytes }) => ({ share: (share - from) / (1 - from), bytes }))
  const within = ([begin, end]: readonly [number, number]) =>
    median(own.filter(({ share }) => share >= begin && share <= end))
  const [early, late] = [within(EARLY), within(LATE)]
  return early === null || late === null ? null : { early, late }
}

function median(samples: readonly MemorySample[]): number | null {
  const sorted = samples.map(({ bytes }) => bytes).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? null
}
