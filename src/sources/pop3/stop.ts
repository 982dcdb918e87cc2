/** What a stop means for the session that is open. */
import type { MaildrainError } from '../../errors.ts'
import type { Pop3Client } from '../../pop3/index.ts'
import type { SourceContext } from '../source.ts'

/**
 * A session that has read nothing has nothing to bring to its end: a stop closes it, and waits for no server. One that works
 * is closed when nothing is to be waited for any more.
 * @param works does the session read or delete, now?
 * @returns lets go of the session
 */
export function closeWhenStopped(
  client: Pop3Client,
  { stopping, signal }: Pick<SourceContext, 'stopping' | 'signal'>,
  works: () => boolean,
): () => void {
  const stop = () => {
    if (!works()) client.close()
  }
  const close = () => client.close()
  stopping.addEventListener('abort', stop)
  signal.addEventListener('abort', close)
  if (stopping.aborted) stop()
  return () => {
    stopping.removeEventListener('abort', stop)
    signal.removeEventListener('abort', close)
  }
}

/** RETRs that have not left yet are taken back: mail that is asked for now would be waited for. */
export function withdrawWhenStopped(
  client: Pop3Client,
  stopping: AbortSignal,
  closed: AbortSignal,
): void {
  const withdraw = () => client.withdrawRetrs(stopping.reason as MaildrainError)
  stopping.addEventListener('abort', withdraw, { once: true, signal: closed })
}
