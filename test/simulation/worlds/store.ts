/** What a simulated destination holds, as whoever checks it sees it. */

export interface Stored {
  readonly key: string
  readonly sha256: string
  /** SHA-256 of the bytes that came. */
  readonly actual: string
}

/** A destination of one mailbox that outlives the lives that write to it. */
export interface World {
  readonly name: string
  /** Records that are durable now, doubles included. */
  stored(): readonly Stored[]
  /** May a message be there more than once, and how often for each crash or error? Null: never. */
  readonly mayDouble: boolean
  powerCut(): void
  leaderLoss(): void
  /** @returns false where that cannot be */
  replace(): boolean
  close(): void
}
