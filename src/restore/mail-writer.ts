/** What mail is restored into. */

/** `occupied`: another file has the message's name, and other bytes; it is left as it is. */
export type Written = 'written' | 'alreadyThere' | 'occupied'

/** Each verified message is given once. After an error or an abandoned run, a later run goes on where this one stopped. */
export interface MailWriter {
  /** How many messages may be on their way at once. */
  readonly parallel: number
  /** Resolves when the message cannot be torn any more, not even by a power cut. */
  write(key: string, raw: Buffer): Promise<Written>
  /** Everything that was written is there for good when this resolves. */
  finish(): Promise<void>
  /** Lets go without finishing; whole messages stay, torn ones go. */
  abandon(): Promise<void>
}
