/** The flags of `maildrain drain`, declared once: parsing, help and reference are made of this table. */
import { z } from 'zod'
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
  delete: z
    .boolean()
    .default(false)
    .describe('Delete from the server what is durable at the destination. Without it mail stays.'),
  ...source,
  explain: z
    .boolean()
    .default(false)
    .describe('Say of each session why it is planned as long as it is.'),
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
