/** Several writes at once, bounded in number and octets; the first that fails ends them all. */

/** Octets under way; a message that is larger goes alone. */
const MAX_BYTES = 32 * 1024 * 1024

export class Lanes {
  readonly #parallel: number
  readonly #running = new Set<Promise<void>>()
  #bytes = 0
  #failure: { readonly error: unknown } | undefined

  constructor(parallel: number) {
    this.#parallel = parallel
  }

  /** Resolves when the work has begun. Rejects as an earlier one did. */
  async run(bytes: number, work: () => Promise<void>): Promise<void> {
    while (this.#isFull(bytes)) await Promise.race(this.#running)
    this.assertNoneFailed()
    this.#bytes += bytes
    const running = work()
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => {
        this.#bytes -= bytes
        this.#running.delete(running)
      })
    this.#running.add(running)
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#running)
  }

  /** Throws as one of them did. */
  assertNoneFailed(): void {
    if (this.#failure) throw this.#failure.error
  }

  #isFull(bytes: number): boolean {
    const { size } = this.#running
    return size >= this.#parallel || (size > 0 && this.#bytes + bytes > MAX_BYTES)
  }
}
