/**
 * Does a receipt tell what happened? What was written is counted at the destination, what was removed by the server; each
 * run that was alone at work is compared with both.
 */
import { type Receipt, exitCodeOf } from '../../src/pipeline/receipt.ts'
import { type Setting, ownKeys } from './setting.ts'

/** How much of the world there is at one moment. */
export interface Standing {
  /** Records ever written (`World.written`). */
  readonly written: number
  /** Messages on the server that anybody is shown. */
  readonly visible: number
  /** Of these: such as a transform filters. */
  readonly filtered: number
  /** Things that went wrong so far. */
  readonly faults: number
}

/** What happened while one run was at work. */
export class Witness {
  readonly #begin: Standing
  /** Another run was at work, too: nobody knows whose doing it was. */
  shared: boolean
  /** Messages that the server removed, or hid, on the word of its sessions. */
  removed = 0
  removedByOthers = 0

  constructor(begin: Standing, shared: boolean) {
    this.#begin = begin
    this.shared = shared
  }

  /** @returns what the receipt says and is not so */
  lies(receipt: Receipt, end: Standing, setting: Setting): string[] {
    if (this.shared) return []
    const written = end.written - this.#begin.written
    const { delivered, deleted, verifiedGone, kept } = receipt
    const removed = this.removed + this.removedByOthers
    const lies: string[] = []
    const must = (holds: boolean, lie: string): void => {
      if (!holds) lies.push(lie)
    }
    // What was kept first and delivered later in the same run is counted by its first outcome.
    const most = delivered + keptFirst(kept, setting)
    must(
      delivered <= written && written <= most,
      `${delivered} delivered, and ${written} were written`,
    )
    must(verifiedGone <= removed, `${verifiedGone} verified gone, and ${removed} were removed`)
    if (setting.deletion === 'keep') must(deleted === 0, `${deleted} deleted where mail is kept`)
    else if (this.removedByOthers === 0 && exitCodeOf(receipt) === 0)
      must(
        deleted === this.removed || (setting.deletesUnasked && deleted < this.removed),
        `${deleted} deleted, and ${this.removed} were removed`,
      )
    return end.faults === this.#begin.faults ? [...lies, ...this.#inCalm(receipt, setting)] : lies
  }

  /** Nothing went wrong: what was there at the beginning was seen, and answered for. */
  #inCalm({ seen, filtered, kept, deadLettered, vanished }: Receipt, setting: Setting): string[] {
    const lies: string[] = []
    if (!setting.drains || !setting.showsAll || !ownKeys(setting.server)) return lies
    const { visible, filtered: stay } = this.#begin
    if (seen !== visible) lies.push(`${seen} seen, and ${visible} were there`)
    if (filtered > stay || filtered < stay - keptFirst(kept, setting))
      lies.push(`${filtered} filtered, and ${stay} are to be`)
    if (vanished > 0 || deadLettered > 0)
      lies.push(`${vanished} vanished, ${deadLettered} dead-lettered, and nobody took them`)
    if (kept > 0 && !setting.throws && !setting.rejects)
      lies.push(`${kept} kept, and none is to be`)
    return lies
  }
}

/** What a transform throws at on its way to the filter, or to the destination, is kept at first. */
const keptFirst = (kept: number, { throws }: Setting): number => (throws ? kept : 0)
