/**
 * The deleting phase of a session (G9): DELE for what is durable, then QUIT, and nothing else. What came of it only a later
 * session shows (G7).
 */
import { MaildrainError, Pop3ProtocolError, Pop3ReplyError, describeError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import type { Pop3Client } from '../../pop3/index.ts'
import type { SourceContext } from '../source.ts'
import type { RunState } from './run-state.ts'
import type { KeyedMessage, SessionKeys } from './session-keys.ts'

/** A message that was left undeleted. */
export interface Spared {
  readonly key: string
  readonly uidl: string
}

export interface ExpungeOptions {
  /** Its reading phase is over. */
  readonly client: Pop3Client
  readonly context: SourceContext
  readonly state: RunState
  /** The messages of this session by number. */
  readonly keys: SessionKeys
}

/** DELEs handed to the client at once: each takes some 500 octets of memory until it is answered. */
const DELES = 2000

export class Expunge {
  readonly #options: ExpungeOptions
  readonly #accepted: number[] = []
  /** Durable, and left undeleted to see what QUIT makes of it. */
  spared: Spared | undefined

  constructor(options: ExpungeOptions) {
    this.#options = options
  }

  /** DELEs accepted. */
  get deleted(): number {
    return this.#accepted.length
  }

  /**
   * @param numbers ascending; their deletion loses nothing
   * @param spare leave one message, to be looked for in the next session
   */
  async run(numbers: readonly number[], { spare }: { readonly spare: boolean }): Promise<void> {
    const spared = spare ? this.#spare(numbers) : undefined
    // The highest first: where numbers move up at once, those that are still to go keep theirs.
    const deletable = numbers.filter((n) => n !== spared?.n).reverse()
    for (let i = 0; i < deletable.length; i += DELES)
      await this.#delete(deletable.slice(i, i + DELES))
    await this.#quit()
    this.spared = spared
  }

  /** The lowest, for it will be number 1 then; with others beside it, whose absence shows that QUIT had its effect. */
  #spare(numbers: readonly number[]): (Spared & { readonly n: number }) | undefined {
    const [n] = numbers
    if (n === undefined || numbers.length < 2) return undefined
    const { key, uidl } = this.#options.keys.get(n) ?? { key: '', uidl: null }
    return uidl === null ? undefined : { n, key, uidl }
  }

  async #delete(numbers: readonly number[]): Promise<void> {
    const { client, keys, state, context } = this.#options
    let broken = false
    const deletions = numbers.map(async (n) => {
      const message = keys.get(n)
      if (message === undefined) return
      try {
        await client.dele(n)
        this.#accepted.push(n)
      } catch (error) {
        // Of the DELEs that a broken session leaves unanswered the first is what it broke at.
        const refused = error instanceof Pop3ReplyError
        if (refused || (!broken && error instanceof Pop3ProtocolError)) state.refused.add(message)
        broken ||= !refused
        if (!refused) throw error
        noteRefusal(context.log, error, 'DELE was refused')
      }
    })
    await Promise.all(deletions)
  }

  async #quit(): Promise<void> {
    const { client, state, context } = this.#options
    try {
      await client.quit()
    } catch (error) {
      const answered = error instanceof Pop3ReplyError
      state.inDoubt.quit(this.#messages(), answered)
      noteRefusal(context.log, error, 'QUIT was not confirmed; the next complete look decides')
      if (!answered) throw error
      return
    }
    state.inDoubt.quit(this.#messages(), true)
  }

  *#messages(): Iterable<KeyedMessage> {
    for (const n of this.#accepted) {
      const message = this.#options.keys.get(n)
      if (message !== undefined) yield message
    }
  }
}

export function noteRefusal(log: Logger, error: unknown, message: string): void {
  const code = error instanceof MaildrainError ? error.code : undefined
  log.warn({ code, reason: describeError(error) }, message)
}
