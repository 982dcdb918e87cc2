/** The flags of `maildrain drain`, declared once: parsing, help and reference are made of this table. */
import { z } from 'zod'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const

export const drainFlags = z.strictObject({
  from: z
    .string()
    .describe('Mailbox: pop3s://USER@HOST[:995] or pop3://USER@HOST[:110].')
    .meta({ placeholder: 'URL' }),
  to: z
    .string()
    .describe('Destination: kafka://HOST:PORT[,HOST:PORT…]/TOPIC or sqlite:PATH.')
    .meta({ placeholder: 'URL' }),
  delete: z
    .boolean()
    .default(false)
    .describe('Delete from the server what is durable at the destination. Without it mail stays.'),
  mailboxId: z
    .string()
    .min(1)
    .optional()
    .describe('Name of the mailbox in keys and ledger; user@host unless given.')
    .meta({ placeholder: 'ID' }),
  passwordFile: z
    .string()
    .min(1)
    .optional()
    .describe('File whose first line is the password, readable by its owner alone.')
    .meta({ placeholder: 'FILE' }),
  caFile: z
    .string()
    .min(1)
    .optional()
    .describe('PEM file of the authorities to trust in place of the built-in list.')
    .meta({ placeholder: 'FILE' }),
  starttls: z
    .boolean()
    .default(false)
    .describe('With pop3://: TLS after the greeting (STLS), and never without it.'),
  insecure: z
    .boolean()
    .default(false)
    .describe('With pop3://: let the password cross the network in clear.'),
  sessionMessages: z
    .int()
    .min(1)
    .optional()
    .describe('Messages read and deleted in one session at most; 5000 unless given.')
    .meta({ placeholder: 'N' }),
  quitDeletes: z
    .enum(['auto', 'yes', 'no'])
    .default('auto')
    .describe(
      'Does QUIT on this server remove what was only read? auto: yes unless the server says otherwise.',
    )
    .meta({ placeholder: 'WHEN' }),
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
  json: z.boolean().default(false).describe('Print the receipt as JSON.'),
  quiet: z.boolean().default(false).describe('Print nothing but errors.'),
  logLevel: z
    .enum(LOG_LEVELS)
    .optional()
    .describe('Least level of log lines; warn on a terminal, else info.')
    .meta({ placeholder: 'LEVEL' }),
})

export type DrainFlags = z.output<typeof drainFlags>
