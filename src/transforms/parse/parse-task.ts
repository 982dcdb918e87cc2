/** What the main thread and its workers say to each other. */

export interface ParseTask {
  /** The message, or its header block; moved, not copied. */
  readonly bytes: Uint8Array
  /** Set where `bytes` is the header block of a message above this many bytes. */
  readonly headersOnlyAbove: number | null
}

/** Said by a worker once, when the parser is loaded: before that, no time counts. */
export const READY = 'ready'
