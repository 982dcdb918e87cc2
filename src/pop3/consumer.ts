/**
 * A caller's callback in the middle of a reply. What it throws is kept until the reply has been read to its end, so that
 * the next reply stays in step; nothing more is given to it.
 */
import { describeError } from '../errors.ts'

export class Consumer<Arguments extends readonly unknown[]> {
  readonly #take: (...values: Arguments) => void
  #failure: Error | undefined

  constructor(take: (...values: Arguments) => void) {
    this.#take = take
  }

  give(...values: Arguments): void {
    if (this.#failure !== undefined) return
    try {
      this.#take(...values)
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(describeError(error))
    }
  }

  /** @throws what the callback threw */
  rethrow(): void {
    if (this.#failure !== undefined) throw this.#failure
  }
}
