/** `maildrain drain`: flags to options, one drain, a receipt. */
import { systemClock } from '../clock.ts'
import { type DrainFlags, drainFlags } from '../config/drain-flags.ts'
import { parseFlags } from '../config/flags.ts'
import { type DestinationAddress, parseDestinationUrl } from '../config/urls.ts'
import { MaildrainError, describeError } from '../errors.ts'
import { type LogLevel, jsonLogger, plainLogger } from '../observe/log.ts'
import { type ProgressView, noProgress, progressBar, progressLog } from '../observe/progress.ts'
import { ReceiptFile, formatReceipt } from '../observe/receipt.ts'
import { drain } from '../pipeline/drain.ts'
import { type Progress, type Receipt, exitCodeOf } from '../pipeline/receipt.ts'
import type { Logger } from '../logger.ts'
import type { Sink } from '../sinks/sink.ts'
import type { Source } from '../sources/source.ts'
import { deletionOf } from './deletion.ts'
import { reportError } from './report-error.ts'
import { openSource } from './source.ts'
import { watchSignals } from './stop.ts'

const PROGRESS_LOG_MS = 10_000

/** @returns the exit code */
export async function drainCommand(argv: readonly string[]): Promise<number> {
  const flags = parseFlags(drainFlags, argv, 'maildrain drain')
  const destination = parseDestinationUrl(flags.to)
  const receiptFile = flags.receipt === undefined ? undefined : new ReceiptFile(flags.receipt)
  const { deletion, source: left } = deletionOf(flags)
  const source = await openSource(flags, left)
  const sink = await openSink(destination)
  return run({ flags, deletion, source, sink, receiptFile })
}

interface Run {
  readonly flags: DrainFlags
  readonly deletion: 'keep' | 'delete'
  readonly source: Source
  readonly sink: Sink
  readonly receiptFile: ReceiptFile | undefined
}

async function run({ flags, deletion, source, sink, receiptFile }: Run): Promise<number> {
  const { log, progress, writeLine } = observers(flags)
  const explain = flags.explain ? explainer(writeLine) : () => undefined
  const stop = watchSignals()
  let last: Receipt | undefined
  try {
    const receipt = await drain({
      ...{ source, into: sink, deletion, log, signal: stop.signal },
      ...(flags.stateDir === undefined ? {} : { stateDir: flags.stateDir }),
      onProgress: (update) => {
        progress.update(update)
        explain(update)
      },
      onReceipt: (written) => (last = written),
    })
    progress.stop()
    receiptFile?.write(receipt)
    printReceipt(receipt, flags)
    return exitCodeOf(receipt)
  } catch (error) {
    progress.stop()
    if (last !== undefined) failedReceipt(last, error, { flags, receiptFile })
    const exitCode = reportError(error, flags.logLevel === 'debug')
    return stop.exitCode ?? exitCode
  } finally {
    stop.dispose()
  }
}

/** What was done until then is worth knowing, also when it ended badly. */
function failedReceipt(
  receipt: Receipt,
  error: unknown,
  { flags, receiptFile }: Pick<Run, 'flags' | 'receiptFile'>,
): void {
  const code = error instanceof MaildrainError ? error.code : 'MAILDRAIN_INTERNAL'
  receiptFile?.write({ ...receipt, error: { code, message: describeError(error) } })
  if (receipt.sessions > 0) printReceipt(receipt, flags)
}

function printReceipt(receipt: Receipt, flags: DrainFlags): void {
  if (flags.json) process.stdout.write(`${JSON.stringify(receipt)}\n`)
  else if (!flags.quiet) process.stdout.write(`${formatReceipt(receipt)}\n`)
}

/** Writes each session's plan once. */
function explainer(writeLine: (line: string) => void): (progress: Progress) => void {
  let session = 0
  return ({ plan, sessions }) => {
    if (plan === null || sessions === session) return
    session = sessions
    writeLine(`session ${sessions}: ${plan}`)
  }
}

interface Observers {
  readonly log: Logger
  readonly progress: ProgressView
  /** A line of its own on stderr. */
  readonly writeLine: (line: string) => void
}

function observers(flags: DrainFlags): Observers {
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

/** The driver of the destination alone is loaded. */
async function openSink(address: DestinationAddress): Promise<Sink> {
  switch (address.kind) {
    case 'kafka': {
      const { kafka } = await import('../sinks/kafka/index.ts')
      return kafka({ brokers: address.brokers, topic: address.topic })
    }
    case 'sqlite': {
      const { sqlite } = await import('../sinks/sqlite/index.ts')
      return sqlite({ path: address.path })
    }
  }
}
