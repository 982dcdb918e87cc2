/**
 * The server's side of SASL (RFC 5034) and what it is checked with. Accounts hold bytes as latin1 text, one character each,
 * as command lines do.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

/** SASL mechanisms that the server knows. */
export type ServerMechanism =
  'PLAIN' | 'LOGIN' | 'CRAM-MD5' | 'SCRAM-SHA-1' | 'SCRAM-SHA-256' | 'XOAUTH2' | 'OAUTHBEARER'

export interface ServerAccount {
  readonly user: string
  readonly password: string
  readonly acceptsToken: (token: string) => boolean
}

/** What the exchange comes to; `error` is for responses that cannot be read. */
export type ServerStep =
  | { readonly kind: 'challenge'; readonly text: string }
  | { readonly kind: 'verdict'; readonly known: boolean }
  | { readonly kind: 'error'; readonly text: string }

/** Takes a decoded response and answers. */
export type ServerExchange = (response: string) => ServerStep

const ITERATIONS = 4096

const challenge = (text: string): ServerStep => ({
  kind: 'challenge',
  text: Buffer.from(text, 'latin1').toString('base64'),
})
const verdict = (known: boolean): ServerStep => ({ kind: 'verdict', known })
const malformed = (mechanism: string): ServerStep => ({
  kind: 'error',
  text: `Malformed ${mechanism} response.`,
})

/** Begins an exchange; `first` is what goes with the `+` of a mechanism in which the server speaks first. */
export function beginSasl(
  mechanism: ServerMechanism,
  account: ServerAccount,
): { readonly first: string | null; readonly exchange: ServerExchange } {
  switch (mechanism) {
    case 'PLAIN':
      return { first: null, exchange: (response) => checkPlain(response, account) }
    case 'LOGIN':
      return { first: 'VXNlcm5hbWU6', exchange: loginExchange(account) }
    case 'CRAM-MD5': {
      const text = `<${randomBytes(8).toString('hex')}@server.example>`
      const first = Buffer.from(text).toString('base64')
      return { first, exchange: (response) => checkCram(response, text, account) }
    }
    case 'SCRAM-SHA-1':
      return { first: null, exchange: scramExchange('sha1', account) }
    case 'SCRAM-SHA-256':
      return { first: null, exchange: scramExchange('sha256', account) }
    case 'XOAUTH2':
    case 'OAUTHBEARER':
      return { first: null, exchange: bearerExchange(mechanism, account) }
  }
}

/** RFC 4616: authzid, NUL, authcid, NUL, password. */
function checkPlain(response: string, { user, password }: ServerAccount): ServerStep {
  const [, name, secret, ...more] = response.split('\0')
  if (name === undefined || secret === undefined || more.length > 0) return malformed('PLAIN')
  return verdict(name === user && secret === password)
}

function loginExchange({ user, password }: ServerAccount): ServerExchange {
  let name: string | undefined
  return (response) => {
    if (name !== undefined) return verdict(name === user && response === password)
    name = response
    return challenge('Password:')
  }
}

function checkCram(response: string, text: string, { user, password }: ServerAccount): ServerStep {
  const key = Buffer.from(password, 'latin1')
  return verdict(response === `${user} ${createHmac('md5', key).update(text).digest('hex')}`)
}

type Digest = 'sha1' | 'sha256'

/** RFC 5802, as far as a test needs it: no channel binding, a salt of its own each time. */
function scramExchange(digest: Digest, account: ServerAccount): ServerExchange {
  const scram = new ServerScram(digest, account)
  return (response) => scram.step(response)
}

class ServerScram {
  readonly #digest: Digest
  readonly #account: ServerAccount
  readonly #salt = randomBytes(16)
  #stage: 'first' | 'final' | 'done' = 'first'
  #clientFirst = ''
  #serverFirst = ''
  #nonce = ''
  #nameIsRight = false

  constructor(digest: Digest, account: ServerAccount) {
    this.#digest = digest
    this.#account = account
  }

  step(response: string): ServerStep {
    if (this.#stage === 'first') return this.#first(response)
    if (this.#stage === 'final') return this.#final(response)
    return verdict(response === '')
  }

  #first(response: string): ServerStep {
    const match = /^[ny],[^,]*,(n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+))$/.exec(response)
    if (match === null) return malformed('SCRAM')
    const [, bare = '', name = '', nonce = ''] = match
    this.#clientFirst = bare
    this.#nameIsRight = unescaped(name) === this.#account.user
    this.#nonce = nonce + randomBytes(12).toString('base64')
    this.#serverFirst = `r=${this.#nonce},s=${this.#salt.toString('base64')},i=${ITERATIONS}`
    this.#stage = 'final'
    return challenge(this.#serverFirst)
  }

  #final(response: string): ServerStep {
    const [, withoutProof = '', proof = ''] = /^(c=biws,r=[^,]+),p=(.+)$/.exec(response) ?? []
    if (withoutProof !== `c=biws,r=${this.#nonce}`) return malformed('SCRAM')
    const digest = this.#digest
    const bytes = Buffer.from(this.#account.password, 'latin1')
    const octets = digest === 'sha1' ? 20 : 32
    const salted = pbkdf2Sync(bytes, this.#salt, ITERATIONS, octets, digest)
    const mac = (key: Buffer, text: string) =>
      createHmac(digest, key).update(text, 'latin1').digest()
    const hash = (key: Buffer) => createHash(digest).update(key).digest()
    const stored = hash(mac(salted, 'Client Key'))
    const authMessage = `${this.#clientFirst},${this.#serverFirst},${withoutProof}`
    const signature = mac(stored, authMessage)
    const key = Buffer.from(proof, 'base64').map((byte, at) => byte ^ (signature[at] ?? 0))
    if (!this.#nameIsRight || !hash(Buffer.from(key)).equals(stored)) return verdict(false)
    this.#stage = 'done'
    return challenge(`v=${mac(mac(salted, 'Server Key'), authMessage).toString('base64')}`)
  }
}

const unescaped = (name: string): string => name.replaceAll('=2C', ',').replaceAll('=3D', '=')

/** Refusals come with an explanation that has to be answered (RFC 7628 section 3.2.3). */
function bearerExchange(name: 'XOAUTH2' | 'OAUTHBEARER', account: ServerAccount): ServerExchange {
  const shape =
    name === 'XOAUTH2'
      ? /^user=([^\x01]*)\x01auth=Bearer ([^\x01]*)\x01\x01$/
      : /^n,a=([^,]*),\x01host=[^\x01]+\x01port=\d+\x01auth=Bearer ([^\x01]*)\x01\x01$/
  let explained = false
  return (response) => {
    if (explained) {
      const answer = name === 'XOAUTH2' ? '' : '\u0001'
      return response === answer ? verdict(false) : malformed(name)
    }
    const [, user = '', token] = shape.exec(response) ?? []
    if (token === undefined) return malformed(name)
    const plainUser = name === 'XOAUTH2' ? user : unescaped(user)
    if (plainUser === account.user && account.acceptsToken(token)) return verdict(true)
    explained = true
    return challenge(
      '{"status":"invalid_token","schemes":"bearer","scope":"https://mail.example/pop"}',
    )
  }
}
