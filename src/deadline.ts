/**
 * A hard end for calls that may hang: kafkajs never reopens a connection that swallows its requests, and retries on it
 * without limit. What is given up goes on in the background, and must do no harm there.
 */
import type { Clock } from './clock.ts'

/**
 * Settles as `work` does, or rejects with `late()` after `ms` milliseconds, or with the signal's reason when it aborts.
 * The signal given to `work` aborts in both cases.
 */
export async function withDeadline<T>(
  options: {
    readonly clock: Clock
    readonly ms: number
    readonly signal?: AbortSignal
    readonly late: () => Error
  },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock, ms, signal, late } = options
  const abort = new AbortController()
  const ended = new Promise<never>((_, reject) => {
    abort.signal.addEventListener('abort', () => reject(abort.signal.reason as Error))
  })
  const stop = (): void => abort.abort(signal?.reason)
  const timer = clock.timer(ms, () => abort.abort(late()))
  if (signal?.aborted) stop()
  else signal?.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work(abort.signal), ended])
  } finally {
    timer.cancel()
    signal?.removeEventListener('abort', stop)
  }
}

/** Settles as `work` does, or rejects with the signal's reason as soon as it aborts; `work` is not waited for then. */
export async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  let onAbort: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort)
  }
}
