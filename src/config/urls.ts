/**
 * Addresses of mailboxes and destinations, as people type them. A password has no place in one: an address ends up in
 * shell histories, process lists and logs (G14), so it is refused, and never shown.
 */
import { ConfigError } from '../errors.ts'

export interface SourceAddress {
  readonly tls: 'implicit' | 'none'
  readonly user: string
  readonly host: string
  /** Undefined: the standard one. */
  readonly port: number | undefined
}

export type DestinationAddress =
  | { readonly kind: 'kafka'; readonly brokers: string[]; readonly topic: string }
  | { readonly kind: 'sqlite'; readonly path: string }

/** Mail as files. */
export interface FilesAddress {
  readonly format: 'maildir' | 'mbox' | 'eml'
  readonly path: string
}

const SOURCE_FORMS = 'pop3s://USER@HOST[:PORT] or pop3://USER@HOST[:PORT]'
const DESTINATION_FORMS = 'kafka://HOST:PORT[,HOST:PORT…]/TOPIC or sqlite:PATH'
const FILES_FORMS = 'maildir:PATH, mbox:PATH or eml:PATH'
const KAFKA_PORT = 9092

/**
 * `pop3s://USER@HOST[:PORT]`, `pop3://USER@HOST[:PORT]`. USER may hold an @, as the last one separates, or %40.
 * @throws ConfigError MAILDRAIN_CONFIG_URL, MAILDRAIN_CONFIG_PASSWORD_IN_URL
 */
export function parseSourceUrl(text: string): SourceAddress {
  const match = /^(pop3s?):\/\/(?:(.*)@)?([^@/?#]*)\/?$/is.exec(text)
  if (!match) throw wrong('--from', SOURCE_FORMS, 'it has another form')
  const [, scheme = '', account = '', place = ''] = match
  refusePassword('--from', account)
  const user = decode('--from', account)
  if (user === '') throw wrong('--from', SOURCE_FORMS, 'it names no user')
  const { host, port } = hostAndPort('--from', SOURCE_FORMS, place)
  return { tls: scheme.toLowerCase() === 'pop3s' ? 'implicit' : 'none', user, host, port }
}

/**
 * `kafka://HOST:PORT[,HOST:PORT…]/TOPIC`, `sqlite:PATH`.
 * @param flag that gave it, for the error
 * @throws ConfigError MAILDRAIN_CONFIG_URL, MAILDRAIN_CONFIG_PASSWORD_IN_URL
 */
export function parseDestinationUrl(text: string, flag = '--to'): DestinationAddress {
  const [scheme] = text.split(':', 1)
  switch (scheme?.toLowerCase()) {
    case 'kafka':
      return kafkaAddress(flag, text)
    case 'sqlite':
      return { kind: 'sqlite', path: pathOf(flag, DESTINATION_FORMS, text) }
    default:
      throw wrong(flag, DESTINATION_FORMS, 'it begins with none of these')
  }
}

/**
 * `maildir:PATH`, `mbox:PATH`, `eml:PATH`.
 * @throws ConfigError MAILDRAIN_CONFIG_URL
 */
export function parseFilesUrl(text: string): FilesAddress {
  const [scheme] = text.split(':', 1)
  const format = scheme?.toLowerCase()
  if (format !== 'maildir' && format !== 'mbox' && format !== 'eml')
    throw wrong('--to', FILES_FORMS, 'it begins with none of these')
  return { format, path: pathOf('--to', FILES_FORMS, text) }
}

function kafkaAddress(flag: string, text: string): DestinationAddress {
  const match = /^kafka:\/\/(?:(.*)@)?([^@/?#]+)\/([^/?#]*)$/is.exec(text)
  if (!match) throw wrong(flag, DESTINATION_FORMS, 'it has another form')
  const [, account, places = '', topic = ''] = match
  if (account !== undefined) {
    refusePassword(flag, account)
    throw wrong(flag, DESTINATION_FORMS, 'a Kafka address has no user')
  }
  const brokers = places.split(',').map((place) => {
    const { host, port } = hostAndPort(flag, DESTINATION_FORMS, place)
    return `${host}:${port ?? KAFKA_PORT}`
  })
  if (!/^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,242}$/.test(topic))
    throw wrong(flag, DESTINATION_FORMS, 'a topic has letters, digits, dots, _ and - only')
  return { kind: 'kafka', brokers, topic }
}

/** Everything behind the colon is the path, whatever characters it has; `sqlite:///abs` is the same as `sqlite:/abs`. */
function pathOf(flag: string, forms: string, text: string): string {
  const path = text.slice(text.indexOf(':') + 1).replace(/^\/\/(?=\/)/, '')
  if (path === '') throw wrong(flag, forms, 'it names no file')
  return path
}

function hostAndPort(flag: string, forms: string, place: string) {
  const match = /^(\[[\da-f:.]+\]|[^:[\]\s]+)(?::(\d{1,5}))?$/i.exec(place)
  if (!match) throw wrong(flag, forms, 'host and port cannot be read')
  const port = match[2] === undefined ? undefined : Number(match[2])
  if (port !== undefined && (port < 1 || port > 65_535))
    throw wrong(flag, forms, 'a port is a number from 1 to 65535')
  return { host: match[1] ?? '', port }
}

function decode(flag: string, text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw wrong(flag, SOURCE_FORMS, 'a percent sign in it is not followed by two hex digits')
  }
}

/** A colon before the last @ is how passwords are written; in a user name it is %3A. */
function refusePassword(flag: string, account: string): void {
  if (!account.includes(':')) return
  throw new ConfigError(
    'MAILDRAIN_CONFIG_PASSWORD_IN_URL',
    `${flag} holds a password, which others could read; give it by --password-file or MAILDRAIN_PASSWORD, and write a colon in a user name as %3A`,
  )
}

const wrong = (flag: string, forms: string, why: string): ConfigError =>
  new ConfigError('MAILDRAIN_CONFIG_URL', `${flag} cannot be understood, ${why}; write ${forms}`)
