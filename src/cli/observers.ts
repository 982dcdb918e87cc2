/** Log and progress, as the flags and the terminal want them. */
import { systemClock } from '../clock.ts'
import type { OutputFlags } from '../config/output-flags.ts'
import type { Logger } from '../logger.ts'
import { type LogLevel, jsonLogger, plainLogger } from '../observe/log.ts'
import { type ProgressView, noProgress, progressBar, progressLog } from '../observe/progress.ts'

const PROGRESS_LOG_MS = 10_000

export interface Observers {
  readonly log: Logger
  readonly progress: ProgressView
  /** A line of its own on stderr. */
  readonly writeLine: (line: string) => void
}

export function observers(flags: Pick<OutputFlags, 'quiet' | 'logLevel'>): Observers {
  const level = (byDefault: LogLevel): LogLevel =>
    flags.logLevel ?? (flags.quiet ? 'silent' : byDefault)
  if (process.stderr.isTTY) {
    const bar = progressBar(systemClock, process.stderr)
    const log = plainLogger(level('warn'), (line) => bar.writeLine(line))
    return {
      log,
      progress: flags.quiet ? noProgress : bar,
      writeLine: (line) => bar.writeLine(line),
    }
  }
  const log = jsonLogger(level('info'), process.stderr)
  const writeLine = (line: string) => void process.stderr.write(`${line}\n`)
  return { log, progress: progressLog(systemClock, log, PROGRESS_LOG_MS), writeLine }
}
