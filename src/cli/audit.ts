/** `maildrain audit`: a destination held against its ledger, or against a manifest. */
import { type AuditOptions, audit, auditAgainst } from '../audit/audit.ts'
import { type AuditReport, type ManifestReport, auditExitCode } from '../audit/report.ts'
import { type AuditFlags, auditFlags } from '../config/audit-flags.ts'
import { parseFlags } from '../config/flags.ts'
import { parseDestinationUrl } from '../config/urls.ts'
import { ConfigError, EXIT, MaildrainError } from '../errors.ts'
import { differences, formatAudit, formatManifestAudit } from '../observe/audit-page.ts'
import type { Sink } from '../sinks/sink.ts'
import { openSink } from './destination.ts'
import { observers } from './observers.ts'
import { reportError, reportUnlessStopped } from './report-error.ts'
import { watchSignals } from './stop.ts'
import { terminalWidth } from './terminal.ts'

/** @returns the exit code */
export async function auditCommand(argv: readonly string[]): Promise<number> {
  const flags = parseFlags(auditFlags, argv, 'maildrain audit')
  if (flags.manifest !== undefined && flags.against !== undefined)
    throw new ConfigError(
      'MAILDRAIN_CONFIG_INVALID',
      '--manifest and --against exclude each other: the one asks the ledger, the other does not',
    )
  return run(flags, await openSink(parseDestinationUrl(flags.at, '--at')))
}

async function run(flags: AuditFlags, at: Sink): Promise<number> {
  const { log, progress } = observers(flags)
  const stop = watchSignals()
  const debug = flags.logLevel === 'debug'
  try {
    const report = await look(flags, {
      ...{ of: flags.of, at, log, signal: stop.signal },
      ...(flags.stateDir === undefined ? {} : { stateDir: flags.stateDir }),
      onProgress: (update) => progress.update(update),
    })
    progress.stop()
    print(flags, report)
    return auditExitCode(report) === EXIT.drained ? EXIT.drained : reportError(wrong(report), debug)
  } catch (error) {
    progress.stop()
    return reportUnlessStopped(error, stop, { debug, stopped: 'nothing was changed' })
  } finally {
    stop.dispose()
  }
}

function look(
  { manifest, against }: AuditFlags,
  options: AuditOptions,
): Promise<AuditReport | ManifestReport> {
  if (against !== undefined) return auditAgainst({ ...options, manifest: against })
  return audit({ ...options, ...(manifest === undefined ? {} : { manifest }) })
}

function print({ json, quiet }: AuditFlags, report: AuditReport | ManifestReport): void {
  const width = terminalWidth()
  if (json) process.stdout.write(`${JSON.stringify(report)}\n`)
  else if (!quiet)
    process.stdout.write(
      `${'addsUp' in report ? formatAudit(report, width) : formatManifestAudit(report, width)}\n`,
    )
}

const wrong = (report: AuditReport | ManifestReport): MaildrainError =>
  new MaildrainError(
    'MAILDRAIN_DESTINATION_DIFFERS',
    `${report.destination} does not hold what ${'addsUp' in report ? 'its ledger' : 'the manifest'} says: ${differences(report)}; look at the report, and restore it from a backup`,
  )
