/** `maildrain plan`: a look at the mailbox and the ledger, a prediction, and perhaps a rehearsal. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, systemRandom } from '../clock.ts'
import { parseFlags } from '../config/flags.ts'
import { type PlanFlags, planFlags } from '../config/plan-flags.ts'
import { parseDestinationUrl } from '../config/urls.ts'
import { ConfigError, EXIT } from '../errors.ts'
import { type Logger, silentLogger } from '../logger.ts'
import { formatPlan } from '../observe/plan-page.ts'
import type { LedgerView, Sink } from '../sinks/sink.ts'
import { resolveSource } from '../sources/pop3/source.ts'
import { drainPlan } from '../sources/pop3/survey/drain-plan.ts'
import { type Survey, surveyMailbox } from '../sources/pop3/survey/survey.ts'
import { openSink } from './destination.ts'
import { observers } from './observers.ts'
import { rehearse } from './rehearsal/rehearse.ts'
import { formatRehearsal } from './rehearsal/rehearsal-page.ts'
import { reportUnlessStopped } from './report-error.ts'
import { sourceOptions } from './source.ts'
import { type Stop, watchSignals } from './stop.ts'
import { terminalWidth } from './terminal.ts'

/** @returns the exit code */
export async function planCommand(argv: readonly string[]): Promise<number> {
  const flags = parseFlags(planFlags, argv, 'maildrain plan')
  if (flags.rehearseMessages !== undefined && !flags.rehearse)
    throw new ConfigError('MAILDRAIN_CONFIG_INVALID', '--rehearse-messages goes with --rehearse')
  const sink = flags.to === undefined ? undefined : await openSink(parseDestinationUrl(flags.to))
  const { options, mailbox } = resolveSource(await sourceOptions(flags))
  const stop = watchSignals()
  const directory = scratchDirectory()
  try {
    await plan({ flags, sink, options, mailbox, stop, directory: directory.path })
    return EXIT.drained
  } catch (error) {
    const debug = flags.logLevel === 'debug'
    return reportUnlessStopped(error, stop, { debug, stopped: 'nothing was touched' })
  } finally {
    directory.remove()
    stop.dispose()
  }
}

interface Parts {
  readonly flags: PlanFlags
  readonly sink: Sink | undefined
  readonly options: ReturnType<typeof resolveSource>['options']
  readonly mailbox: string
  readonly stop: Stop
  /** For scratch files; removed afterwards. */
  readonly directory: string
}

async function plan(parts: Parts): Promise<void> {
  const { flags, sink, options, mailbox } = parts
  const { log, progress } = observers(flags)
  const survey = await lookAt(parts, log)
  const destination = sink?.destination ?? null
  const made = drainPlan(survey, { mailbox, destination, deletion: flags.delete, source: options })
  const width = terminalWidth()
  if (!flags.json) print(flags, formatPlan(made, width))
  const rehearsal = flags.rehearse
    ? await rehearse({
        ...{ survey, source: options, mailbox, progress, deletion: flags.delete },
        // What is said of made-up mail would pass for real.
        log: flags.logLevel === 'debug' ? log : silentLogger,
        ...{ messages: flags.rehearseMessages, maxMessageBytes: flags.maxMessageBytes },
        ...{ directory: parts.directory, signal: parts.stop.signal },
      })
    : undefined
  if (flags.json) print(flags, JSON.stringify({ ...made, rehearsal }))
  else if (rehearsal !== undefined) print(flags, `\n${formatRehearsal(rehearsal, width)}`)
}

async function lookAt(parts: Parts, log: Logger): Promise<Survey> {
  const { flags, sink, options, mailbox, stop, directory } = parts
  const { signal } = stop
  const surroundings = { clock: systemClock, log, signal }
  const view = await peek(sink, { ...surroundings, mailbox, stateDir: directory })
  try {
    return await surveyMailbox(options, {
      ...{ ...surroundings, random: systemRandom, maxMessageBytes: flags.maxMessageBytes },
      ledger: view?.ledger,
    })
  } finally {
    view?.close()
  }
}

async function peek(
  sink: Sink | undefined,
  context: Parameters<NonNullable<Sink['peek']>>[0],
): Promise<LedgerView | null> {
  if (sink === undefined) return null
  if (sink.peek !== undefined) return sink.peek(context)
  throw new ConfigError(
    'MAILDRAIN_CONFIG_INVALID',
    `the ledger of ${sink.destination} cannot be looked at without owning it; plan without --to`,
  )
}

/** Removed also when a second signal ends the process at once. */
function scratchDirectory(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'maildrain-plan-'))
  const remove = () => rmSync(path, { recursive: true, force: true })
  process.once('exit', remove)
  return { path, remove }
}

function print({ quiet }: PlanFlags, text: string): void {
  if (!quiet) process.stdout.write(`${text}\n`)
}
