/** What a POP3 server of this folder serves: messages that are made when they are read, not held. */

/** A message of a mailbox. */
export interface MailboxMessage {
  /** Unique-id (RFC 1939 section 7), one character a byte. */
  readonly uidl: string
  /** Exactly as many octets as `read` gives. */
  readonly octets: number
  /** The message with CRLF line ends, dots not stuffed. Called at each RETR; the caller does not change the bytes. */
  read(): Buffer
}

/** Messages by position, oldest first. */
export interface Mailbox {
  readonly size: number
  /** @param index 0-based, below `size` */
  message(index: number): MailboxMessage
  /**
   * Octets of a message, where they are known without it. A server asks for those of all messages when the first session
   * logs in, and never again: with this, 14 million take about a second.
   */
  octetsOf?(index: number): number
}

/**
 * A mailbox of messages that are in memory.
 * @param messages raw bytes with CRLF line ends, or bytes with a unique-id; where none is given, it is made from the
 *   position
 */
export function mailboxOf(
  messages: readonly (Buffer | { readonly raw: Buffer; readonly uidl: string })[],
): Mailbox {
  const held = messages.map((one, index): MailboxMessage => {
    const { raw, uidl } = Buffer.isBuffer(one) ? { raw: one, uidl: dovecotUidl(index, 0) } : one
    return { uidl, octets: raw.length, read: () => raw }
  })
  return {
    size: held.length,
    message(index) {
      const message = held[index]
      if (message === undefined)
        throw new RangeError(`no message ${index} in a mailbox of ${held.length}`)
      return message
    },
  }
}

/** `%08Xu%08Xv`, Dovecot's default `pop3_uidl_format`: UID and UIDVALIDITY, eight lower-case hex digits each. */
export function dovecotUidl(index: number, uidValidity: number): string {
  return (index + 1).toString(16).padStart(8, '0') + uidValidity.toString(16).padStart(8, '0')
}
