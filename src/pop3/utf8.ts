/**
 * The command UTF8 (RFC 6856 section 2): mail as it is stored. Without it Courier wraps a message with 8-bit headers into
 * another one, and servers may answer -ERR [UTF8] to RETR; to be sent before login, and never before STLS.
 */
import { Pop3ReplyError } from '../errors.ts'
import { bare } from './commands.ts'
import type { Connection } from './connection.ts'

/** Asks for it where it is offered; a refusal leaves the session as it was. */
export async function askUtf8(connection: Connection): Promise<void> {
  if (!connection.capabilities.utf8) return
  try {
    await connection.run({ command: bare('UTF8'), read: () => undefined })
  } catch (error) {
    if (!(error instanceof Pop3ReplyError)) throw error
  }
}
