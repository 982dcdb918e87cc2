/** The mechanisms that send or hash a password in one step or two; SCRAM and bearer tokens have files of their own. */
import { createHash, createHmac } from 'node:crypto'
import { ConfigError, Pop3ProtocolError } from '../errors.ts'
import type { Credentials } from './commands.ts'
import { type SaslExchange, asksAgain, base64, decodeChallenge } from './sasl.ts'
import { saslprep } from './saslprep.ts'

/** SASL PLAIN (RFC 4616). The server prepares the strings, so they go as they are. */
export function plain(server: string, { user, secret }: Credentials): SaslExchange {
  const response = base64(`\0${user}\0${secret}`)
  let answered = false
  return {
    name: 'PLAIN',
    first: () => response,
    // Whatever the challenge says; and once more for servers that ask for what they have been given.
    respond() {
      if (answered) throw asksAgain(server, 'PLAIN')
      answered = true
      return response
    },
  }
}

/** LOGIN (draft-murchison-sasl-login): the prompts say nothing that can be relied on, their order does. */
export function login(server: string, { user, secret }: Credentials): SaslExchange {
  const responses = [base64(user), base64(secret)]
  return {
    name: 'LOGIN',
    respond() {
      const next = responses.shift()
      if (next === undefined) throw asksAgain(server, 'LOGIN')
      return next
    },
  }
}

/** CRAM-MD5 (RFC 2195): only where it was asked for, because whoever sees it can try passwords at his leisure. */
export function cramMd5(server: string, { user, secret }: Credentials): SaslExchange {
  let answered = false
  return {
    name: 'CRAM-MD5',
    respond(challenge) {
      if (answered) throw asksAgain(server, 'CRAM-MD5')
      answered = true
      const bytes = decodeChallenge(challenge)
      if (bytes === undefined || bytes.length === 0)
        throw new Pop3ProtocolError(
          'MAILDRAIN_POP3_PROTOCOL',
          `${server} sent no challenge for CRAM-MD5; look at the server log`,
        )
      return base64(`${user} ${createHmac('md5', secret).update(bytes).digest('hex')}`)
    },
  }
}

/**
 * The timestamp in a greeting that makes APOP possible (RFC 1939 section 7), or undefined. A msg-id in every particular:
 * other texts are how the password is recovered from a few logins (CVE-2007-1558).
 */
export function apopTimestamp(greeting: string): string | undefined {
  const atom = String.raw`[A-Za-z0-9!#$%&'*+\-/=?^_\`{|}~]+`
  const dots = String.raw`${atom}(?:\.${atom})*`
  const domain = String.raw`(?:${dots}|\[[\x21-\x5a\x5e-\x7e]*\])`
  const found = /<[^>]*>/.exec(greeting)?.[0]
  return found !== undefined && new RegExp(`^<${dots}@${domain}>$`).test(found) ? found : undefined
}

/** Digest of APOP in lower-case hexadecimal. @throws ConfigError when SASLprep forbids the password */
export function apopDigest(timestamp: string, password: string): string {
  return createHash('md5')
    .update(timestamp)
    .update(prepared('the password', password))
    .digest('hex')
}

/**
 * The text by SASLprep where it is more than ASCII, and checked in any case.
 * @throws ConfigError MAILDRAIN_POP3_ARGUMENT
 */
export function prepared(what: string, text: string): string {
  const result = saslprep(text)
  if (result.ok && result.text !== '') return result.text
  throw new ConfigError(
    'MAILDRAIN_POP3_ARGUMENT',
    `${what} ${result.ok ? 'is empty' : `holds ${result.why}`}, which SASLprep (RFC 4013) prohibits: correct it, or choose the mechanism PLAIN`,
  )
}
