/**
 * What was observed of a server, over all sessions and runs: how it may be asked, and how far it is to be believed. The
 * ledger keeps it between runs; options stand above it.
 */
import { z } from 'zod'
import type { QuitRemoves } from '../../pipeline/gate.ts'
import type { NumberedListing, Pop3Client } from '../../pop3/index.ts'

/** Servers are upgraded now and then: what is older is not believed, ms. */
const BELIEVED_MS = 30 * 24 * 60 * 60 * 1000
/** Messages after which sizes are judged. */
const JUDGED_AFTER = 10
/** Of the first messages: that many may differ from their announced size without anything being wrong. */
const JUDGED = 50
const MAY_DIFFER = 0.02

/** So many messages of a host are bound to their number one by one. */
export const BOUND_ONE_BY_ONE = 32

/** So many header blocks are held against those of the whole messages before one counts by itself. */
export const HEADERS_BOTH_WAYS = 32

/** After so many refusals and no answer the server is taken to have no TOP. */
const MAX_TOP_REFUSALS = 3

const SEEN_TWICE = 2

const UNHELD = { agreed: 0, differ: false }

const notes = z.strictObject({
  /** Wall clock, ms since 1970 UTC. */
  at: z.number(),
  /** False: replies and commands have come apart when several were in flight. */
  pipelining: z.boolean(),
  /** Messages whose bytes were bound to their number by an echo, as far as they are counted. */
  bound: z.number(),
  /** Whole messages among the first that were read, and how their octets compare with the announced ones. */
  sizes: z.strictObject({ seen: z.number(), longer: z.number(), shorter: z.number() }),
  /** What QUIT was seen to remove. */
  quit: z.enum(['unknown', 'deleted', 'read']).default('unknown'),
  /** How often it was seen to leave a message that was read. */
  left: z.number().default(0),
  /** A unique-id was seen to stand for several messages, at once or one after the other. */
  uidlsRepeat: z.boolean().default(false),
  /** Header blocks by TOP that were held against those of whole messages, up to a number; and whether one was another. */
  headers: z.strictObject({ agreed: z.number(), differ: z.boolean() }).default(UNHELD),
  /** Wall clock when a complete listing was last gone through, ms since 1970 UTC; 0 = never. */
  listedAt: z.number().default(0),
  /** What the session planner has learned. */
  planner: z.unknown().optional(),
})

type Notes = z.output<typeof notes>

const NOTHING: Notes = {
  ...{ at: 0, pipelining: true, bound: 0 },
  sizes: { seen: 0, longer: 0, shorter: 0 },
  ...{
    quit: 'unknown',
    left: 0,
    uidlsRepeat: false,
    headers: UNHELD,
    listedAt: 0,
    planner: undefined,
  },
}

/** After so long a mailbox that keeps its mail is listed in full again, ms. */
const LISTED_ANEW_MS = 24 * 60 * 60 * 1000

export class Host {
  readonly #now: () => number
  #notes: Notes
  #written: string
  #plannerWritten: string | undefined
  /** Which of LIST and UIDL answer by number; nothing is known before `probe`, which each run repeats. */
  listing: NumberedListing = { list: false, uidl: false }
  #probed = false
  #answersCapa = true
  #answersTop = false
  #topRefusals = 0

  /**
   * @param stored what `changes` gave in an earlier run; what cannot be read is observed anew
   * @param now wall clock, ms since 1970 UTC
   */
  constructor(stored: string | null, now: () => number) {
    this.#now = now
    this.#notes = read(stored, now())
    this.#written = this.#comparable(true)
  }

  /** An answer about a single number can be had: what is behind it in the line is in step. */
  get echoes(): boolean {
    return this.listing.list || this.listing.uidl
  }

  get bound(): number {
    return this.#notes.bound
  }

  set bound(value: number) {
    this.#notes = { ...this.#notes, bound: Math.min(value, BOUND_ONE_BY_ONE) }
  }

  /** Replies and commands have come apart once: one command at a time, and every message is bound by itself. */
  get doubtful(): boolean {
    return !this.#notes.pipelining
  }

  cameApart(): void {
    this.#notes = { ...this.#notes, pipelining: false }
  }

  /** Remembered in this run alone: without CAPA nothing is known of UTF8, UIDL and PIPELINING, and it may have been load. */
  get answersCapa(): boolean {
    return this.#answersCapa
  }

  hangsOnCapa(): void {
    this.#answersCapa = false
  }

  get quit(): QuitRemoves {
    return this.#notes.quit
  }

  /** QUIT has removed a message that was read and not deleted. */
  quitRemovedRead(): void {
    this.#notes = { ...this.#notes, quit: 'read' }
  }

  /** QUIT has left one. An equal copy of it, and one new message, could look like that: believed when seen twice. */
  quitLeftRead(): void {
    const left = this.#notes.left + 1
    this.#notes = { ...this.#notes, left, ...(left >= SEEN_TWICE ? { quit: 'deleted' } : {}) }
  }

  /** A unique-id was seen to stand for several messages. */
  get repeatsUidls(): boolean {
    return this.#notes.uidlsRepeat
  }

  uidlRepeats(): void {
    this.#notes = { ...this.#notes, uidlsRepeat: true }
  }

  /** TOP was answered in this run: a refusal is about a message, not about the command. */
  get answersTop(): boolean {
    return this.#answersTop
  }

  /** As far as this run can tell. */
  get hasNoTop(): boolean {
    return !this.#answersTop && this.#topRefusals >= MAX_TOP_REFUSALS
  }

  topAnswered(accepted: boolean): void {
    this.#answersTop ||= accepted
    if (!accepted) this.#topRefusals += 1
  }

  /** A header block by TOP was held against that of the whole message. */
  headersHeld(equal: boolean): void {
    const { agreed, differ } = this.#notes.headers
    const counted = equal && agreed < HEADERS_BOTH_WAYS ? agreed + 1 : agreed
    this.#notes = { ...this.#notes, headers: { agreed: counted, differ: differ || !equal } }
  }

  /** May messages be compared by TOP here: by TOP alone, or both ways, until so many have agreed? */
  get headers(): 'no' | 'both ways' | 'alone' {
    const { uidlsRepeat, headers } = this.#notes
    if (uidlsRepeat || headers.differ || this.hasNoTop) return 'no'
    return headers.agreed < HEADERS_BOTH_WAYS ? 'both ways' : 'alone'
  }

  /** Everything was listed not long ago: until then samples are enough to know what is old. */
  get listedLately(): boolean {
    const since = this.#now() - this.#notes.listedAt
    return since >= 0 && since < LISTED_ANEW_MS
  }

  listed(): void {
    this.#notes = { ...this.#notes, listedAt: this.#now() }
  }

  get planner(): unknown {
    return this.#notes.planner
  }

  /** Written with the next change, or by `changes(true)`: a session must not cost a commit for it. */
  set planner(state: unknown) {
    this.#notes = { ...this.#notes, planner: state }
  }

  /** LIST or UIDL of single messages are refused, or answered unlike the listing, whatever is asked: not asked any more. */
  giveUpEchoes(): void {
    this.listing = { list: false, uidl: false }
  }

  /** Counts one of the first messages. */
  sized(announced: number, octets: number): void {
    const { seen, longer, shorter } = this.#notes.sizes
    if (seen >= JUDGED || announced === 0) return
    const sizes = {
      seen: seen + 1,
      longer: longer + Number(octets > announced),
      shorter: shorter + Number(octets < announced),
    }
    this.#notes = { ...this.#notes, sizes }
  }

  /**
   * LIST does not tell the octets that come (Exchange announces those of its store): messages differ in both directions. A
   * server that cuts messages off makes them shorter only.
   */
  get announcesWrongly(): boolean {
    const { seen, longer, shorter } = this.#notes.sizes
    const many = Math.max(1, seen * MAY_DIFFER)
    return seen >= JUDGED_AFTER && longer > many && shorter > many
  }

  /**
   * To be called in a session with mail, before its first listing. Asks once, and not where there is one message: then a
   * whole listing looks much like an answer about it.
   */
  async probe(client: Pop3Client, messages: number): Promise<void> {
    if (this.#probed || messages < 2) return
    this.listing = await client.probeNumbered(messages)
    this.#probed = true
  }

  /**
   * What is to be remembered, when it has changed since the last call; null when not.
   * @param all also what the planner has learned since
   */
  changes(all = false): string | null {
    const comparable = this.#comparable(all)
    if (comparable === this.#written) return null
    this.#written = comparable
    this.#notes = { ...this.#notes, at: this.#now() }
    return JSON.stringify(this.#notes)
  }

  #comparable(all: boolean): string {
    const { planner, ...others } = this.#notes
    if (all) this.#plannerWritten = JSON.stringify(planner)
    return JSON.stringify([{ ...others, at: 0 }, this.#plannerWritten])
  }
}

function read(stored: string | null, now: number): Notes {
  if (stored === null) return NOTHING
  try {
    const parsed = notes.parse(JSON.parse(stored))
    // What unique-ids are worth does not get better with time.
    const { uidlsRepeat } = parsed
    return now - parsed.at > BELIEVED_MS ? { ...NOTHING, uidlsRepeat } : parsed
  } catch {
    return NOTHING
  }
}

/** What QUIT removes on this host: by option, by EXPIRE (RFC 2449 section 6.7), by what was seen; unknown counts as the worse. */
export function quitRemoves(
  expireDays: number | null,
  quitDeletes: 'auto' | 'yes' | 'no',
  observed: QuitRemoves,
): QuitRemoves {
  if (quitDeletes !== 'auto') return quitDeletes === 'yes' ? 'read' : 'deleted'
  if (expireDays === null) return observed
  return expireDays === 0 ? 'read' : 'deleted'
}
