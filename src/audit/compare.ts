/** The ledger's entries held against what was found at the destination. */
import type { Ledger, LedgerEntry } from '../ledger/ledger.ts'
import { accountOf, allEntries } from './entries.ts'
import { FindingList } from './findings.ts'
import type { Found, FoundTable } from './found-table.ts'
import type { ManifestLine } from './manifest-file.ts'
import { type AuditReport, type Balance, isBalanced } from './report.ts'

export type Comparison = Balance &
  Pick<
    AuditReport,
    | 'addsUp'
    | 'entries'
    | 'gone'
    | 'forgotten'
    | 'missing'
    | 'missingForgotten'
    | 'altered'
    | 'doubled'
    | 'unledgered'
  >

/** Of a ledger that does not count. */
const UNCOUNTED = { pruned: { delivered: 0, deadLettered: 0, kept: 0 }, vanished: 0 }

/** @param onLine gets every message, those of the ledger first */
export function compare(
  ledger: Ledger,
  found: FoundTable,
  onLine: (line: ManifestLine) => void = () => undefined,
): Comparison {
  const tally = ledger.tally ?? { ...UNCOUNTED, seen: ledger.size }
  const { pruned, vanished } = tally
  const entries = goThrough(ledger, found, onLine)
  const { altered, doubled } = conspicuous(found, entries.altered)
  const unexpected = leftOver(found, pruned.delivered, onLine)
  const balance: Balance = {
    initial: tally.seen + vanished,
    delivered: found.messages,
    filtered: entries.counts.filtered,
    deadLettered: entries.counts.deadLettered + pruned.deadLettered,
    kept: entries.counts.kept + pruned.kept,
    vanished,
  }
  const { missing } = entries
  const { unledgered, missingForgotten } = unexpected
  const wrong = missing.count + missingForgotten + altered.count + doubled.count + unledgered.count
  return {
    ...{ ...balance, addsUp: wrong === 0 && isBalanced(balance) },
    ...{ entries: entries.total, gone: entries.gone, forgotten: pruned.delivered },
    ...{ missing, missingForgotten, altered, doubled, unledgered },
  }
}

interface Entries {
  readonly counts: Record<ReturnType<typeof accountOf>, number>
  readonly total: number
  readonly gone: number
  readonly missing: FindingList
  readonly altered: FindingList
}

function goThrough(
  ledger: Ledger,
  found: FoundTable,
  onLine: (line: ManifestLine) => void,
): Entries {
  const counts = { delivered: 0, deadLettered: 0, filtered: 0, kept: 0 }
  const [missing, altered] = [new FindingList(), new FindingList()]
  let [total, gone] = [0, 0]
  for (const entry of allEntries(ledger)) {
    total += 1
    if (entry.state === 'gone') gone += 1
    const account = accountOf(entry)
    counts[account] += 1
    if (account !== 'delivered') {
      onLine(lineOf(entry, undefined, null))
      continue
    }
    const there = found.expect(entry.key)
    const { key, uidl } = entry
    const verdict = judge(entry, there)
    if (verdict === 'missing') missing.add({ key, uidl, why: whyMissing(ledger, entry) })
    // Records that are not what they say are named by themselves.
    if (verdict === 'altered' && there !== undefined && there.verified > 0)
      altered.add({
        key,
        uidl,
        why: `the ledger says SHA-256 ${String(entry.sha256).slice(0, 16)}…, its bytes give another`,
      })
    onLine(lineOf(entry, there, verdict))
  }
  return { counts, total, gone, missing, altered }
}

function judge(entry: LedgerEntry, there: Found | undefined): 'verified' | 'altered' | 'missing' {
  if (there === undefined) return 'missing'
  return there.verified > 0 && there.sha256 === entry.sha256 ? 'verified' : 'altered'
}

/** Kafka knows what its retention has removed. */
const whyMissing = (ledger: Ledger, entry: LedgerEntry): string =>
  ledger.holds(entry)
    ? `no record has its key; the ledger says ${String(entry.place)}`
    : 'no record has its key; the destination has removed it'

function lineOf(
  entry: LedgerEntry,
  there: Found | undefined,
  verdict: ManifestLine['found'],
): ManifestLine {
  const { key, uidl, state, place } = entry
  const { sha256, octets } = there !== undefined && there.verified > 0 ? there : entry
  return { uidl, key, sha256, octets, position: there?.position ?? place, state, found: verdict }
}

/** What the records say against themselves, and what is there more than once. */
export function conspicuous(
  found: FoundTable,
  altered = new FindingList(),
): { readonly altered: FindingList; readonly doubled: FindingList } {
  const doubled = new FindingList()
  for (const { key, uidl, records, verified, position, why } of found.conspicuous()) {
    if (verified < records)
      altered.add({ key, uidl, why: `${placed(position)}${why ?? 'it is not what it says'}` })
    if (verified > 1) doubled.add({ key, uidl, why: `it is there ${verified} times` })
  }
  return { altered, doubled }
}

const placed = (position: string): string => (position === 'messages' ? '' : `at ${position}: `)

/** Whole messages of which the ledger says nothing, or something else than delivered. */
function leftOver(
  found: FoundTable,
  forgotten: number,
  onLine: (line: ManifestLine) => void,
): { readonly unledgered: FindingList; readonly missingForgotten: number } {
  const unledgered = new FindingList()
  for (const { key, uidl, sha256, octets, position } of found.unexpected()) {
    unledgered.add({
      key,
      uidl,
      why: `${placed(position)}the ledger does not say that it was delivered`,
    })
    onLine({ uidl, key, sha256, octets, position, state: 'forgotten', found: 'verified' })
  }
  const excess = unledgered.count - forgotten
  return {
    unledgered: excess > 0 ? unledgered.less(forgotten) : new FindingList(),
    missingForgotten: Math.max(0, -excess),
  }
}
