/** `maildrain restore`: mail from a destination into files, and a receipt. */
import { parseFlags } from '../config/flags.ts'
import { type RestoreFlags, restoreFlags } from '../config/restore-flags.ts'
import { parseDestinationUrl, parseFilesUrl } from '../config/urls.ts'
import { EXIT } from '../errors.ts'
import { ReceiptFile } from '../observe/receipt.ts'
import { formatRestore } from '../observe/restore-page.ts'
import { notWhole } from '../restore/receipt.ts'
import { type RestoreOptions, restore } from '../restore/restore.ts'
import { openSink } from './destination.ts'
import { observers } from './observers.ts'
import { reportError, reportUnlessStopped } from './report-error.ts'
import { watchSignals } from './stop.ts'
import { terminalWidth } from './terminal.ts'

/** @returns the exit code */
export async function restoreCommand(argv: readonly string[]): Promise<number> {
  const flags = parseFlags(restoreFlags, argv, 'maildrain restore')
  const to = parseFilesUrl(flags.to)
  const from = await openSink(parseDestinationUrl(flags.from, '--from'))
  const file = flags.receipt === undefined ? undefined : new ReceiptFile(flags.receipt)
  return run(flags, { of: flags.of, from, to }, file)
}

async function run(
  flags: RestoreFlags,
  options: Pick<RestoreOptions, 'of' | 'from' | 'to'>,
  file: ReceiptFile | undefined,
): Promise<number> {
  const { log, progress } = observers(flags)
  const stop = watchSignals()
  const debug = flags.logLevel === 'debug'
  try {
    const receipt = await restore({
      ...{ ...options, log, signal: stop.signal },
      ...(flags.stateDir === undefined ? {} : { stateDir: flags.stateDir }),
      onProgress: (update) => progress.update(update),
    })
    progress.stop()
    file?.write(receipt)
    if (flags.json) process.stdout.write(`${JSON.stringify(receipt)}\n`)
    else if (!flags.quiet) process.stdout.write(`${formatRestore(receipt, terminalWidth())}\n`)
    const wrong = notWhole(receipt)
    return wrong === null ? EXIT.drained : reportError(wrong, debug)
  } catch (error) {
    progress.stop()
    const stopped = 'run again, it goes on where it stopped (an mbox begins anew)'
    return reportUnlessStopped(error, stop, { debug, stopped })
  } finally {
    stop.dispose()
  }
}
