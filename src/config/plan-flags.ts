/** The flags of `maildrain plan`. */
import { z } from 'zod'
import { drainTuning } from '../pipeline/options.ts'
import { drainFlags } from './drain-flags.ts'
import { outputFlags } from './output-flags.ts'
import { sourceFlags } from './source-flags.ts'

const { from, ...source } = sourceFlags.shape
const { json, ...output } = outputFlags.shape

export const planFlags = z.strictObject({
  from,
  to: drainFlags.shape.to
    .optional()
    .describe('Destination of the drain, to tell what it knows already; it is only looked at.')
    .meta({ placeholder: 'URL' }),
  delete: z.boolean().default(false).describe('Plan a drain that deletes. Nothing is deleted now.'),
  rehearse: z
    .boolean()
    .default(false)
    .describe('Then drain a mailbox like this one, made up on this machine, and take the time.'),
  rehearseMessages: z
    .int()
    .min(1)
    .optional()
    .describe('Messages of the rehearsal at most: every k-th is taken, and the time scaled.')
    .meta({ placeholder: 'N' }),
  maxMessageBytes: drainTuning.shape.maxMessageBytes
    .describe('Octets above which a message is left on the server; a drain has the default.')
    .meta({ placeholder: 'N' }),
  ...source,
  json: json.describe('Print the plan as JSON.'),
  ...output,
})

export type PlanFlags = z.output<typeof planFlags>
