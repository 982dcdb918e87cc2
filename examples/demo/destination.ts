/** Where the demo drains to, seen from outside: how much has arrived, and whether it is what the mailbox held. */
import { createHash } from 'node:crypto'
import type { Mailbox } from '../../src/testing/index.ts'

export interface Comparison {
  readonly equal: number
  readonly lost: number
  readonly duplicated: number
}

export interface Destination {
  /** As `maildrain drain --to` takes it. */
  readonly to: string
  /** As the demo speaks of it. */
  readonly shown: string
  /** Milliseconds between two looks at `progress`. */
  readonly lookMs: number
  /** Messages that have arrived, nearly: cheap. */
  progress(): Promise<number>
  /** Messages that have arrived. */
  count(): Promise<number>
  /** Each message of the mailbox by its key, its bytes hashed again: what the destination says of them is not believed. */
  compare(mailbox: Mailbox, mailboxId: string): Promise<Comparison>
  /** Where to look for oneself. */
  look(): Promise<string>
  close(): Promise<void>
}

export const sha256Of = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex')

/** A turn of the event loop, while hundreds of thousands are compared. */
export const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
