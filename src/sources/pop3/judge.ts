/** What a complete look says: of deletions in doubt, of what earlier runs left, of mail that others took (G7). */
import { LedgerError } from '../../errors.ts'
import type { Pop3Client } from '../../pop3/index.ts'
import type { Deletions } from './deletions.ts'
import type { Keeper } from './keeper.ts'
import type { Look } from './look.ts'
import type { WorkPlan } from './work.ts'

export interface JudgeOptions {
  /** In its reading phase. */
  readonly client: Pop3Client
  readonly look: Look
  readonly plan: WorkPlan
  readonly hasUidl: boolean
  readonly mailbox: string
  readonly deletions: Deletions
  readonly keeper: Keeper
  /** Is it still to be found out whether all unique-ids are new? */
  readonly checkReset: boolean
}

export interface Judgement {
  /** Unique-ids of messages that the server does not delete, and how many numbers each stands for. */
  readonly givenUp: ReadonlyMap<string, number>
  /** The look does not count yet: it is to be repeated after so long. */
  readonly lookAgainMs: number | undefined
  /** Messages were read that nobody answers for: the session must be closed without QUIT, and the look repeated. */
  readonly mustClose: boolean
}

/** Of a look that is not complete. */
export const NOTHING_JUDGED: Judgement = {
  givenUp: new Map(),
  lookAgainMs: undefined,
  mustClose: false,
}

/** @throws LedgerError MAILDRAIN_LEDGER_UIDL_RESET, before anything is written */
export async function judge(options: JudgeOptions): Promise<Judgement> {
  const { client, look, plan, hasUidl, mailbox, deletions, keeper, checkReset } = options
  const reset = checkReset ? await look.isReset(client) : 'no'
  if (reset === 'yes') throw uidlReset(mailbox)
  if (reset !== 'no') return { ...NOTHING_JUDGED, mustClose: true }
  const still = hasUidl ? await look.settle() : []
  const lookAgainMs = deletions.lookAgainAfter(still)
  if (lookAgainMs !== undefined) return { ...NOTHING_JUDGED, lookAgainMs }
  const givenUp = await deletions.settle(still)
  if (hasUidl) await keeper.vanish(({ item }) => plan.lists(item))
  return { ...NOTHING_JUDGED, givenUp }
}

const uidlReset = (mailbox: string): LedgerError =>
  new LedgerError(
    'MAILDRAIN_LEDGER_UIDL_RESET',
    `the server of ${mailbox} has given all mail new unique-ids: to maildrain it would be new mail, and be delivered once more; drain into another destination, or take it all for new mail by --on-uidl-reset continue`,
  )
