/** An outage of the destination is waited out (G15); a stop ends the waiting. */
import type { Clock } from '../clock.ts'
import { sleep } from '../clock.ts'
import { MaildrainError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { backoffMs } from './retry.ts'

export interface Patience {
  /** How long an outage in the middle is waited out, milliseconds. */
  readonly sinkPatienceMs: number
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
  /** No further attempt is made once it is aborted. */
  readonly stopping: AbortSignal
}

const BACKOFF = { initialMs: 250, maxMs: 15_000 }

/** @throws what `attempt` throws, once it is no outage, or patience is over */
export async function waitOutOutages<T>(
  { sinkPatienceMs, clock, random, log, stopping }: Patience,
  attempt: () => Promise<T>,
): Promise<T> {
  const started = clock.monotonic()
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof MaildrainError) || !error.retryable) throw error
      const waited = clock.monotonic() - started
      if (stopping.aborted || waited >= sinkPatienceMs) throw error
      log.warn({ code: error.code, attempt: tries, waitedMs: Math.round(waited) }, error.message)
      await sleep(clock, backoffMs(tries, BACKOFF, random), stopping)
    }
  }
}
