/** The mailbox of a command: flags, files and environment to options of the source. */
import { readFileSync } from 'node:fs'
import type { SourceFlags } from '../config/source-flags.ts'
import { type SourceAddress, parseSourceUrl } from '../config/urls.ts'
import { ConfigError, describeError } from '../errors.ts'
import { parseProxy } from '../pop3/index.ts'
import { type Pop3SourceOptions, pop3 } from '../sources/pop3/index.ts'
import type { Source } from '../sources/source.ts'
import { readPassword } from './password.ts'
import { privateFile, secretFile, takeVariable } from './secrets.ts'
import { tokenOf } from './token.ts'

const CERTIFICATE = 'MAILDRAIN_CONFIG_CLIENT_CERTIFICATE'

/**
 * @param change what other flags make of the options
 * @throws as `sourceOptions`
 */
export async function openSource(
  flags: SourceFlags,
  change: Partial<Pop3SourceOptions> = {},
): Promise<Source> {
  return pop3({ ...(await sourceOptions(flags)), ...change })
}

/** @throws ConfigError for flags that are wrong or exclude each other, and secrets that cannot be had */
export async function sourceOptions(flags: SourceFlags): Promise<Pop3SourceOptions> {
  const address = parseSourceUrl(flags.from)
  const { user, host, port } = address
  const options: Omit<Pop3SourceOptions, 'auth'> = {
    ...{ host, tls: tlsOf(flags, address), allowCleartext: flags.insecure },
    ...{ quitDeletes: flags.quitDeletes, discover: flags.discover },
    ...{ onUidlReset: flags.onUidlReset, listing: flags.listing, compare: flags.compare },
    ...{ minTlsVersion: flags.tlsMin, utf8: flags.noUtf8 ? 'off' : 'auto' },
    ...(port === undefined ? {} : { port }),
    ...(flags.caFile === undefined ? {} : { ca: readPem('--ca-file', flags.caFile) }),
    ...clientCertificate(flags),
    ...(flags.tlsPin === undefined
      ? {}
      : { pins: flags.tlsPin.split(',').map((pin) => pin.trim()) }),
    ...(flags.proxy === undefined
      ? {}
      : { proxy: proxyAddress(flags.proxy, flags.proxyPasswordFile) }),
    ...(flags.mailboxId === undefined ? {} : { mailboxId: flags.mailboxId }),
    ...sessionBounds(flags),
    ...selectionOf(flags),
  }
  const token = tokenOf(flags)
  const secret =
    token === undefined
      ? { password: await readPassword(flags.passwordFile, `${user} at ${host}`) }
      : { token }
  // A command that is run for a token must not find the password.
  takeVariable('MAILDRAIN_PASSWORD')
  const mechanism = flags.auth === undefined ? {} : { mechanism: flags.auth }
  return { ...options, auth: { user, ...secret, ...mechanism } }
}

function sessionBounds({
  sessionMessages,
  sessionBytes,
  sessionSeconds,
}: SourceFlags): Pick<Pop3SourceOptions, 'sessionMessages' | 'sessionBytes' | 'sessionSeconds'> {
  return {
    ...(sessionMessages === undefined ? {} : { sessionMessages }),
    ...(sessionBytes === undefined ? {} : { sessionBytes }),
    ...(sessionSeconds === undefined ? {} : { sessionSeconds }),
  }
}

/** The source checks them: it names them as they are typed but for the hyphens. */
function selectionOf({
  newest,
  oldest,
  since,
  minBytes,
  maxBytes,
}: SourceFlags): Pick<Pop3SourceOptions, 'newest' | 'oldest' | 'since' | 'minBytes' | 'maxBytes'> {
  const given = Object.entries({ newest, oldest, since, minBytes, maxBytes })
  return Object.fromEntries(given.filter(([, value]) => value !== undefined))
}

function tlsOf(flags: SourceFlags, { tls, port }: SourceAddress): 'implicit' | 'stls' | 'none' {
  const refuse = (wrong: boolean, what: string) => {
    if (wrong) throw invalid(what)
  }
  const implicit = tls === 'implicit'
  refuse(
    flags.starttls && implicit,
    '--starttls belongs to pop3://, and pop3s:// has TLS from the first byte',
  )
  refuse(
    flags.insecure && (flags.starttls || implicit),
    '--insecure belongs to pop3:// without --starttls',
  )
  refuse(
    flags.discover && port !== undefined,
    '--discover finds the port, so --from goes without one',
  )
  refuse(
    flags.discover && !implicit && !flags.starttls,
    '--discover belongs to pop3s://, or to pop3:// with --starttls',
  )
  return flags.starttls ? 'stls' : tls
}

function clientCertificate(
  flags: SourceFlags,
): Pick<Pop3SourceOptions, 'cert' | 'key' | 'pfx' | 'passphrase'> {
  const { clientCert, clientKey, clientPfx, keyPassphraseFile } = flags
  const passphrase =
    keyPassphraseFile === undefined
      ? takeVariable('MAILDRAIN_KEY_PASSPHRASE')
      : secretFile(keyPassphraseFile, { what: 'passphrase file', code: CERTIFICATE })
  if ((clientCert === undefined) !== (clientKey === undefined))
    throw invalid('--client-cert and --client-key go together')
  if (clientPfx !== undefined && clientCert !== undefined)
    throw invalid('--client-pfx holds certificate and key, so it goes without --client-cert')
  const key = clientKey ?? clientPfx
  if (key === undefined) {
    if (keyPassphraseFile !== undefined)
      throw invalid('--key-passphrase-file goes with a client key')
    return {}
  }
  const secret = passphrase === undefined ? {} : { passphrase }
  const bytes = privateFile(key, {
    what: clientPfx === undefined ? '--client-key' : '--client-pfx',
    code: CERTIFICATE,
  })
  if (clientCert === undefined) return { pfx: bytes, ...secret }
  return { cert: readPem('--client-cert', clientCert), key: bytes, ...secret }
}

/** With the password, which has no place on the command line. */
function proxyAddress(address: string, passwordFile: string | undefined): string {
  const { kind, host, port, user, password = '' } = parseProxy(address)
  const fromEnvironment = takeVariable('MAILDRAIN_PROXY_PASSWORD')
  if (password !== '')
    throw new ConfigError(
      'MAILDRAIN_CONFIG_PASSWORD_IN_URL',
      '--proxy holds a password, which others could read; give it by --proxy-password-file or MAILDRAIN_PROXY_PASSWORD',
    )
  if (user === undefined) return address
  const given =
    passwordFile === undefined
      ? fromEnvironment
      : secretFile(passwordFile, { what: 'proxy password file', code: 'MAILDRAIN_CONFIG_PROXY' })
  if (given === undefined)
    throw new ConfigError(
      'MAILDRAIN_CONFIG_PROXY',
      'no password of the proxy was given; use --proxy-password-file or MAILDRAIN_PROXY_PASSWORD',
    )
  const place = host.includes(':') ? `[${host}]` : host
  return `${kind}://${encodeURIComponent(user)}:${encodeURIComponent(given)}@${place}:${port}`
}

function readPem(flag: string, file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw invalid(`${flag} ${file} cannot be read: ${describeError(error)}`)
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----'))
    throw invalid(`${flag} ${file} holds no certificate in PEM form`)
  return text
}

const invalid = (message: string): ConfigError =>
  new ConfigError('MAILDRAIN_CONFIG_INVALID', message)
