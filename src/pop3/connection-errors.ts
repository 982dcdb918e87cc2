/** What failures of the network and of TLS mean to the one who has to do something about them. */
import { ConnectionError, type ErrorCode } from '../errors.ts'
import { remedy } from './replies.ts'

/** Codes of OpenSSL and Node.js for a certificate that is not acceptable, in words. */
const CERTIFICATE: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: 'is for another name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'is self-signed',
  CERT_HAS_EXPIRED: 'has expired',
  CERT_NOT_YET_VALID: 'is not valid yet',
  CERT_REVOKED: 'was revoked',
  SELF_SIGNED_CERT_IN_CHAIN: 'was issued by an unknown authority',
  UNABLE_TO_GET_ISSUER_CERT: 'was issued by an unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'was issued by an unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'was issued by an unknown authority',
  CERT_UNTRUSTED: 'was issued by an unknown authority',
  INVALID_CA: 'was issued by something that is no authority',
  INVALID_PURPOSE: 'is not made for servers',
  CERT_SIGNATURE_FAILURE: 'has a wrong signature',
  CERT_CHAIN_TOO_LONG: 'has too long a chain',
  PATH_LENGTH_EXCEEDED: 'has too long a chain',
  HOSTNAME_MISMATCH: 'is for another name',
  EE_KEY_TOO_SMALL: 'has too weak a key',
  CA_KEY_TOO_SMALL: 'has an authority with too weak a key',
  CA_MD_TOO_WEAK: 'is signed with too weak a digest',
}

/** Those that somebody has to do something else about. */
const KINDS: Readonly<Record<string, ErrorCode>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: 'MAILDRAIN_POP3_TLS_NAME',
  HOSTNAME_MISMATCH: 'MAILDRAIN_POP3_TLS_NAME',
  CERT_HAS_EXPIRED: 'MAILDRAIN_POP3_TLS_EXPIRED',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'MAILDRAIN_POP3_TLS_SELF_SIGNED',
  SELF_SIGNED_CERT_IN_CHAIN: 'MAILDRAIN_POP3_TLS_UNKNOWN_CA',
  UNABLE_TO_GET_ISSUER_CERT: 'MAILDRAIN_POP3_TLS_UNKNOWN_CA',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'MAILDRAIN_POP3_TLS_UNKNOWN_CA',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'MAILDRAIN_POP3_TLS_UNKNOWN_CA',
  CERT_UNTRUSTED: 'MAILDRAIN_POP3_TLS_UNKNOWN_CA',
}

/** The TLS versions have no overlap; spelled differently by the sides of the failure. */
const OLD_TLS = /UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|TLSV1_ALERT_PROTOCOL|NO_PROTOCOLS_AVAILABLE/
/** What servers say to a client certificate that is missing or not theirs. */
const CLIENT_CERTIFICATE =
  /ALERT_(?:CERTIFICATE_REQUIRED|BAD_CERTIFICATE|CERTIFICATE_EXPIRED|CERTIFICATE_REVOKED|CERTIFICATE_UNKNOWN|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|NO_CERTIFICATE)/
const NO_TLS = /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNKNOWN_PROTOCOL/

/** `code` of what Node.js threw, or an empty string. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : ''
}

/** A TCP connection that did not come about. */
export function unreachable(server: string, cause: unknown): ConnectionError {
  const code = codeOf(cause)
  const why =
    code === 'ENOTFOUND'
      ? 'the host is unknown; check the name'
      : code === 'EAI_AGAIN'
        ? 'the name service does not answer; check the network'
        : code === 'ECONNREFUSED'
          ? 'the connection was refused; check the port, and that the server runs'
          : code === 'ETIMEDOUT'
            ? 'the connection timed out; check host, port and firewall'
            : `${code === '' ? 'the connection failed' : code}; check host, port and network`
  return new ConnectionError('MAILDRAIN_POP3_UNREACHABLE', `no connection to ${server}: ${why}`, {
    cause,
  })
}

export function connectTimedOut(server: string, ms: number): ConnectionError {
  return new ConnectionError(
    'MAILDRAIN_POP3_UNREACHABLE',
    `no connection to ${server}: the connection timed out after ${ms} ms; check host, port and firewall`,
  )
}

export function tlsTimedOut(server: string, ms: number): ConnectionError {
  return new ConnectionError(
    'MAILDRAIN_POP3_TIMEOUT',
    `${server} did not finish the TLS handshake in ${ms} ms; check that the port speaks TLS (110 does so only after STLS)`,
  )
}

/** A handshake that failed: by the certificate, which somebody has to correct, or by something that may pass. */
export function tlsFailed(server: string, cause: unknown, minVersion: string): ConnectionError {
  const code = codeOf(cause)
  const verdict = CERTIFICATE[code]
  if (verdict !== undefined) {
    const names = code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? certificateNames(cause) : ''
    const kind = KINDS[code] ?? 'MAILDRAIN_POP3_TLS'
    return new ConnectionError(
      kind,
      `the certificate of ${server} ${verdict}${names}; nothing was sent; ${remedy(kind)}`,
      { cause },
    )
  }
  if (CLIENT_CERTIFICATE.test(code)) return clientCertificateRefused(server, cause)
  if (OLD_TLS.test(code))
    return new ConnectionError(
      'MAILDRAIN_POP3_TLS_VERSION',
      `the TLS handshake with ${server} failed: it offers no version of TLS that is allowed (${minVersion} or newer); ${remedy('MAILDRAIN_POP3_TLS_VERSION')}`,
      { cause },
    )
  const shown = code === '' ? 'the connection ended' : code
  const why = NO_TLS.test(code)
    ? 'the port does not speak TLS; check the port, or use --starttls'
    : code.endsWith('ALERT_HANDSHAKE_FAILURE')
      ? 'it found no common terms; it may want a client certificate (--client-cert), or ciphers that nobody has any more'
      : `${shown}; check that the port speaks TLS 1.2 or newer`
  return new ConnectionError(
    'MAILDRAIN_POP3_TLS_HANDSHAKE',
    `the TLS handshake with ${server} failed: ${why}`,
    { cause },
  )
}

/** The certificate is good, and its key is none that was pinned. */
export function pinMismatch(server: string, seen: string): ConnectionError {
  return new ConnectionError(
    'MAILDRAIN_POP3_TLS_PIN',
    `the key of ${server} (${seen}) is none of those that were pinned; nothing was sent; ${remedy('MAILDRAIN_POP3_TLS_PIN')}`,
  )
}

/** With TLS 1.3 the server judges the client certificate when the handshake is over: undefined when the cause is another. */
export function lateTlsAlert(server: string, cause: unknown): ConnectionError | undefined {
  return CLIENT_CERTIFICATE.test(codeOf(cause))
    ? clientCertificateRefused(server, cause)
    : undefined
}

const clientCertificateRefused = (server: string, cause: unknown): ConnectionError =>
  new ConnectionError(
    'MAILDRAIN_POP3_TLS_CLIENT_CERTIFICATE',
    `${server} does not let this client in (${codeOf(cause)}); ${remedy('MAILDRAIN_POP3_TLS_CLIENT_CERTIFICATE')}`,
    { cause },
  )

function certificateNames(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('cert' in error)) return ''
  const cert = error.cert as { subjectaltname?: unknown; subject?: { CN?: unknown } } | undefined
  const names = cert?.subjectaltname ?? cert?.subject?.CN
  return typeof names === 'string' ? ` (${names.replace(/[^\x20-\x7e]/g, '?').slice(0, 120)})` : ''
}

/** The caller's signal ended the attempt. */
export const stopped = (server: string, cause: unknown): ConnectionError =>
  new ConnectionError(
    'MAILDRAIN_POP3_DISCONNECTED',
    `the connection to ${server} was given up because the caller stopped; connect again when it is wanted`,
    { cause },
  )

/** A server may keep every deadline and still go on for ever. */
export const sessionTooLong = (server: string, ms: number): ConnectionError =>
  new ConnectionError(
    'MAILDRAIN_POP3_TIMEOUT',
    `the session with ${server} took more than ${ms} ms; maildrain reconnects by itself, or raise maxSessionMs`,
  )

export const closedHere = (server: string): ConnectionError =>
  new ConnectionError(
    'MAILDRAIN_POP3_DISCONNECTED',
    `the connection to ${server} was closed by this side; connect again`,
  )

/** @param verb of the command whose reply comes so slowly */
export const tooSlow = (
  server: string,
  verb: string | undefined,
  minBytesPerSecond: number,
): ConnectionError =>
  new ConnectionError(
    'MAILDRAIN_POP3_TIMEOUT',
    `${server} sent less than ${minBytesPerSecond} bytes a second of its reply to ${verb ?? 'nothing'}; maildrain reconnects by itself, on a line as slow as that lower minBytesPerSecond`,
  )
