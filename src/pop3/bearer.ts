/**
 * OAuth access tokens: OAUTHBEARER (RFC 7628) and Google's and Microsoft's XOAUTH2. Always in two lines: Microsoft knows no
 * other form, and a token never fits into 255 octets.
 */
import { ConfigError, type MaildrainError, type OAuthRefusal, Pop3ReplyError } from '../errors.ts'
import type { Credentials } from './commands.ts'
import { remedy } from './replies.ts'
import { type SaslExchange, asksAgain, base64 } from './sasl.ts'

/** Answers to the challenge that explains a refusal; the -ERR follows. */
const CLOSING = { OAUTHBEARER: 'AQ==', XOAUTH2: '' } as const

export interface BearerOptions {
  /** `host:port`, for messages. */
  readonly server: string
  /** As the user typed it (RFC 7628 section 3.1). */
  readonly host: string
  readonly port: number
  readonly credentials: Credentials
  readonly clean: (text: string) => string
}

/** @throws ConfigError when the user cannot be carried */
export function bearer(name: 'OAUTHBEARER' | 'XOAUTH2', options: BearerOptions): SaslExchange {
  const { server, clean } = options
  if (options.credentials.user.includes('\u0001')) throw controlInUser()
  const response = base64(name === 'XOAUTH2' ? xoauth2(options) : oauthbearer(options))
  let stage: 'token' | 'explained' | 'over' = 'token'
  let refusal: OAuthRefusal | undefined
  return {
    name,
    respond(challenge) {
      if (stage === 'over') throw asksAgain(server, name)
      if (stage === 'token') {
        stage = 'explained'
        return response
      }
      stage = 'over'
      refusal = parseRefusal(challenge, clean)
      return CLOSING[name]
    },
    refused: (error) => tokenRefused(server, error, refusal),
  }
}

function xoauth2({ credentials: { user, secret } }: BearerOptions): string {
  return `user=${user}\u0001auth=Bearer ${secret}\u0001\u0001`
}

function oauthbearer({ host, port, credentials: { user, secret } }: BearerOptions): string {
  const name = user.replace(/=/g, '=3D').replace(/,/g, '=2C')
  return `n,a=${name},\u0001host=${host}\u0001port=${port}\u0001auth=Bearer ${secret}\u0001\u0001`
}

/** Fields of the error challenge; servers send JSON, broken JSON and other things. */
function parseRefusal(challenge: string, clean: (text: string) => string): OAuthRefusal {
  let fields: unknown
  try {
    fields = JSON.parse(Buffer.from(challenge, 'base64').toString('utf8'))
  } catch {
    fields = null
  }
  const field = (name: 'status' | 'scope'): string | null => {
    const value: unknown =
      typeof fields === 'object' && fields !== null
        ? (fields as Record<string, unknown>)[name]
        : null
    if (typeof value !== 'string' && typeof value !== 'number') return null
    // The cleaner reads one character a byte.
    return clean(Buffer.from(String(value), 'utf8').toString('latin1')) || null
  }
  return { status: field('status'), scope: field('scope') }
}

/**
 * A refusal that speaks about the token; what a response code calls something else stays that. After an explanation of OAuth
 * a missing [AUTH] does not make it a temporary failure.
 */
function tokenRefused(
  server: string,
  error: Pop3ReplyError,
  refusal: OAuthRefusal | undefined,
): MaildrainError {
  const explained =
    refusal !== undefined &&
    error.responseCode === null &&
    error.code === 'MAILDRAIN_POP3_SERVER_TEMPORARY'
  if (error.code !== 'MAILDRAIN_POP3_AUTH_REJECTED' && !explained) return error
  const { status = null, scope = null } = refusal ?? {}
  const said = [
    error.replyText === '' ? '' : `: "${error.replyText}"`,
    status === null ? '' : `, status "${status}"`,
    scope === null ? '' : `, scope "${scope}"`,
  ].join('')
  const code = 'MAILDRAIN_POP3_TOKEN_REJECTED'
  return new Pop3ReplyError(code, `${server} refused the access token${said}; ${remedy(code)}`, {
    ...{ command: error.command, replyText: error.replyText, responseCode: error.responseCode },
    oauth: refusal ?? null,
  })
}

const controlInUser = (): ConfigError =>
  new ConfigError('MAILDRAIN_POP3_ARGUMENT', 'the user holds a control character: correct it')
