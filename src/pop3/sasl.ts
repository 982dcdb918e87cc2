/**
 * SASL in POP3 (RFC 4422, RFC 5034): what a mechanism is, and its exchange as lines. A mechanism sees challenges and makes
 * responses; it knows nothing of connections.
 */
import { type MaildrainError, Pop3ProtocolError, Pop3ReplyError } from '../errors.ts'
import { type Command, sasl, saslResponse } from './commands.ts'
import type { Connection } from './connection.ts'

/** The client's side of one exchange; used once. Responses are base64, or empty. */
export interface SaslExchange {
  readonly name: string
  /** The response that may go with the command. Absent: the server speaks first, or knows no responses in that place. */
  first?(): string
  /**
   * Answers a challenge.
   * @param challenge what stood after `+`; empty for the one that only asks for the first response
   * @throws MaildrainError when nothing more may be sent
   */
  respond(challenge: string): string | Promise<string>
  /** The server said +OK. @throws MaildrainError when it has not proven what it must */
  succeeded?(): void
  /** The error to raise for the server's refusal. */
  refused?(error: Pop3ReplyError): MaildrainError
}

/** No mechanism takes more; a server that asks for ever must not be answered for ever. */
const MAX_CHALLENGES = 6

/**
 * Runs the exchange until the server says +OK.
 * @param early the server takes first responses with the command (RFC 5034 section 4: it listed SASL)
 * @throws Pop3ReplyError when the server refuses
 */
export async function runSasl(
  connection: Connection,
  exchange: SaslExchange,
  early: boolean,
): Promise<void> {
  try {
    await converse(connection, exchange, early)
    exchange.succeeded?.()
  } catch (error) {
    if (error instanceof Pop3ReplyError) throw exchange.refused?.(error) ?? error
    // The server waits for an answer that never comes, or is not what it says it is.
    connection.close()
    throw error
  }
}

async function converse(
  connection: Connection,
  exchange: SaslExchange,
  early: boolean,
): Promise<void> {
  const send = (command: Command) => connection.run({ command, read: (status) => status })
  const whole = early ? withFirst(connection, exchange) : undefined
  let { kind, text } = await send(whole ?? sasl(exchange.name))
  // Some servers say +OK where RFC 5034 wants +, and its text does not matter there.
  if (whole === undefined && kind === 'ok') [kind, text] = ['continue', '']
  for (let count = 0; kind === 'continue'; count += 1) {
    if (count === MAX_CHALLENGES) throw asksAgain(connection.server, exchange.name)
    const response = await exchange.respond(text.trim())
    connection.hide(response)
    ;({ kind, text } = await send(saslResponse(response)))
  }
}

/** The command with its first response, where both fit into one line. */
function withFirst(connection: Connection, exchange: SaslExchange): Command | undefined {
  if (exchange.first === undefined) return undefined
  const response = exchange.first()
  connection.hide(response)
  return sasl(exchange.name, response)
}

/** A challenge after everything was said. */
export const asksAgain = (server: string, name: string): Pop3ProtocolError =>
  new Pop3ProtocolError(
    'MAILDRAIN_POP3_PROTOCOL',
    `${server} asked again after SASL ${name} was answered; look at the server log`,
  )

/** The bytes of a challenge; undefined when it is no base64 (RFC 4648 section 4). */
export function decodeChallenge(challenge: string): Buffer | undefined {
  const valid = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(challenge)
  return valid ? Buffer.from(challenge, 'base64') : undefined
}

export const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64')
