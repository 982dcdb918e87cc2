/** The flags of `maildrain drain`, declared once: parsing, help and reference are made of this table. */
import { z } from 'zod'
import { DURATION } from './durations.ts'
import { outputFlags } from './output-flags.ts'
import { sourceFlags } from './source-flags.ts'

const { from, ...source } = sourceFlags.shape
const { json, ...output } = outputFlags.shape

export const drainFlags = z.strictObject({
  from,
  to: z
    .string()
    .describe('Destination: kafka://HOST:PORT[,HOST:PORT…]/TOPIC or sqlite:PATH.')
    .meta({ placeholder: 'URL' }),
  keep: z
    .boolean()
    .default(false)
    .describe('Leave all mail on the server, which is what happens without any of these flags.'),
  delete: z
    .boolean()
    .default(false)
    .describe('Delete from the server what is durable at the destination. Without it mail stays.'),
  deleteAfter: z
    .string()
    .regex(DURATION)
    .optional()
    .describe(
      'Delete what was delivered at least so long ago (90s, 45m, 12h, 30d, 2w); new mail is delivered and stays until a later run.',
    )
    .meta({ placeholder: 'DURATION' }),
  retryKept: z
    .boolean()
    .default(false)
    .describe('Try messages again that earlier runs have kept, whatever decided it.'),
  acceptServerDisposal: z
    .boolean()
    .default(false)
    .describe(
      'Without deletion: end sessions by QUIT also where it removes, archives or hides what was read.',
    ),
  ...source,
  explain: z
    .boolean()
    .default(false)
    .describe('Say of each session why it is planned as long as it is.'),
  rebuildLedger: z
    .boolean()
    .default(false)
    .describe(
      'Make a ledger that was lost, is damaged, or is an older copy anew from the mail that the destination holds.',
    ),
  acceptMissing: z
    .boolean()
    .default(false)
    .describe(
      'Go on where ledger and destination do not agree: what is not proven to be there is delivered again if the server has it.',
    ),
  receipt: z
    .string()
    .min(1)
    .optional()
    .describe('File for the receipt as JSON, also written when the drain fails.')
    .meta({ placeholder: 'FILE' }),
  stateDir: z
    .string()
    .min(1)
    .optional()
    .describe('Directory for locks and scratch files; $XDG_STATE_HOME/maildrain unless given.')
    .meta({ placeholder: 'DIR' }),
  stopGraceSeconds: z
    .int()
    .min(0)
    .max(3600)
    .default(10)
    .describe(
      'After SIGTERM or SIGINT: seconds in which what was read becomes durable and is deleted. A second signal ends at once.',
    )
    .meta({ placeholder: 'N' }),
  json: json.describe('Print the receipt as JSON.'),
  ...output,
})

export type DrainFlags = z.output<typeof drainFlags>
