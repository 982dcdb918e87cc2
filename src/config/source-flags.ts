/** The flags of every command that opens a mailbox: where it is, how to log in, TLS, proxy, sessions. */
import { z } from 'zod'
import { MECHANISMS, TLS_VERSIONS } from '../pop3/index.ts'

export const sourceFlags = z.strictObject({
  from: z
    .string()
    .describe('Mailbox: pop3s://USER@HOST[:995] or pop3://USER@HOST[:110].')
    .meta({ placeholder: 'URL' }),
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
  auth: z
    .enum(MECHANISMS)
    .optional()
    .describe('How to log in; unless given, the best that the server offers.')
    .meta({ placeholder: 'MECHANISM' }),
  tokenFile: z
    .string()
    .min(1)
    .optional()
    .describe('File whose first line is an OAuth access token; read again at each login.')
    .meta({ placeholder: 'FILE' }),
  tokenCommand: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Shell command that prints an OAuth access token; MAILDRAIN_FORCE_REFRESH=1 when the last one was rejected.',
    )
    .meta({ placeholder: 'COMMAND' }),
  caFile: z
    .string()
    .min(1)
    .optional()
    .describe('PEM file of the authorities to trust in place of the built-in list.')
    .meta({ placeholder: 'FILE' }),
  clientCert: z
    .string()
    .min(1)
    .optional()
    .describe('PEM file of a client certificate, with its chain.')
    .meta({ placeholder: 'FILE' }),
  clientKey: z
    .string()
    .min(1)
    .optional()
    .describe('PEM file of its key, readable by its owner alone.')
    .meta({ placeholder: 'FILE' }),
  clientPfx: z
    .string()
    .min(1)
    .optional()
    .describe('PKCS #12 file of both, in place of the two flags above.')
    .meta({ placeholder: 'FILE' }),
  keyPassphraseFile: z
    .string()
    .min(1)
    .optional()
    .describe('File whose first line is the passphrase of the key.')
    .meta({ placeholder: 'FILE' }),
  tlsPin: z
    .string()
    .min(1)
    .optional()
    .describe('Public key that the server must have, sha256/BASE64; several with commas.')
    .meta({ placeholder: 'PINS' }),
  tlsMin: z
    .enum(TLS_VERSIONS)
    .default('TLSv1.2')
    .describe('Oldest version of TLS that is accepted.')
    .meta({ placeholder: 'VERSION' }),
  proxy: z
    .string()
    .min(1)
    .optional()
    .describe('Connect through socks5://[USER@]HOST[:1080] or http://[USER@]HOST[:8080].')
    .meta({ placeholder: 'URL' }),
  proxyPasswordFile: z
    .string()
    .min(1)
    .optional()
    .describe('File whose first line is the password of the proxy.')
    .meta({ placeholder: 'FILE' }),
  discover: z
    .boolean()
    .default(false)
    .describe('The host is a domain: ask for its POP3 servers by SRV records (RFC 6186).'),
  noUtf8: z
    .boolean()
    .default(false)
    .describe('Do not turn UTF-8 mode (RFC 6856) on where the server offers it.'),
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
    .describe('Messages read and deleted in one session at most; 100000 unless given.')
    .meta({ placeholder: 'N' }),
  sessionBytes: z
    .int()
    .min(1)
    .optional()
    .describe('Octets after which a session asks for no further mail; no bound unless given.')
    .meta({ placeholder: 'OCTETS' }),
  sessionSeconds: z
    .int()
    .min(1)
    .optional()
    .describe('Seconds of reading after which a session asks for no further mail.')
    .meta({ placeholder: 'SECONDS' }),
  newest: z
    .int()
    .min(1)
    .optional()
    .describe(
      'Only the N messages that arrived last, of those in the mailbox when the run begins; what it deletes is not made up for.',
    )
    .meta({ placeholder: 'N' }),
  oldest: z
    .int()
    .min(1)
    .optional()
    .describe('Only the N messages that arrived first, likewise.')
    .meta({ placeholder: 'N' }),
  since: z
    .string()
    .min(1)
    .optional()
    .describe('Only messages written since a day, 2026-01-31, or a moment, 2026-01-31T12:00Z.')
    .meta({ placeholder: 'DATE' }),
  minBytes: z
    .int()
    .min(1)
    .optional()
    .describe('Only messages of at least so many octets.')
    .meta({ placeholder: 'OCTETS' }),
  maxBytes: z
    .int()
    .min(1)
    .optional()
    .describe('Only messages of at most so many octets.')
    .meta({ placeholder: 'OCTETS' }),
  listing: z
    .enum(['auto', 'full'])
    .default('auto')
    .describe(
      'auto: LIST and UIDL by number where the server answers so; full: everything at once in each session.',
    )
    .meta({ placeholder: 'HOW' }),
  quitDeletes: z
    .enum(['auto', 'yes', 'no'])
    .default('auto')
    .describe(
      'Does QUIT on this server remove what was only read? auto: yes unless the server says otherwise.',
    )
    .meta({ placeholder: 'WHEN' }),
  compare: z
    .enum(['full', 'headers'])
    .default('full')
    .describe(
      'How mail of earlier runs is compared before it is deleted: by all its bytes, or by octets and header block.',
    )
    .meta({ placeholder: 'HOW' }),
  onUidlReset: z
    .enum(['stop', 'continue'])
    .default('stop')
    .describe('When the server has given all mail new unique-ids: stop, or take it all for new.')
    .meta({ placeholder: 'WHAT' }),
})

export type SourceFlags = z.output<typeof sourceFlags>
