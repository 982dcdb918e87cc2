/** `maildrain watch`: flags to options, polls until a signal comes, a receipt of all of them. */
import { type WatchFlags, watchFlags } from '../config/watch-flags.ts'
import { parseFlags } from '../config/flags.ts'
import { parseDestinationUrl } from '../config/urls.ts'
import { formatWatchReceipt } from '../observe/receipt.ts'
import { watch } from '../pipeline/watch.ts'
import type { WatchReceipt } from '../pipeline/watch-receipt.ts'
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
export async function watchCommand(argv: readonly string[]): Promise<number> {
  const flags = parseFlags(watchFlags, argv, 'maildrain watch')
  const destination = parseDestinationUrl(flags.to)
  const output = new ReceiptOutput(flags, formatWatchReceipt)
  const { deletion, source: left } = deletionOf(flags)
  const source = await openSource(flags, left)
  const sink = await openSink(destination)
  return run({ flags, deletion, source, sink, output })
}

interface Run {
  readonly flags: WatchFlags
  readonly deletion: 'keep' | 'delete'
  readonly source: Source
  readonly sink: Sink
  readonly output: ReceiptOutput<WatchReceipt>
}

async function run({ flags, deletion, source, sink, output }: Run): Promise<number> {
  const { log, progress, writeLine } = observers(flags)
  const explain = flags.explain ? explainer(writeLine) : () => undefined
  const stop = watchSignals(announceGrace(log, flags.stopGraceSeconds))
  const { pollSeconds, maxPollSeconds, stopGraceSeconds, stateDir } = flags
  const { rebuildLedger, acceptMissing } = flags
  let last: WatchReceipt | undefined
  try {
    const receipt = await watch({
      ...{ source, into: sink, log, signal: stop.signal, pollSeconds, maxPollSeconds },
      ...{ deletion, rebuildLedger, acceptMissing },
      stopGraceMs: stopGraceSeconds * 1000,
      ...(stateDir === undefined ? {} : { stateDir }),
      onProgress: (update) => {
        progress.update(update)
        explain(update)
      },
      onPoll: () => progress.stop(),
      onReceipt: (written) => (last = written),
    })
    output.write(receipt)
    return stop.exitCode ?? 0
  } catch (error) {
    progress.stop()
    if (last !== undefined) output.writeFailed(last, error)
    return reportError(error, flags.logLevel === 'debug')
  } finally {
    stop.dispose()
  }
}
