/** The flags of every command about what it prints; `json` is described by the command. */
import { z } from 'zod'

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const

export const outputFlags = z.strictObject({
  json: z.boolean().default(false),
  quiet: z.boolean().default(false).describe('Print nothing but errors.'),
  logLevel: z
    .enum(LOG_LEVELS)
    .optional()
    .describe('Least level of log lines; warn on a terminal, else info.')
    .meta({ placeholder: 'LEVEL' }),
})

export type OutputFlags = z.output<typeof outputFlags>
