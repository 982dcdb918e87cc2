/** The flags of `maildrain audit`. */
import { z } from 'zod'
import { outputFlags } from './output-flags.ts'
import { restoreFlags } from './restore-flags.ts'

const { json, ...output } = outputFlags.shape

export const auditFlags = z.strictObject({
  of: restoreFlags.shape.of,
  at: restoreFlags.shape.from,
  manifest: z
    .string()
    .min(1)
    .optional()
    .describe('File for a JSON line a message and a last one with totals and SHA-256, to be kept.')
    .meta({ placeholder: 'FILE' }),
  against: z
    .string()
    .min(1)
    .optional()
    .describe('Compare with this manifest of an earlier audit; the ledger is not asked.')
    .meta({ placeholder: 'FILE' }),
  stateDir: restoreFlags.shape.stateDir,
  json: json.describe('Print the report as JSON.'),
  ...output,
})

export type AuditFlags = z.output<typeof auditFlags>
