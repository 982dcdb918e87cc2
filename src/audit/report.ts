/** What an audit found, in numbers that add up when nothing was lost or doubled. */
import { EXIT } from '../errors.ts'
import type { Findings } from './findings.ts'

/**
 * `initial = delivered + filtered + deadLettered + kept + vanished + accepted`: the left side is what the ledger has counted since it
 * began; on the right, `delivered` is counted at the destination, by bytes, and the others are the ledger's entries.
 */
export interface Balance {
  /** Messages that ever had an entry, those that vanished before, and those that were accepted as missing. */
  readonly initial: number
  /** Messages at the destination of which a record gives its hash and key. */
  readonly delivered: number
  /** Left on the server by a filter. */
  readonly filtered: number
  readonly deadLettered: number
  /** Left on the server for any other reason. */
  readonly kept: number
  /** Removed by others before maildrain had them. */
  readonly vanished: number
  /** Entries of mail not delivered that the ledger has lost, and without which a run went on because it was told to. */
  readonly accepted: number
}

export interface AuditReport extends Balance {
  /** Mailbox id. */
  readonly mailbox: string
  readonly destination: string
  /** Wall clock, ISO 8601 in UTC. */
  readonly at: string
  /** Nothing is missing, altered, doubled or unledgered, and the balance holds. */
  readonly addsUp: boolean
  /** Records that were read. */
  readonly records: number
  /** Octets of raw mail that were read. */
  readonly bytes: number
  readonly entries: number
  /** Of the entries: messages that complete looks did not find on the server any more. */
  readonly gone: number
  /**
   * Delivered mail without an entry: forgotten a day and more after the message had gone, or lost, when a run went on without
   * it (`rebuildLedger`, `acceptMissing`).
   */
  readonly forgotten: number
  /** The ledger says delivered, and the destination has no record. */
  readonly missing: Findings
  /** Are the records without an entry exactly those of the delivered mail without one, by number and sum of keys? */
  readonly forgottenProven: boolean
  /** Delivered mail without an entry of which no record is left, at least: nobody knows its names, a manifest of before does. */
  readonly missingForgotten: number
  /** Further records of messages that are not there any more, at least. */
  readonly missingFurther: number
  /** Records whose bytes do not give their hash and key, or not the hash that the ledger has. */
  readonly altered: Findings
  /** Keys with more than one whole record. */
  readonly doubled: Findings
  /** At the destination, and not delivered by the ledger: another entry, or none and more of these than it has forgotten. */
  readonly unledgered: Findings
  readonly seconds: number
}

/** What became of the mail of a manifest. */
export interface ManifestReport {
  readonly mailbox: string
  readonly destination: string
  readonly at: string
  /** Wall clock of the manifest, and the destination that it speaks of. */
  readonly manifestAt: string
  readonly manifestDestination: string
  /** Messages that the manifest calls verified. */
  readonly messages: number
  /** Of these: still there, byte for byte. */
  readonly held: number
  readonly missing: Findings
  readonly altered: Findings
  readonly doubled: Findings
  /** Messages at the destination that the manifest does not know. */
  readonly added: number
  readonly records: number
  readonly bytes: number
  readonly seconds: number
}

/** Do the two sides agree? */
export const isBalanced = (balance: Balance): boolean =>
  balance.initial ===
  balance.delivered +
    balance.filtered +
    balance.deadLettered +
    balance.kept +
    balance.vanished +
    balance.accepted

/** 0 when everything adds up, else that of `MAILDRAIN_DESTINATION_DIFFERS`. */
export function auditExitCode(report: AuditReport | ManifestReport): number {
  const sound =
    'addsUp' in report
      ? report.addsUp
      : report.missing.count + report.altered.count + report.doubled.count === 0
  return sound ? EXIT.drained : EXIT.ledgerUnusable
}
