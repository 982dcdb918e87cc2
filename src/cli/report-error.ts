/** An error as one line on stderr, and its exit code. */
import { EXIT, MaildrainError, describeError } from '../errors.ts'
import type { Stop } from './stop.ts'

/** @param debug also the causes and where they came from */
export function reportError(error: unknown, debug: boolean): number {
  const ours = error instanceof MaildrainError
  const code = ours ? error.code : 'MAILDRAIN_INTERNAL'
  const hint = ours ? '' : '; this is a bug of maildrain, nothing was deleted on its account'
  process.stderr.write(`maildrain: ${oneLine(describeError(error))}${hint} [${code}]\n`)
  if (debug)
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
      process.stderr.write(`${cause.stack ?? cause.message}\n`)
  return ours ? error.exitCode : EXIT.bug
}

/** What a server or a file system said may hold line breaks and worse. */
const oneLine = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim()

/**
 * Of a command that takes nothing away: whatever it failed by after a signal, the signal is why.
 * @param how.stopped what that leaves behind
 * @returns the exit code
 */
export function reportUnlessStopped(
  error: unknown,
  { exitCode }: Stop,
  how: { readonly debug: boolean; readonly stopped: string },
): number {
  if (exitCode === undefined) return reportError(error, how.debug)
  const text = `stopped by a signal; ${how.stopped}`
  reportError(new MaildrainError('MAILDRAIN_STOPPED', text, { cause: error }), how.debug)
  return exitCode
}
