/**
 * SCRAM-SHA-1 and SCRAM-SHA-256 (RFC 5802, RFC 7677): the password never crosses the line, and the server proves that it
 * knows it. Without channel binding: no POP3 server that we have read about offers the -PLUS forms.
 */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { Pop3ProtocolError } from '../errors.ts'
import type { Credentials } from './commands.ts'
import { prepared } from './mechanisms.ts'
import { type SaslExchange, asksAgain, base64, decodeChallenge } from './sasl.ts'

/** RFC 7677 section 4: fewer make it cheap to guess the password from what was seen on the line. */
const MIN_ITERATIONS = 4096
/** "n": no channel binding, no other identity. */
const GS2_HEADER = 'n,,'

const derive = promisify(pbkdf2)

export interface ScramOptions {
  readonly server: string
  readonly digest: 'sha1' | 'sha256'
  readonly credentials: Credentials
  /** Above it the server's work is refused: a count of 2^31 would keep this process busy for an hour. */
  readonly maxIterations: number
  /** Printable, without a comma; random unless given. */
  readonly nonce?: (() => string) | undefined
}

/** @throws ConfigError when SASLprep forbids user or password */
export function scram(options: ScramOptions): SaslExchange {
  return new Scram(options)
}

class Scram implements SaslExchange {
  readonly name: string
  readonly #options: ScramOptions
  readonly #nonce: string
  readonly #password: string
  readonly #firstBare: string
  #stage: 'ask' | 'first' | 'final' | 'done' = 'ask'
  #serverSignature: Buffer | undefined
  #proven = false

  constructor(options: ScramOptions) {
    const { digest, credentials, nonce = randomNonce } = options
    this.name = digest === 'sha1' ? 'SCRAM-SHA-1' : 'SCRAM-SHA-256'
    this.#options = options
    this.#nonce = nonce()
    const user = prepared('the user', credentials.user)
    this.#password = prepared('the password', credentials.secret)
    this.#firstBare = `n=${user.replace(/=/g, '=3D').replace(/,/g, '=2C')},r=${this.#nonce}`
  }

  first(): string {
    this.#stage = 'first'
    return base64(GS2_HEADER + this.#firstBare)
  }

  async respond(challenge: string): Promise<string> {
    if (this.#stage === 'ask' || (this.#stage === 'first' && challenge === '')) return this.first()
    const message = decodeChallenge(challenge)?.toString('utf8')
    if (message === undefined) throw this.#broken('a challenge that is no base64')
    if (this.#stage === 'first') return this.#answer(message)
    if (this.#stage === 'final') return this.#verify(message)
    throw asksAgain(this.#options.server, this.name)
  }

  /** +OK without the server's signature is what somebody sends who does not know the password. */
  succeeded(): void {
    if (!this.#proven) throw this.#unproven('accepted the login without a signature')
  }

  async #answer(serverFirst: string): Promise<string> {
    const { salt, iterations, nonce } = this.#read(serverFirst)
    const { digest } = this.#options
    const octets = digest === 'sha1' ? 20 : 32
    const salted = await derive(this.#password, salt, iterations, octets, digest)
    const withoutProof = `c=${base64(GS2_HEADER)},r=${nonce}`
    const authMessage = `${this.#firstBare},${serverFirst},${withoutProof}`
    const mac = (key: Buffer, text: string) => createHmac(digest, key).update(text).digest()
    const clientKey = mac(salted, 'Client Key')
    const signature = mac(createHash(digest).update(clientKey).digest(), authMessage)
    this.#serverSignature = mac(mac(salted, 'Server Key'), authMessage)
    this.#stage = 'final'
    const proof = clientKey.map((byte, index) => byte ^ (signature[index] ?? 0))
    return base64(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`)
  }

  #read(message: string): { readonly salt: Buffer; readonly iterations: number; nonce: string } {
    const [, nonce, saltText, count] =
      /^r=([\x21-\x2b\x2d-\x7e]+),s=([^,]+),i=(\d{1,10})(?:,.*)?$/s.exec(message) ?? []
    const salt = saltText === undefined ? undefined : decodeChallenge(saltText)
    if (nonce === undefined || salt === undefined || salt.length === 0)
      throw this.#broken('a challenge that cannot be read')
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length)
      throw this.#unproven('answered with a nonce that is not ours')
    const { server, maxIterations } = this.#options
    const iterations = Number(count)
    if (iterations > maxIterations)
      throw new Pop3ProtocolError(
        'MAILDRAIN_POP3_LIMIT',
        `${server} wants ${iterations} iterations of ${this.name}; raise maxScramIterations (${maxIterations}) if the server is trusted`,
      )
    if (iterations < MIN_ITERATIONS)
      throw this.#unproven(
        `wants ${iterations} iterations, and fewer than ${MIN_ITERATIONS} betray the password`,
      )
    return { salt, iterations, nonce }
  }

  #verify(serverFinal: string): string {
    this.#stage = 'done'
    // e=…: the refusal follows as -ERR, after an empty answer.
    if (serverFinal.startsWith('e=')) return ''
    const [, text = ''] = /^v=([^,]+)/.exec(serverFinal) ?? []
    const signature = decodeChallenge(text) ?? Buffer.alloc(0)
    const expected = this.#serverSignature
    if (signature.length !== expected?.length || !timingSafeEqual(signature, expected))
      throw this.#unproven('sent a wrong signature')
    this.#proven = true
    return ''
  }

  #broken(what: string): Pop3ProtocolError {
    return new Pop3ProtocolError(
      'MAILDRAIN_POP3_PROTOCOL',
      `${this.#options.server} sent ${what} for ${this.name}; look at the server log`,
    )
  }

  #unproven(what: string): Pop3ProtocolError {
    return new Pop3ProtocolError(
      'MAILDRAIN_POP3_SERVER_UNPROVEN',
      `${this.#options.server} ${what} in ${this.name}: it may not be the server that it claims to be; check host and certificate`,
    )
  }
}

/** 144 bits (RFC 5802 section 5.1 wants it unguessable and never used twice). */
const randomNonce = (): string => randomBytes(18).toString('base64')
