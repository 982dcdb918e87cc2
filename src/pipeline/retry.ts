/** Waiting longer after each failure, with jitter so that many clients do not return at once. */

export interface BackoffOptions {
  readonly initialMs: number
  readonly maxMs: number
}

/** Delay before try number `attempt` (1 is the first retry): doubling, of which the upper half is random. */
export function backoffMs(attempt: number, options: BackoffOptions, random: () => number): number {
  const ceiling = Math.min(options.maxMs, options.initialMs * 2 ** (attempt - 1))
  return ceiling / 2 + (ceiling / 2) * random()
}
