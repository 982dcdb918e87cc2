/** Mistakes that a destination can be made with, to see whether they are found. */
export interface Mistakes {
  /** The log is not synced before a commit is answered (PRAGMA synchronous=NORMAL). */
  readonly unsynced?: boolean
  /** The ledger is written when the data beside it is not synced yet. */
  readonly dataUnsynced?: boolean
  /** The ledger is written before the data. */
  readonly ledgerFirst?: boolean
  /** Nobody looks at the epoch. */
  readonly unfenced?: boolean
  /** What a lost answer leaves open is taken for done. */
  readonly lostIsDone?: boolean
  /** A batch is cut in the middle: its records and its ledger entries are two commits. */
  readonly splitBatch?: boolean
  /** Whoever opens the log cuts its last frame off. */
  readonly cutsTail?: boolean
  /** A reader gets what was aborted, too. */
  readonly showsAborted?: boolean
  /** A leader answers before its followers have what it got (acks=1). */
  readonly unreplicated?: boolean
}
