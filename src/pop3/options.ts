/** Options of the POP3 client, declared once: defaults, limits and what each is for. */
import { z } from 'zod'

const MiB = 1024 * 1024
/** Longest delay that a timer of Node.js takes. */
const MAX_TIMER_MS = 2 ** 31 - 1

const timeoutMs = (byDefault: number) => z.int().min(1).max(MAX_TIMER_MS).default(byDefault)

/** The account: user and password, sent by SASL PLAIN or USER/PASS. */
const auth = z.strictObject({
  user: z.string().min(1).describe('Name of the account.'),
  password: z.string().describe('Password of the account.').meta({ secret: true }),
})

export const pop3ClientOptions = z.strictObject({
  host: z.string().min(1).describe('Name or address of the POP3 server; IPv6 with or without [].'),
  port: z
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .describe('TCP port; 995 with implicit TLS, else 110, unless given.'),
  tls: z
    .enum(['implicit', 'stls', 'none'])
    .default('implicit')
    .describe('implicit: TLS from the first byte; stls: required after the greeting; none: clear.'),
  ca: z
    .union([z.string().min(1), z.custom<Buffer>((value) => Buffer.isBuffer(value))])
    .optional()
    .describe('PEM of the authorities to trust in place of the built-in list.'),
  servername: z
    .string()
    .min(1)
    .optional()
    .describe('Name that the certificate must carry; the host unless given.'),
  allowCleartext: z
    .boolean()
    .default(false)
    .describe('Let the password cross a network other than loopback in clear.'),
  auth: auth.describe('Credentials.'),
  capa: z
    .enum(['auto', 'off'])
    .default('auto')
    .describe('off: never ask for capabilities, for servers that hang on CAPA or break on it.'),
  pipelining: z
    .enum(['auto', 'off'])
    .default('auto')
    .describe('auto: several commands in flight where the server offers it after login.'),
  maxPipelineBytes: z
    .int()
    .min(1)
    .default(4 * MiB)
    .describe('Listed octets of the RETRs in flight; a single larger message goes alone.'),
  // mpop sends as many to all servers; with 64, 2,000 DELEs to a server 20 ms away take 0.6 s.
  maxPipelineCommands: z
    .int()
    .min(1)
    .max(1024)
    .default(100)
    .describe('Commands in flight at most.'),
  connectTimeoutMs: timeoutMs(30_000).describe('Milliseconds for the TCP connection.'),
  greetingTimeoutMs: timeoutMs(60_000).describe('Milliseconds for the greeting.'),
  tlsTimeoutMs: timeoutMs(30_000).describe('Milliseconds for the TLS handshake.'),
  capaTimeoutMs: timeoutMs(10_000).describe(
    'Milliseconds for CAPA before login; a server that hangs on it is asked without.',
  ),
  authTimeoutMs: timeoutMs(600_000).describe(
    'Milliseconds for a step of the login; some servers open the mailbox in it.',
  ),
  commandTimeoutMs: timeoutMs(600_000).describe(
    'Milliseconds for STAT, DELE, NOOP and the first line of a listing.',
  ),
  idleTimeoutMs: timeoutMs(60_000).describe(
    'Milliseconds without a byte in a reply of several lines, and before the first byte of RETR.',
  ),
  probeSilenceMs: timeoutMs(2000).describe(
    'Milliseconds without a byte after which an odd answer to LIST 1 or UIDL 1 counts as a single line.',
  ),
  quitTimeoutMs: timeoutMs(600_000).describe(
    'Milliseconds for QUIT; the server deletes during it (12 s measured for 20,000 messages).',
  ),
  minBytesPerSecond: z
    .int()
    .min(0)
    .default(16)
    .describe(
      'Bytes a second that a reply of several lines must bring, over any minute that this side listened; 0: any rate.',
    ),
  maxContentBytes: z
    .int()
    .min(1)
    .default(1024 * MiB)
    .describe('Bytes of one message above which the server is not believed and is disconnected.'),
  maxRefusalsInRow: z
    .int()
    .min(1)
    .default(15)
    .describe(
      'Refused commands in a row at most, a NOOP goes in between; Dovecot disconnects at the 21st.',
    ),
  maxLineBytes: z
    .int()
    .min(512)
    .default(8192)
    .describe('Bytes of a status or listing line above which the server is not believed.'),
  maxCapabilityLines: z.int().min(1).default(64).describe('Lines of a CAPA reply at most.'),
  maxMessages: z
    .int()
    .min(1)
    .max(2 ** 31 - 1)
    .default(10_000_000)
    .describe('Messages in a mailbox above which STAT is not believed.'),
})

export interface Pop3ClientOptions extends z.input<typeof pop3ClientOptions> {}
export type ResolvedPop3ClientOptions = z.output<typeof pop3ClientOptions>

/** Port by RFC 8314 section 7.3 (995) and RFC 1939 section 3 (110). */
export function defaultPort(tls: 'implicit' | 'stls' | 'none'): number {
  return tls === 'implicit' ? 995 : 110
}

/** The host as sockets want it: without the brackets of an IPv6 literal. */
export function bareHost(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
}

/** Does the host name this machine by itself (RFC 6761 section 6.3 for localhost)? */
export function isLoopback(host: string): boolean {
  const name = bareHost(host).toLowerCase().replace(/\.$/, '')
  if (name === 'localhost' || name.endsWith('.localhost')) return true
  if (name === '::1' || name === '0:0:0:0:0:0:0:1') return true
  return /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/.test(name)
}
