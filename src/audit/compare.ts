/** The ledger's entries held against what was found at the destination. */
import { KeyCounter, type KeySet } from '../ledger/key-set.ts'
import { type Ledger, type LedgerEntry, allEntries } from '../ledger/ledger.ts'
import { tallyOf } from '../ledger/tally.ts'
import { accountOf } from './entries.ts'
import { FindingList } from './findings.ts'
import { judgeForgotten } from './forgotten.ts'
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
    | 'forgottenProven'
    | 'missing'
    | 'missingForgotten'
    | 'missingFurther'
    | 'altered'
    | 'doubled'
    | 'unledgered'
  >

/** @param onLine gets every message, those of the ledger first */
export function compare(
  ledger: Ledger,
  found: FoundTable,
  onLine: (line: ManifestLine) => void = () => undefined,
): Comparison {
  const tally = ledger.tally ?? tallyOf(ledger)
  const { pruned, vanished, accepted } = tally
  const entries = goThrough(ledger, found, onLine)
  const { altered, doubled } = conspicuous(found, entries.altered)
  const left = leftOver(ledger, found, onLine)
  const forgotten = judgeForgotten(
    new KeyCounter(tally.delivered).without(entries.delivered),
    left.keys,
  )
  const balance: Balance = {
    initial: tally.seen + vanished + accepted,
    delivered: found.messages,
    filtered: entries.counts.filtered,
    deadLettered: entries.counts.deadLettered + pruned.deadLettered,
    kept: entries.counts.kept + pruned.kept,
    ...{ vanished, accepted },
  }
  const unexplained = Math.max(left.keys.count - pruned.delivered, forgotten.strange)
  const wrong = {
    ...{ missing: entries.missing, altered, doubled },
    unledgered: left.contradicted.with(left.unentered, Math.max(0, unexplained)),
    missingForgotten: forgotten.missing,
    missingFurther: judgeForgotten(tally.further, furtherIn(found)).missing,
  }
  return {
    ...{ ...balance, ...wrong, entries: entries.total, gone: entries.gone },
    ...{ forgotten: pruned.delivered, forgottenProven: forgotten.proven },
    addsUp: forgotten.proven && isNothing(wrong) && isBalanced(balance),
  }
}

const isNothing = (wrong: Readonly<Record<string, number | FindingList>>): boolean =>
  Object.values(wrong).every((each) => (typeof each === 'number' ? each : each.count) === 0)

function furtherIn(found: FoundTable): KeySet {
  const keys = new KeyCounter()
  for (const { key } of found.further()) keys.add(key)
  return keys
}

interface Entries {
  readonly counts: Record<ReturnType<typeof accountOf>, number>
  readonly total: number
  readonly gone: number
  readonly missing: FindingList
  readonly altered: FindingList
  /** Of the entries: what the destination was given. */
  readonly delivered: KeySet
}

function goThrough(
  ledger: Ledger,
  found: FoundTable,
  onLine: (line: ManifestLine) => void,
): Entries {
  const counts = { delivered: 0, deadLettered: 0, filtered: 0, kept: 0 }
  const [missing, altered] = [new FindingList(), new FindingList()]
  const delivered = new KeyCounter()
  let [total, gone] = [0, 0]
  for (const entry of allEntries(ledger)) {
    total += 1
    if (entry.state === 'gone') gone += 1
    const account = accountOf(entry)
    counts[account] += 1
    if (account !== 'delivered') {
      // What is there all the same has its line among what is left over.
      if ((found.get(entry.key)?.verified ?? 0) === 0) onLine(lineOf(entry, undefined, null))
      continue
    }
    delivered.add(entry.key)
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
  return { counts, total, gone, missing, altered, delivered }
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

interface LeftOver {
  /** Whole messages of which the ledger says something else than delivered. */
  readonly contradicted: FindingList
  /** Whole messages of which it says nothing. */
  readonly unentered: FindingList
  /** Theirs. */
  readonly keys: KeySet
}

function leftOver(
  ledger: Ledger,
  found: FoundTable,
  onLine: (line: ManifestLine) => void,
): LeftOver {
  const [contradicted, unentered] = [new FindingList(), new FindingList()]
  const keys = new KeyCounter()
  for (const { key, uidl, sha256, octets, position } of found.unexpected()) {
    const entry = ledger.get(key)
    const why = `${placed(position)}the ledger does not say that it was delivered`
    if (entry !== undefined) contradicted.add({ key, uidl, why })
    else {
      unentered.add({ key, uidl, why })
      keys.add(key)
    }
    const state = entry?.state ?? 'forgotten'
    onLine({ uidl, key, sha256, octets, position, state, found: 'verified' })
  }
  return { contradicted, unentered, keys }
}
