/**
 * Deletions that the server has accepted and no complete look has confirmed yet (G7): +OK to QUIT proves nothing, and a
 * lost reply disproves nothing.
 */
export interface Doubt {
  readonly key: string
  readonly uidl: string | null
  /** Numbers with these bytes that were DELEd in the last session. */
  numbers: number
  /** Was the QUIT of that session answered? Only then does it count that the message is still listed. */
  answered: boolean
  /** Answered sessions after which it was still listed. */
  rounds: number
}

export class InDoubt {
  readonly #doubts = new Map<string, Doubt>()
  #verifiedGone = 0
  #givenUp = 0

  /** Numbers confirmed gone. */
  get verifiedGone(): number {
    return this.#verifiedGone
  }

  /** Numbers DELEd in sessions that went to QUIT. */
  get deleted(): number {
    let open = 0
    for (const doubt of this.#doubts.values()) open += doubt.numbers
    return this.#verifiedGone + this.#givenUp + open
  }

  get size(): number {
    return this.#doubts.size
  }

  all(): readonly Doubt[] {
    return [...this.#doubts.values()]
  }

  get(key: string): Doubt | undefined {
    return this.#doubts.get(key)
  }

  /** A session that DELEd these messages went to QUIT. */
  quit(messages: readonly { key: string; uidl: string | null }[], answered: boolean): void {
    const fresh = new Map<string, Doubt>()
    for (const { key, uidl } of messages) {
      const doubt = fresh.get(key)
      if (doubt) doubt.numbers += 1
      else
        fresh.set(key, {
          ...{ key, uidl, numbers: 1, answered },
          rounds: this.#doubts.get(key)?.rounds ?? 0,
        })
    }
    for (const [key, doubt] of fresh) this.#doubts.set(key, doubt)
  }

  /** A complete look has shown that it is gone. */
  gone(key: string): void {
    const doubt = this.#doubts.get(key)
    if (!doubt) return
    this.#doubts.delete(key)
    this.#verifiedGone += doubt.numbers
  }

  /** The server keeps it whatever it answers: counted as deleted, never as gone. */
  giveUp(key: string): void {
    const doubt = this.#doubts.get(key)
    if (!doubt) return
    this.#doubts.delete(key)
    this.#givenUp += doubt.numbers
  }
}
