/** What a restore did, in numbers that must add up. */
import type { Findings } from '../audit/findings.ts'
import { EXIT, LedgerError, MaildrainError } from '../errors.ts'
import { formatCount } from '../observe/units.ts'

export interface RestoreReceipt {
  /** Mailbox id. */
  readonly mailbox: string
  /** The destination that was read. */
  readonly from: string
  /** Where mail was written, `maildir:PATH`, `mbox:PATH` or `eml:PATH`. */
  readonly to: string
  /** Records read: `written + alreadyThere + repeated`, and what is `damaged` or `occupied`. */
  readonly records: number
  /** Messages written by this run, verified. */
  readonly written: number
  /** Messages that were there already with the same bytes. */
  readonly alreadyThere: number
  /** Further records of messages that were restored: the same key once more. */
  readonly repeated: number
  /** Records whose bytes do not give their hash and key; nothing of them was written. */
  readonly damaged: Findings
  /** Messages whose name another file has, which was left as it is. */
  readonly occupied: Findings
  /** Messages that the ledger calls delivered, and of which no record is whole; null where there is no ledger to ask. */
  readonly missing: Findings | null
  /** Delivered mail that the ledger has forgotten since, and that is not there any more, at least; null as before. */
  readonly missingForgotten: number | null
  /** Octets of raw mail written. */
  readonly bytes: number
  readonly seconds: number
}

/** 0 when every message was restored, else that of `notWhole`. */
export function restoreExitCode(receipt: RestoreReceipt): number {
  return notWhole(receipt)?.exitCode ?? EXIT.drained
}

/** Why nobody may say that everything was restored; null when it was. */
export function notWhole(receipt: RestoreReceipt): MaildrainError | null {
  const { damaged, occupied, missing, missingForgotten, from } = receipt
  const kinds: readonly (readonly [number, string])[] = [
    [damaged.count, 'damaged'],
    [occupied.count, 'whose names other files have'],
    [missing?.count ?? 0, 'missing'],
    [missingForgotten ?? 0, 'missing that the ledger has forgotten'],
  ]
  const counts = kinds.flatMap(([count, what]) =>
    count > 0 ? [`${formatCount(count)} ${what}`] : [],
  )
  if (counts.length > 0)
    return new MaildrainError(
      'MAILDRAIN_DESTINATION_DIFFERS',
      `not everything of ${from} was restored: ${counts.join(', ')}; all else was, see the receipt`,
    )
  if (missing !== null) return null
  return new LedgerError(
    'MAILDRAIN_LEDGER_LOST',
    `all that ${from} holds was restored, and nobody can tell whether that is all: its ledger cannot be read; compare with a manifest (maildrain audit --against), or restore the ledger`,
  )
}

/** Refuses a receipt whose numbers do not add up: that would be a record nobody answers for. */
export function assertRestored(receipt: RestoreReceipt): RestoreReceipt {
  const { records, written, alreadyThere, repeated, damaged, occupied } = receipt
  const sum = written + alreadyThere + repeated + damaged.count + occupied.count
  if (records === sum) return receipt
  throw new MaildrainError(
    'MAILDRAIN_INTERNAL',
    `the receipt does not add up: ${records} records read, ${sum} answered for; what was written is whole`,
  )
}
