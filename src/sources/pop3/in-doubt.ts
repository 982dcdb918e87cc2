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
  /** How many doubts there are under each unique-id. */
  readonly #uidls = new Map<string, number>()
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

  /** Was a message under this unique-id deleted, and not seen gone yet? */
  hasUidl(uidl: string): boolean {
    return this.#uidls.has(uidl)
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
    for (const [key, doubt] of fresh) {
      if (!this.#doubts.has(key)) this.#countUidl(doubt, 1)
      this.#doubts.set(key, doubt)
    }
  }

  /** A complete look has shown that it is gone. */
  gone(key: string): void {
    const doubt = this.#take(key)
    if (!doubt) return
    this.#verifiedGone += doubt.numbers
  }

  /** The server keeps it whatever it answers: counted as deleted, never as gone. */
  giveUp(key: string): void {
    this.#givenUp += this.#take(key)?.numbers ?? 0
  }

  #take(key: string): Doubt | undefined {
    const doubt = this.#doubts.get(key)
    this.#doubts.delete(key)
    if (doubt) this.#countUidl(doubt, -1)
    return doubt
  }

  #countUidl({ uidl }: Doubt, change: number): void {
    if (uidl === null) return
    const count = (this.#uidls.get(uidl) ?? 0) + change
    if (count > 0) this.#uidls.set(uidl, count)
    else this.#uidls.delete(uidl)
  }
}
