/** What a drain leaves on the server and what it deletes: the flags about it, and which of them exclude each other. */
import type { DrainFlags } from '../config/drain-flags.ts'
import { durationMs } from '../config/durations.ts'
import { ConfigError } from '../errors.ts'
import type { Pop3SourceOptions } from '../sources/pop3/index.ts'

export interface Deletion {
  readonly deletion: 'keep' | 'delete'
  readonly source: Pick<Pop3SourceOptions, 'deleteAfterMs' | 'retryKept' | 'acceptServerDisposal'>
}

type DeletionFlags = Pick<
  DrainFlags,
  'keep' | 'delete' | 'deleteAfter' | 'retryKept' | 'acceptServerDisposal'
>

/** @throws ConfigError MAILDRAIN_CONFIG_INVALID for flags that exclude each other */
export function deletionOf(flags: DeletionFlags): Deletion {
  const { keep, deleteAfter, retryKept, acceptServerDisposal } = flags
  const deletes = flags.delete || deleteAfter !== undefined
  refuse(keep && flags.delete, '--keep and --delete exclude each other')
  refuse(keep && deleteAfter !== undefined, '--keep and --delete-after exclude each other')
  refuse(flags.delete && deleteAfter !== undefined, 'give either --delete or --delete-after')
  refuse(
    acceptServerDisposal && deletes,
    '--accept-server-disposal is about mail that stays: it goes without --delete and --delete-after',
  )
  const deleteAfterMs = deleteAfter === undefined ? undefined : durationMs(deleteAfter)
  return {
    deletion: deletes ? 'delete' : 'keep',
    source: {
      ...{ retryKept, acceptServerDisposal },
      ...(deleteAfterMs === undefined ? {} : { deleteAfterMs }),
    },
  }
}

function refuse(wrong: boolean, what: string): void {
  if (wrong) throw new ConfigError('MAILDRAIN_CONFIG_INVALID', what)
}
