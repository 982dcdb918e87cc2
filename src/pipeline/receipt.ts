/**
 * What a drain did, in numbers that must add up.
 */
import { EXIT, MaildrainError } from '../errors.ts'

/** All counts are messages but `deleted`, `verifiedGone`, `undeletable`, `remaining`, `unselected`, `waiting` and `copies`, which are message-numbers. */
export interface Receipt {
  readonly mailbox: string
  readonly destination: string
  /** Identities listed in this run, each counted once. */
  readonly seen: number
  /** Written by this run, durable. */
  readonly delivered: number
  /** Durable at the destination since an earlier run. */
  readonly alreadyDelivered: number
  /** Left on the server because a transform answered with nothing. */
  readonly filtered: number
  /** Set aside durably. */
  readonly deadLettered: number
  /** Left on the server for any other reason. */
  readonly kept: number
  /** Removed by others before maildrain had them. */
  readonly vanished: number
  /** Further numbers with equal bytes under the same unique-id; outside the sum. */
  readonly copies: number
  /** Numbers whose DELE the server accepted in a session that went to QUIT. */
  readonly deleted: number
  /** Of `deleted`: absent from a later complete look. */
  readonly verifiedGone: number
  /** Numbers that the server refuses to delete, or still shows after three answered sessions. */
  readonly undeletable: number
  /** Numbers that the last complete look still showed. */
  readonly remaining: number
  /** Of `remaining`: not asked for, so neither read nor seen; outside the sum. */
  readonly unselected: number
  /** Of `remaining`: delivered, and deleted by a later run when their time has come. */
  readonly waiting: number
  /** Raw octets delivered by this run. */
  readonly bytes: number
  readonly sessions: number
  /** Octets that came in replies to LIST and UIDL, whole or by number, status lines included. */
  readonly listingBytes: number
  /** From connecting to the answer of STAT, summed over sessions. */
  readonly openSeconds: number
  /** From the first DELE to the reply to QUIT, summed over sessions. */
  readonly quitSeconds: number
  /** Of the whole run. */
  readonly seconds: number
  /** What the destination's acknowledgement means. */
  readonly durability: string
}

/** Refuses a receipt whose numbers do not add up: that would be a message nobody answers for. */
export function assertIdentity(receipt: Receipt): void {
  const { seen, delivered, alreadyDelivered, filtered, deadLettered, kept, vanished } = receipt
  const sum = delivered + alreadyDelivered + filtered + deadLettered + kept + vanished
  if (seen !== sum)
    throw new MaildrainError(
      'MAILDRAIN_INTERNAL',
      `the receipt does not add up: seen ${seen}, answered for ${sum}; nothing was deleted on its account`,
    )
}

/** The exit code of a drain that came to its end: deletions that no look has confirmed, or that the server refuses, are messages kept, too. */
export function exitCodeOf(receipt: Receipt): number {
  const { kept, deadLettered, deleted, verifiedGone, undeletable } = receipt
  const unproven = deleted !== verifiedGone || undeletable > 0
  return kept > 0 || deadLettered > 0 || unproven ? EXIT.messagesKept : EXIT.drained
}

export type Phase = 'connecting' | 'listing' | 'reading' | 'deleting' | 'verifying'

/** A look at a running drain, for progress bars and log lines. */
export interface Progress {
  readonly phase: Phase
  /** Messages that this run has to deal with, as far as known; grows when new mail is found. */
  readonly messagesTotal: number
  /** Messages dealt with. */
  readonly messagesDone: number
  /** Octets of the messages in `messagesTotal`, by STAT; null before it is known. */
  readonly bytesTotal: number | null
  /** Octets of the messages dealt with. */
  readonly bytesDone: number
  readonly deleted: number
  readonly sessions: number
  /** Why the session is planned as long as it is, in one sentence; null before it is planned. */
  readonly plan: string | null
}
