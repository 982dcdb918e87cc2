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
  /** Messages that runs have had written, each counted once a run, whether or not it was there before. */
  readonly written: number
  /** Records that came with writes which were not answered: so many may be there twice where nothing tells them apart. */
  readonly mayDouble: number
  /** Absent where it leaves what a crash leaves. */
  powerCut?(): void
  /** Absent where there is none. */
  leaderLoss?(): void
  /** Absent where that cannot be. @returns false when there is nothing yet */
  replace?(): boolean
  close(): void
}
