/**
 * The byte budget (G10): credit for a whole message is taken before it is asked for and comes back when the message is
 * resolved. What is issued is bounded here, never by pausing a socket.
 */
import type { ByteBudget } from '../sources/source.ts'

export class Budget implements ByteBudget {
  readonly capacity: number
  #out = 0
  #waiters: (() => void)[] = []

  /** @param capacity bytes */
  constructor(capacity: number) {
    this.capacity = capacity
  }

  get free(): number {
    return this.capacity - this.#out
  }

  tryTake(bytes: number): boolean {
    if (this.#out + bytes > this.capacity && this.#out > 0) return false
    this.#out += bytes
    return true
  }

  overdraw(bytes: number): void {
    this.#out += bytes
  }

  release(bytes: number): void {
    this.#out -= bytes
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }

  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = () =>
        reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
      if (signal.aborted) {
        stop()
        return
      }
      signal.addEventListener('abort', stop, { once: true })
      this.#waiters.push(() => {
        signal.removeEventListener('abort', stop)
        resolve()
      })
    })
  }
}
