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

/** Half the width of the window around a share: single samples jump by 60 MB with the garbage collector. */
const WINDOW = 0.05

/**
 * Median around 10 % and at the end, of a run that began when `from` of the work was done.
 * @returns null when there are too few samples
 */
export function memoryGrowth(
  samples: readonly MemorySample[],
  from: number,
): { readonly early: number; readonly late: number } | null {
  const own = samples.map(({ share, bytes }) => ({ share: (share - from) / (1 - from), bytes }))
  const early = median(own.filter(({ share }) => Math.abs(share - 0.1) <= WINDOW))
  const late = median(own.filter(({ share }) => share >= 1 - 2 * WINDOW))
  return early === null || late === null ? null : { early, late }
}

function median(samples: readonly MemorySample[]): number | null {
  const sorted = samples.map(({ bytes }) => bytes).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? null
}
