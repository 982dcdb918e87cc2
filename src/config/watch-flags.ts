/** The flags of `maildrain watch`: those of a drain, and how often it looks. */
import { z } from 'zod'
import { drainFlags } from './drain-flags.ts'

/** `newest` and `oldest` count the mailbox as a run finds it: poll after poll that would be other mail each time. */
const polled = drainFlags.omit({ newest: true, oldest: true })
const { from, to, delete: deletes, ...others } = polled.shape

/** A poll a day at least. */
const DAY_SECONDS = 24 * 60 * 60

export const watchFlags = z.strictObject({
  ...{ from, to, delete: deletes },
  pollSeconds: z
    .int()
    .min(1)
    .max(DAY_SECONDS)
    .default(60)
    .describe('Seconds between polls while mail comes; a tenth more or less by chance.')
    .meta({ placeholder: 'N' }),
  maxPollSeconds: z
    .int()
    .min(1)
    .max(DAY_SECONDS)
    .default(900)
    .describe('Seconds between polls at most: while nothing comes each pause is twice the last.')
    .meta({ placeholder: 'N' }),
  ...others,
})

export type WatchFlags = z.output<typeof watchFlags>
