/** How much of a mailbox its destination has already, by the unique-ids that the ledger holds. */
import { type Ledger, type LedgerEntry, saysDurable } from '../../../ledger/ledger.ts'

export interface Share {
  readonly messages: number
  readonly octets: number
}

export interface LedgerShare {
  /** Entries of this mailbox, whatever their state. */
  readonly entries: number
  /** Durable at the destination under this unique-id: compared before they are deleted. */
  readonly known: Share
  /** Left on the server by an earlier run, or set aside. */
  readonly kept: Share
  /** All others. */
  readonly fresh: Share
  /** About what TOP n 0 of the known messages would take. */
  readonly headerOctets: number
}

/** Of a header block: the mean of real mail lies at 3 to 6 KB, most of it Received and DKIM lines. */
const HEADER_OCTETS = 4000

export class LedgerCount {
  readonly #ledger: Ledger
  #headerOctets = 0
  readonly #shares = {
    known: { messages: 0, octets: 0 },
    kept: { messages: 0, octets: 0 },
    fresh: { messages: 0, octets: 0 },
  }

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  see(uidl: string | null, octets: number): void {
    const entries = uidl === null ? [] : this.#ledger.byUidl(uidl)
    const kind = entries.some((entry) => this.#isKnown(entry))
      ? 'known'
      : entries.some(isLeft)
        ? 'kept'
        : 'fresh'
    if (kind === 'known') this.#headerOctets += Math.min(octets, HEADER_OCTETS)
    const share = this.#shares[kind]
    share.messages += 1
    share.octets += octets
  }

  share(): LedgerShare {
    return { entries: this.#ledger.size, ...this.#shares, headerOctets: this.#headerOctets }
  }

  #isKnown(entry: LedgerEntry): boolean {
    return entry.state !== 'deadLettered' && saysDurable(entry) && this.#ledger.holds(entry)
  }
}

const isLeft = ({ state }: LedgerEntry): boolean => state === 'kept' || state === 'deadLettered'
