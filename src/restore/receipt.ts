/** What a restore did, in numbers that must add up. */
import type { Findings } from '../audit/findings.ts'
import { EXIT, MaildrainError } from '../errors.ts'

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
  /** Octets of raw mail written. */
  readonly bytes: number
  readonly seconds: number
}

/** 0 when every message was restored, else that of `MAILDRAIN_DESTINATION_DIFFERS`. */
export function restoreExitCode(receipt: RestoreReceipt): number {
  const { damaged, occupied, missing } = receipt
  const wrong = damaged.count + occupied.count + (missing?.count ?? 0)
  return wrong > 0 ? EXIT.ledgerUnusable : EXIT.drained
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
