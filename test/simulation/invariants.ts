/**
 * What must hold, looked at from outside: the server's mail on one side, what is durable on the other. L: nothing is
 * lost. M is part of it: nothing is removed before it is durable. D: nothing is doubled. B: bytes and keys are those of
 * the message. P: it comes to its end. X: receipts tell the truth.
 */
import { createHash } from 'node:crypto'
import { messageKey } from '../../src/identity.ts'
import { type Receipt, exitCodeOf } from '../../src/pipeline/receipt.ts'
import type { MailboxMessage } from '../../src/testing/mailbox.ts'
import type { Pop3Core } from '../../src/testing/pop3-core.ts'
import { type Setting, ownKeys } from './setting.ts'
import { isFiltered, isRejected } from './transforms.ts'
import type { Stored, World } from './worlds/store.ts'

const MAILBOX = 'user@127.0.0.1:1110'

/** How the last run ended. */
export interface Ending {
  readonly receipt?: Receipt | undefined
  readonly code?: string | undefined
}

interface Count {
  /** By name. */
  readonly stored: ReadonlySet<string>
  readonly doubled: number
  readonly foreign: number
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export class Invariants {
  readonly #setting: Setting
  readonly #violate: (violation: string) => void
  readonly #hashes: string[] = []
  /** By message: what it is known by at the destination, its key where the server leaves unique-ids as they are, else its hash. */
  readonly #names: string[] = []
  readonly #removedByOthers = new Set<number>()
  readonly #removed = new Set<number>()
  #ownerToBlame = false
  /** Number of the last session in which what was there may still be deleted. */
  #excusedSession = 0

  constructor(setting: Setting, violate: (violation: string) => void) {
    this.#setting = setting
    this.#violate = violate
  }

  /** Messages there ever were. */
  get messages(): number {
    return this.#hashes.length
  }

  /** Indexes of what the drain has had removed. */
  get removed(): ReadonlySet<number> {
    return this.#removed
  }

  /** Mail is in the mailbox. */
  came(message: MailboxMessage): void {
    const hash = sha256(message.read())
    this.#hashes.push(hash)
    this.#names.push(this.#byKey ? messageKey(MAILBOX, message.uidl, hash) : hash)
  }

  takenByOthers(index: number): void {
    this.#removedByOthers.add(index)
  }

  /** The server has removed a message on the word of a session. */
  lookAtRemoval(index: number, session: number, world: World): void {
    if (session <= this.#excusedSession) {
      this.#removedByOthers.add(index)
      return
    }
    this.#removed.add(index)
    const name = this.#names[index]
    if (!world.stored().some((record) => this.#nameOf(record) === name))
      this.#violate(`L: message ${index} was removed before it was durable`)
  }

  /** Something durable may have been lost. */
  lookAtRemoved(world: World, when: string): void {
    const { stored } = this.#count(world)
    for (const index of this.#removed)
      if (!stored.has(this.#names[index] ?? ''))
        this.#violate(`L: message ${index} is lost ${when}`)
  }

  /**
   * The destination's owner has made it anew: what was there is gone, and nobody else is to blame. What is on the server
   * must still not be deleted for it, but by sessions that have deleted already.
   */
  replaced(sessions: number): void {
    for (const index of this.#removed) this.#removedByOthers.add(index)
    this.#removed.clear()
    this.#ownerToBlame = true
    this.#excusedSession = sessions
  }

  /** @param interruptions times that a run died, froze, or got no answer */
  lookAtEnd(world: World, core: Pop3Core, ending: Ending | undefined, interruptions: number): void {
    const { stored, doubled, foreign } = this.#count(world)
    for (const [index, name] of this.#names.entries())
      if (!stored.has(name) && !core.maildrop.has(index) && !this.#removedByOthers.has(index))
        this.#violate(`L: message ${index} is neither at the destination nor on the server`)
    if (foreign > 0) this.#violate(`B: ${foreign} records hold bytes of no message`)
    this.#lookAtKeys(world)
    // Where nothing can tell a record from its double: what came unanswered, at most a batch for each interruption.
    const { batchMaxMessages } = this.#setting.tuning
    const most = Math.min(world.mayDouble, interruptions * batchMaxMessages)
    if (doubled > most) this.#violate(`D: ${doubled} records too many, at most ${most} may be`)
    this.#lookAtEnding(core, stored, ending)
  }

  #lookAtEnding(core: Pop3Core, stored: ReadonlySet<string>, ending: Ending | undefined): void {
    const undone = this.#undone(core, stored)
    const receipt = ending?.receipt
    const says = receipt !== undefined && exitCodeOf(receipt) === 0
    if (says && undone.length > 0)
      this.#violate(`X: the receipt says drained, and messages ${undone.join(', ')} are not`)
    // The ledger speaks of another topic: it has to say so, and to leave everything as it is.
    if (!this.#setting.drains || this.#ownerToBlame) return
    if (ending?.code !== undefined) this.#violate(`P: the last run ended with ${ending.code}`)
    if (undone.length > 0) this.#violate(`P: messages ${undone.join(', ')} are left on the server`)
  }

  /** On the server, and to be gone from it; where mail is kept, shown by it and not at the destination. */
  #undone(core: Pop3Core, stored: ReadonlySet<string>): number[] {
    const { deletion, filter, rejects, showsAll } = this.#setting
    return this.#names.flatMap((name, i) => {
      const copied = stored.has(name) || !showsAll
      const stays = (filter && isFiltered(i)) || (rejects && isRejected(i))
      const done = (deletion === 'keep' && copied) || stays
      return core.maildrop.isVisible(i) && !done ? [i] : []
    })
  }

  /** Under the key of its own message, where the server does not change unique-ids. */
  #lookAtKeys(world: World): void {
    if (!this.#byKey) return
    const hashes = new Map(this.#names.map((name, i) => [name, this.#hashes[i]]))
    for (const { key, actual } of world.stored())
      if (hashes.get(key) !== actual)
        this.#violate(`B: a record has the key ${key}, which is that of another message`)
  }

  get #byKey(): boolean {
    return ownKeys(this.#setting.server)
  }

  #nameOf({ key, actual }: Stored): string {
    return this.#byKey ? key : actual
  }

  #count(world: World): Count {
    const stored = new Set<string>()
    const known = new Set(this.#hashes)
    let [doubled, foreign] = [0, 0]
    for (const record of world.stored()) {
      const name = this.#nameOf(record)
      if (stored.has(name)) doubled += 1
      if (!known.has(record.actual)) foreign += 1
      stored.add(name)
    }
    return { stored, doubled, foreign }
  }
}
