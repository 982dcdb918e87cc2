/** What a watch did over all its polls. */
import type { Receipt } from './receipt.ts'

/**
 * Sums over the polls, where what is counted happens once; what stays in the mailbox is counted by each poll anew, so there
 * the numbers are those of the last poll that came to its end.
 */
export interface WatchReceipt {
  readonly mailbox: string
  readonly destination: string
  /** Polls that came to their end. */
  readonly polls: number
  /** Polls that did not, and were tried again. */
  readonly failedPolls: number
  readonly delivered: number
  readonly vanished: number
  readonly copies: number
  readonly deleted: number
  /** Of `deleted`: seen to be gone by the poll that deleted it. */
  readonly verifiedGone: number
  readonly filtered: number
  readonly deadLettered: number
  readonly kept: number
  readonly undeletable: number
  readonly remaining: number
  /** Raw octets delivered. */
  readonly bytes: number
  readonly sessions: number
  readonly seconds: number
  readonly durability: string
}

const SUMMED = [
  ...['delivered', 'vanished', 'copies', 'deleted', 'verifiedGone', 'bytes', 'sessions'],
] as const
const LAST = ['filtered', 'deadLettered', 'kept', 'undeletable', 'remaining'] as const

export function addPoll(
  sum: WatchReceipt,
  poll: Receipt,
  outcome: 'finished' | 'failed' | 'stopped',
): WatchReceipt {
  const added = Object.fromEntries(SUMMED.map((name) => [name, sum[name] + poll[name]]))
  const left = Object.fromEntries(LAST.map((name) => [name, poll[name]]))
  return {
    ...sum,
    ...added,
    ...(outcome === 'finished' ? left : {}),
    polls: sum.polls + (outcome === 'finished' ? 1 : 0),
    failedPolls: sum.failedPolls + (outcome === 'failed' ? 1 : 0),
    durability: poll.durability,
  }
}
