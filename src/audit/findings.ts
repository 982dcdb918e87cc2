/** What is wrong with mail at a destination, by name, and how often. */

export interface Finding {
  /** K, or the key that a record claims. */
  readonly key: string
  /** One character a byte (latin1); null where it has none, or nobody knows. */
  readonly uidl: string | null
  readonly why: string
}

export interface Findings {
  readonly count: number
  /** The first of them, so that a report of a lost destination is not as large as the mailbox. */
  readonly first: readonly Finding[]
}

/** As many are named in a report; a manifest names all. */
const NAMED = 1000

export class FindingList implements Findings {
  count = 0
  readonly first: Finding[] = []

  add(finding: Finding): void {
    this.count += 1
    if (this.first.length < NAMED) this.first.push(finding)
  }

  /** With so many of others, of whom nobody can tell which of those named they are. */
  with(others: FindingList, count: number): FindingList {
    const list = new FindingList()
    list.first.push(...this.first, ...(count > 0 ? others.first : []))
    list.first.splice(NAMED)
    list.count = this.count + count
    return list
  }

  toJSON(): Findings {
    return { count: this.count, first: this.first }
  }
}
