/**
 * The guarantee, checked from outside: every record of a mailbox is read back from its destination, verified by its bytes,
 * and held against what the ledger says. Nothing is changed, no drainer is disturbed.
 */
import { mkdir } from 'node:fs/promises'
import { type Clock, systemClock } from '../clock.ts'
import { ConfigError, LedgerError, SinkError } from '../errors.ts'
import { type Ledger, allEntries, isDelivered } from '../ledger/ledger.ts'
import { type Logger, silentLogger } from '../logger.ts'
import type { LedgerView, PeekContext, Sink } from '../sinks/sink.ts'
import { defaultStateDir } from '../state-dir.ts'
import { compare, conspicuous } from './compare.ts'
import { FindingList } from './findings.ts'
import { FoundTable } from './found-table.ts'
import { ManifestFile, manifestLines, verifyManifest } from './manifest-file.ts'
import { type Expectation, type ReadingProgress, readInto, readerOf } from './reading.ts'
import type { AuditReport, ManifestReport } from './report.ts'
import { hasSeenNothing, unknownMailbox } from './unknown-mailbox.ts'

export interface AuditOptions {
  /** Mailbox id, as receipts show it: `user@host`, or what the mailbox was named. */
  readonly of: string
  /** The destination of earlier drains. It is read only. */
  readonly at: Sink
  readonly signal?: AbortSignal
  readonly log?: Logger
  readonly onProgress?: (progress: ReadingProgress) => void
  /** Directory for scratch files, about 250 octets a message; `$XDG_STATE_HOME/maildrain` unless given. */
  readonly stateDir?: string
  readonly clock?: Clock
}

/**
 * Reads a destination back and compares it with its ledger. A drain that writes meanwhile makes the comparison worthless,
 * and is noticed.
 * @param options.manifest file for a line a message and a last one with the totals; written also when something is wrong, and
 * never over one that is there
 * @returns the report also when it does not add up: see `auditExitCode`
 * @throws ConfigError when the destination cannot be read back or knows nothing of the mailbox, LedgerError when its ledger
 * is lost or damaged, SinkError when it cannot be read to its end or was written to meanwhile
 */
export async function audit(
  options: AuditOptions & { readonly manifest?: string },
): Promise<AuditReport> {
  const { of, at, onProgress, clock = systemClock, manifest } = options
  const readBack = readerOf(at)
  const context = await contextOf(options)
  const file = manifest === undefined ? undefined : new ManifestFile(manifest)
  const found = new FoundTable(context.stateDir)
  let view: LedgerView | null = null
  try {
    const started = clock.monotonic()
    view = await peek(at, context)
    const { ledger } = view
    const before = stateOf(ledger)
    const reading = await readInto(found, readBack(context), expectation(ledger), onProgress)
    if (reading.records === 0 && hasSeenNothing(ledger)) throw unknownMailbox(of, at.destination)
    const comparison = compare(ledger, found, (line) => file?.add(line))
    await assertUnchanged(at, context, before)
    const report: AuditReport = {
      ...{ mailbox: of, destination: at.destination, at: timeOf(clock) },
      ...{ ...comparison, records: reading.records, bytes: reading.bytes },
      seconds: secondsSince(clock, started),
    }
    await file?.finish({
      mailbox: of,
      destination: at.destination,
      at: report.at,
      totals: totalsOf(report),
    })
    return report
  } catch (error) {
    file?.abandon()
    throw error
  } finally {
    view?.close()
    found.close()
  }
}

/**
 * Reads a destination back and compares it with a manifest of an earlier audit, of this destination or another one. No ledger
 * is needed.
 * @param options.manifest file that `audit` has written
 * @throws ConfigError also for a file that is not a manifest of this mailbox as it was written
 */
export async function auditAgainst(
  options: AuditOptions & { readonly manifest: string },
): Promise<ManifestReport> {
  const { of, at, onProgress, clock = systemClock, manifest } = options
  const readBack = readerOf(at)
  const end = await verifyManifest(manifest)
  if (end.mailbox !== of)
    throw new ConfigError(
      'MAILDRAIN_CONFIG_INVALID',
      `${manifest} is a manifest of mailbox ${end.mailbox}, not of ${of}; name the one or the other`,
    )
  const context = await contextOf(options)
  const found = new FoundTable(context.stateDir)
  try {
    const started = clock.monotonic()
    const reading = await readInto(
      found,
      readBack(context),
      await expectationOf(manifest),
      onProgress,
    )
    const against = await compareManifest(manifest, found)
    return {
      ...{ mailbox: of, destination: at.destination, at: timeOf(clock) },
      ...{ manifestAt: end.at, manifestDestination: end.destination },
      ...{ ...against, ...conspicuous(found), records: reading.records, bytes: reading.bytes },
      seconds: secondsSince(clock, started),
    }
  } finally {
    found.close()
  }
}

async function compareManifest(
  path: string,
  found: FoundTable,
): Promise<Pick<ManifestReport, 'messages' | 'held' | 'missing' | 'added'>> {
  const missing = new FindingList()
  let [messages, held] = [0, 0]
  for await (const { key, uidl, found: was, position } of manifestLines(path)) {
    if (was !== 'verified') continue
    messages += 1
    const there = found.expect(key)
    if (there === undefined)
      missing.add({
        key,
        uidl,
        why: `the manifest says ${String(position)}, and no record has its key`,
      })
    else if (there.verified > 0) held += 1
  }
  return { messages, held, missing, added: found.unexpectedMessages }
}

async function contextOf({
  of,
  stateDir = defaultStateDir(),
  log = silentLogger,
  clock = systemClock,
  signal = new AbortController().signal,
}: AuditOptions): Promise<PeekContext> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  return { mailbox: of, stateDir, log, clock, signal }
}

async function peek(at: Sink, context: PeekContext): Promise<LedgerView> {
  const view = (await at.peek?.(context)) ?? null
  if (view !== null) return view
  throw new LedgerError(
    'MAILDRAIN_LEDGER_LOST',
    `${at.destination} has no ledger to hold it against; name the destination of a drain`,
  )
}

/** The mail of a drain that runs now would look as if nobody knew it. */
async function assertUnchanged(at: Sink, context: PeekContext, before: string): Promise<void> {
  const view = await peek(at, context)
  try {
    if (stateOf(view.ledger) === before) return
  } finally {
    view.close()
  }
  throw new SinkError(
    'MAILDRAIN_SINK_UNREACHABLE',
    `a drain has written to ${at.destination} while it was read; run again when no drain does`,
  )
}

const stateOf = ({ size, tally }: Ledger): string => JSON.stringify([size, tally ?? null])

function expectation(ledger: Ledger): Expectation {
  let [messages, bytes] = [0, 0]
  for (const entry of allEntries(ledger)) {
    if (!isDelivered(entry)) continue
    messages += 1
    bytes += entry.octets ?? entry.listedOctets
  }
  return { messages, bytes }
}

async function expectationOf(manifest: string): Promise<Expectation> {
  let [messages, bytes] = [0, 0]
  for await (const { found, octets } of manifestLines(manifest)) {
    if (found !== 'verified') continue
    messages += 1
    bytes += octets ?? 0
  }
  return { messages, bytes }
}

function totalsOf(report: AuditReport): Parameters<ManifestFile['finish']>[0]['totals'] {
  const { initial, delivered, filtered, deadLettered, kept, vanished, accepted } = report
  const { missing, missingForgotten, missingFurther, altered, doubled, unledgered } = report
  return {
    ...{ initial, delivered, filtered, deadLettered, kept, vanished, accepted },
    ...{ missing: missing.count + missingForgotten, missingFurther, altered: altered.count },
    ...{ doubled: doubled.count, unledgered: unledgered.count },
  }
}

const timeOf = (clock: Clock): string => new Date(clock.now()).toISOString()

const secondsSince = (clock: Clock, started: number): number => (clock.monotonic() - started) / 1000
