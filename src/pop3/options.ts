/** Options of the POP3 client, declared once: defaults, limits and what each is for. */
import { z } from 'zod'
import { ConfigError, ConnectionError } from '../errors.ts'
import { parseProxy } from './proxy.ts'
import type { TokenProvider } from './tokens.ts'

const MiB = 1024 * 1024
/** Base64 of 32 octets; curl writes `sha256//`. */
const PIN = /^(?:sha256\/{1,2})?[A-Za-z0-9+/]{43}=$/
/** Longest delay that a timer of Node.js takes. */
const MAX_TIMER_MS = 2 ** 31 - 1

const timeoutMs = (byDefault: number) => z.int().min(1).max(MAX_TIMER_MS).default(byDefault)

/** Ways to log in, in the order in which they are chosen; the last two only when they are asked for. */
export const MECHANISMS = [
  ...([
    'OAUTHBEARER',
    'XOAUTH2',
    'SCRAM-SHA-256',
    'SCRAM-SHA-1',
    'PLAIN',
    'LOGIN',
    'USER',
  ] as const),
  ...(['CRAM-MD5', 'APOP'] as const),
] as const
export type Mechanism = (typeof MECHANISMS)[number]

export const TLS_VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const
export type TlsVersion = (typeof TLS_VERSIONS)[number]

/** The account: a user with a password, or with an access token. */
const auth = z
  .strictObject({
    user: z.string().min(1).describe('Name of the account.'),
    password: z.string().optional().describe('Password of the account.').meta({ secret: true }),
    token: z
      .union([z.string().min(1), z.custom<TokenProvider>((value) => typeof value === 'function')])
      .optional()
      .describe('OAuth access token, or the function that gives one.')
      .meta({ secret: true }),
    mechanism: z
      .enum(MECHANISMS)
      .optional()
      .describe('How to log in; by default the best that the server offers.'),
  })
  .check((context) => {
    const { password, token } = context.value
    if ((password === undefined) !== (token === undefined)) return
    context.issues.push({
      ...{ code: 'custom', input: undefined, path: ['password'] },
      message: 'give either password or token',
    })
  })

const pemOrBytes = () =>
  z.union([z.string().min(1), z.custom<Buffer>((value) => Buffer.isBuffer(value))]).optional()

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
  ca: pemOrBytes().describe('PEM of the authorities to trust in place of the built-in list.'),
  cert: pemOrBytes().describe('PEM of the client certificate, with its chain.'),
  key: pemOrBytes().describe('PEM of the key of the client certificate.').meta({ secret: true }),
  pfx: z
    .custom<Buffer>((value) => Buffer.isBuffer(value))
    .optional()
    .describe('Client certificate and key as PKCS #12, in place of cert and key.')
    .meta({ secret: true }),
  passphrase: z.string().optional().describe('Passphrase of key or pfx.').meta({ secret: true }),
  pins: z
    .array(z.string().regex(PIN, 'a pin is sha256/ and 44 characters of base64'))
    .default([])
    .describe(
      'SHA-256 of the public key (SPKI) that the server must have, one of these, as sha256/BASE64; besides a valid certificate.',
    ),
  minTlsVersion: z
    .enum(TLS_VERSIONS)
    .default('TLSv1.2')
    .describe('Oldest version of TLS that is accepted; below TLSv1.2 others may read along.'),
  servername: z
    .string()
    .min(1)
    .optional()
    .describe('Name that the certificate must carry; the host unless given.'),
  allowCleartext: z
    .boolean()
    .default(false)
    .describe('Let the password cross a network other than loopback in clear.'),
  auth: auth.describe(
    'Credentials: { user, password } or { user, token }, and mechanism where the choice is not left to the client.',
  ),
  discover: z
    .boolean()
    .default(false)
    .describe('The host is a domain: ask for its POP3 servers by SRV records (RFC 6186).'),
  proxy: z
    .string()
    .min(1)
    .optional()
    .describe('Proxy to connect through: socks5://[USER:PASSWORD@]HOST[:PORT] or http://….')
    .meta({ secret: true }),
  utf8: z
    .enum(['auto', 'off'])
    .default('auto')
    .describe(
      'auto: UTF-8 mode (RFC 6856) where the server offers it; Courier gives other bytes without it.',
    ),
  capa: z
    .enum(['auto', 'off'])
    .default('auto')
    .describe('off: never ask for capabilities, for servers that hang on CAPA or break on it.'),
  maxScramIterations: z
    .int()
    .min(4096)
    .max(2 ** 31 - 1)
    .default(1_000_000)
    .describe('Iterations above which a server that logs in by SCRAM is refused.'),
  pipelining: z
    .enum(['auto', 'off'])
    .default('auto')
    .describe('auto: several commands in flight where the server offers it after login.'),
  maxPipelineBytes: z
    .int()
    .min(1)
    .default(4 * MiB)
    .describe('Listed octets of the RETRs in flight; a single larger message goes alone.'),
  // mpop sends as many to all servers.
  maxPipelineCommands: z
    .int()
    .min(1)
    .max(1024)
    .default(100)
    .describe('RETRs and TOPs in flight at most; of other commands as many as 4 KiB hold.'),
  connectTimeoutMs: timeoutMs(30_000).describe('Milliseconds for the TCP connection.'),
  greetingTimeoutMs: timeoutMs(60_000).describe('Milliseconds for the greeting.'),
  tlsTimeoutMs: timeoutMs(30_000).describe('Milliseconds for the TLS handshake.'),
  capaTimeoutMs: timeoutMs(10_000).describe(
    'Milliseconds for CAPA before login; a server that hangs on it is asked without.',
  ),
  tokenTimeoutMs: timeoutMs(60_000).describe('Milliseconds for the function that gives tokens.'),
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
  maxUidlBytes: z
    .int()
    .min(70)
    .default(1024)
    .describe(
      'Bytes of a unique-id above which it counts as none; RFC 1939 allows 70, more is seen.',
    ),
  maxSessionMs: timeoutMs(86_400_000).describe('Milliseconds from connecting to the end at most.'),
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

/**
 * What is refused before anything is sent: options that exclude each other, and a password that others would read (G14).
 * @throws ConfigError MAILDRAIN_CONFIG_INVALID or MAILDRAIN_CONFIG_PROXY, ConnectionError MAILDRAIN_POP3_CLEARTEXT
 */
export function checkOptions(options: ResolvedPop3ClientOptions): void {
  const { discover, port, tls, capa, auth, proxy } = options
  refuse(discover && port !== undefined, 'discover finds the port, so it goes without port')
  refuse(discover && tls === 'none', 'discover goes with TLS only')
  refuse(capa === 'off' && tls === 'stls', 'tls: stls needs CAPA, so capa cannot be off')
  const { mechanism, token } = auth
  const byToken = mechanism === 'OAUTHBEARER' || mechanism === 'XOAUTH2'
  refuse(
    mechanism !== undefined && byToken === (token === undefined),
    `auth.mechanism: ${mechanism ?? ''} goes with a ${byToken ? 'token' : 'password'}`,
  )
  checkCertificates(options)
  if (proxy !== undefined) parseProxy(proxy)
  refuseCleartext(options)
}

function checkCertificates({
  tls,
  cert,
  key,
  pfx,
  passphrase,
  pins,
}: ResolvedPop3ClientOptions): void {
  refuse((cert === undefined) !== (key === undefined), 'cert and key go together')
  refuse(pfx !== undefined && cert !== undefined, 'give either pfx or cert and key')
  const locked = key ?? pfx
  refuse(passphrase !== undefined && locked === undefined, 'passphrase belongs to key or pfx')
  const given = locked !== undefined || pins.length > 0
  refuse(tls === 'none' && given, 'certificates and pins go with TLS only')
}

function refuse(wrong: boolean, what: string): void {
  if (!wrong) return
  throw new ConfigError('MAILDRAIN_CONFIG_INVALID', `wrong options of the POP3 client: ${what}`)
}

/** Behind a proxy even `localhost` is another machine's. */
function refuseCleartext({ tls, host, proxy, allowCleartext }: ResolvedPop3ClientOptions): void {
  if (tls !== 'none' || allowCleartext || (isLoopback(host) && proxy === undefined)) return
  throw new ConnectionError(
    'MAILDRAIN_POP3_CLEARTEXT',
    `the credentials for ${host} would cross the network in clear; use pop3s://, --starttls, or, knowing the risk, --insecure`,
  )
}

/** What the caller allowed and should be told of each time. */
export function warningsOf({
  tls,
  host,
  proxy,
  minTlsVersion,
}: ResolvedPop3ClientOptions): string[] {
  const warnings: string[] = []
  if (tls === 'none' && (!isLoopback(host) || proxy !== undefined))
    warnings.push(`credentials and mail of ${host} cross the network in clear`)
  if (tls !== 'none' && minTlsVersion < 'TLSv1.2')
    warnings.push(
      `TLS older than 1.2 is allowed for ${host} (${minTlsVersion}): others may be able to read credentials and mail`,
    )
  return warnings
}
