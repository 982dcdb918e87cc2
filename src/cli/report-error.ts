/** An error as one line on stderr, and its exit code. */
import { EXIT, MaildrainError, describeError } from '../errors.ts'

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
