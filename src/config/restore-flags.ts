/** The flags of `maildrain restore`. */
import { z } from 'zod'
import { drainFlags } from './drain-flags.ts'
import { outputFlags } from './output-flags.ts'

const { json, ...output } = outputFlags.shape

export const restoreFlags = z.strictObject({
  of: z
    .string()
    .min(1)
    .describe('Mailbox: USER@HOST or its --mailbox-id, as the receipt of the drain names it.')
    .meta({ placeholder: 'MAILBOX' }),
  from: drainFlags.shape.to
    .describe(
      'Destination of earlier drains: kafka://HOST:PORT[,HOST:PORT…]/TOPIC or sqlite:PATH; it is only read.',
    )
    .meta({ placeholder: 'URL' }),
  to: z
    .string()
    .describe('Where mail is written: maildir:PATH, mbox:PATH or eml:PATH, which is a directory.')
    .meta({ placeholder: 'URL' }),
  receipt: z
    .string()
    .min(1)
    .optional()
    .describe('File for the receipt as JSON.')
    .meta({ placeholder: 'FILE' }),
  stateDir: drainFlags.shape.stateDir
    .describe('Directory for scratch files; $XDG_STATE_HOME/maildrain unless given.')
    .meta({ placeholder: 'DIR' }),
  json: json.describe('Print the receipt as JSON.'),
  ...output,
})

export type RestoreFlags = z.output<typeof restoreFlags>
