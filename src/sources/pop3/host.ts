/** What was observed of a server, over all sessions of a run: how it may be asked, and how far it is to be believed. */
import type { QuitRemoves } from '../../pipeline/gate.ts'
import type { NumberedListing, Pop3Client } from '../../pop3/index.ts'

export class Host {
  /** Which of LIST and UIDL answer by number; nothing is known before `probe`. */
  listing: NumberedListing = { list: false, uidl: false }
  /** Messages whose bytes were bound to their number by an echo. */
  bound = 0
  /** Replies and commands have come apart once: every message is bound by itself from then on. */
  doubtful = false
  #probed = false

  /** An answer about a single number can be had: what is behind it in the line is in step. */
  get echoes(): boolean {
    return this.listing.list || this.listing.uidl
  }

  /** To be called in a session with mail, before its first listing. Asks once. */
  async probe(client: Pop3Client): Promise<void> {
    if (this.#probed) return
    this.listing = await client.probeNumbered()
    this.#probed = true
  }
}

/** What QUIT removes on this host (RFC 2449 section 6.7); silence counts as the worse. */
export function quitRemoves(
  expireDays: number | null,
  quitDeletes: 'auto' | 'yes' | 'no',
): QuitRemoves {
  if (quitDeletes !== 'auto') return quitDeletes === 'yes' ? 'read' : 'deleted'
  if (expireDays === null) return 'unknown'
  return expireDays === 0 ? 'read' : 'deleted'
}
