/**
 * Opening a destination that may not be up yet (G15): an outage is waited out for a while, a refusal is not.
 */
import { sleep } from '../clock.ts'
import { unlessAborted } from '../deadline.ts'
import { MaildrainError } from '../errors.ts'
import { backoffMs } from '../pipeline/retry.ts'
import type { SinkContext } from './sink.ts'

const BACKOFF = { initialMs: 250, maxMs: 4000 }

/**
 * Runs `attempt` until it succeeds, fails for good, or has failed for `patienceMs`.
 * @throws the last error of `attempt`, or the signal's reason as soon as it aborts: an attempt that is under way has to look
 * at the signal itself before it changes anything
 */
export async function openPatiently<T>(
  { clock, log, signal }: Pick<SinkContext, 'clock' | 'log' | 'signal'>,
  patienceMs: number,
  attempt: () => Promise<T>,
): Promise<T> {
  const started = clock.monotonic()
  for (let tries = 1; ; tries += 1) {
    try {
      return await unlessAborted(signal, attempt())
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof MaildrainError) || !error.retryable) throw error
      // No jitter: one drainer a destination has nobody to collide with.
      const waitMs = backoffMs(tries, BACKOFF, () => 1)
      if (clock.monotonic() - started + waitMs > patienceMs) throw error
      log.warn({ code: error.code, attempt: tries, waitMs }, error.message)
      await sleep(clock, waitMs, signal)
    }
  }
}
