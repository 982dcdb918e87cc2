/** How often each unique-id was met in one session. Nearly all are met once: of those only a hash is kept. */
import { PackedSet } from '../../packed-set.ts'

export class Occurrences {
  readonly #met: PackedSet
  readonly #again = new Map<string, number>()

  constructor(random: () => number) {
    this.#met = new PackedSet(random)
  }

  /** Counts one more, and answers how many there were before. Two ids with one hash count as one: then one is read too much. */
  add(uidl: string): number {
    if (this.#met.add(uidl)) return 0
    const before = this.#again.get(uidl) ?? 1
    this.#again.set(uidl, before + 1)
    return before
  }

  of(uidl: string): number {
    return this.#again.get(uidl) ?? Number(this.#met.has(uidl))
  }

  /** Ids met more than once. */
  get repeated(): ReadonlyMap<string, number> {
    return this.#again
  }
}
