/** `maildrain drain`: flags to options, one drain, a receipt. */
import { type DrainFlags, drainFlags } from '../config/drain-flags.ts'
import { parseFlags } from '../config/flags.ts'
import { parseDestinationUrl } from '../config/urls.ts'
import { formatReceipt } from '../observe/receipt.ts'
import { drain } from '../pipeline/drain.ts'
import { type Receipt, exitCodeOf } from '../pipeline/receipt.ts'
import type { Sink } from '../sinks/sink.ts'
import type { Source } from '../sources/source.ts'
import { deletionOf } from './deletion.ts'
import { openSink } from './destination.ts'
import { explainer } from './explainer.ts'
import { observers } from './observers.ts'
import { ReceiptOutput } from './receipt-output.ts'
import { reportError } from './report-error.ts'
import { openSource } from './source.ts'
import { announceGrace, watchSignals } from './stop.ts'

/** @returns the exit code */
export async function drainCommand(argv: readonly string[]): Promise<number> {
  const flags = parseFlags(drainFlags, argv, 'maildrain drain')
  const destination = parseDestinationUrl(flags.to)
  const output = new ReceiptOutput(flags, formatReceipt)
  const { deletion, source: left } = deletionOf(flags)
  const source = await openSource(flags, left)
  const sink = await openSink(destination)
  return run({ flags, deletion, source, sink, output })
}

interface Run {
  readonly flags: DrainFlags
  readonly deletion: 'keep' | 'delete'
  readonly source: Source
  readonly sink: Sink
  readonly output: ReceiptOutput<Receipt>
}

async function run({ flags, deletion, source, sink, output }: Run): Promise<number> {
  const { log, progress, writeLine } = observers(flags)
  const explain = flags.explain ? explainer(writeLine) : () => undefined
  const stop = watchSignals(announceGrace(log, flags.stopGraceSeconds))
  let last: Receipt | undefined
  try {
    const receipt = await drain({
      ...{ source, into: sink, deletion, log, signal: stop.signal },
      stopGraceMs: flags.stopGraceSeconds * 1000,
      ...{ rebuildLedger: flags.rebuildLedger, acceptMissing: flags.acceptMissing },
      ...(flags.stateDir === undefined ? {} : { stateDir: flags.stateDir }),
      onProgress: (update) => {
        progress.update(update)
        explain(update)
      },
      onReceipt: (written) => (last = written),
    })
    progress.stop()
    output.write(receipt)
    return exitCodeOf(receipt)
  } catch (error) {
    progress.stop()
    if (last !== undefined) output.writeFailed(last, error)
    const exitCode = reportError(error, flags.logLevel === 'debug')
    return stop.exitCode ?? exitCode
  } finally {
    stop.dispose()
  }
}
