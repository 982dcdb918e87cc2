/** What a drain of a surveyed mailbox would do, as plain data: what `maildrain plan` prints, and its JSON. */
import { type Forecast, forecast } from './forecast.ts'
import type { LedgerShare } from './ledger-count.ts'
import { type ResolvedPop3SourceOptions, boundsOf } from '../options.ts'
import { type Quirk, quirksOf } from './quirks.ts'
import { type SizeRange, sizeHistogram } from './size-histogram.ts'
import type { Survey, Timing } from './survey.ts'

export interface DrainPlan {
  /** Mailbox id (src/identity.ts). */
  readonly mailbox: string
  /** Null where none was named. */
  readonly destination: string | null
  readonly deletion: boolean
  readonly server: {
    /** What it calls itself; null where it does not. */
    readonly implementation: string | null
    readonly tls: boolean
    /** Capabilities that matter to a drain, as CAPA writes them; null where it does not tell. */
    readonly capabilities: readonly string[] | null
    /** Which listings answer about single numbers; null where it was not tried. */
    readonly numbered: { readonly list: boolean; readonly uidl: boolean } | null
  }
  /** Of STAT. */
  readonly stat: { readonly messages: number; readonly octets: number }
  /** Of LIST. */
  readonly messages: number
  readonly octets: number
  readonly largest: { readonly n: number; readonly octets: number }
  readonly sizes: readonly SizeRange[]
  readonly oversize: {
    readonly maxMessageBytes: number
    readonly messages: number
    readonly octets: number
  }
  /** Null where the server has none. */
  readonly uidls: {
    readonly named: number
    readonly missing: number
    /** Unique-ids that more than one number has, and these numbers. */
    readonly sharedUidls: number
    readonly sharingNumbers: number
    /** Against RFC 1939 section 7. */
    readonly odd: number
  } | null
  /** Null where no destination was named, or it has no ledger yet. */
  readonly ledger: LedgerShare | null
  readonly prediction: Forecast
  /** Earlier sessions that the prediction stands on. */
  readonly knownSessions: number
  readonly measured: Timing
  /** What LIST and UIDL took on the wire. */
  readonly listingOctets: number
  readonly quirks: readonly Quirk[]
}

export interface DrainPlanOptions {
  readonly mailbox: string
  readonly destination: string | null
  readonly deletion: boolean
  readonly source: ResolvedPop3SourceOptions
}

export function drainPlan(survey: Survey, options: DrainPlanOptions): DrainPlan {
  const { mailbox, destination, deletion, source } = options
  const { sizes, uidls, stat, ledger, planner } = survey
  const { implementation, secure, numbered } = survey
  return {
    ...{ mailbox, destination, deletion },
    server: { implementation, tls: secure, capabilities: capabilitiesOf(survey), numbered },
    ...{ stat, messages: sizes.listed, octets: sizes.total, largest: sizes.largest },
    sizes: sizeHistogram(sizes.all()),
    oversize: { maxMessageBytes: sizes.maxMessageBytes, ...sizes.oversize },
    uidls: uidls && {
      ...{ named: uidls.named, missing: uidls.missing, odd: uidls.odd },
      ...{ sharedUidls: uidls.census.groups, sharingNumbers: uidls.census.sharing },
    },
    ledger,
    prediction: forecast(survey, { deletion, bounds: boundsOf(source) }),
    knownSessions: planner.samples.length,
    measured: survey.timing,
    listingOctets: sizes.listingOctets + (uidls?.listingOctets ?? 0),
    quirks: quirksOf(survey, { deletion, options: source }),
  }
}

function capabilitiesOf({ capabilities }: Survey): string[] | null {
  const { known, expireDays, loginDelaySeconds } = capabilities
  if (!known) return null
  const named = { PIPELINING: 'pipelining', UIDL: 'uidl', TOP: 'top', UTF8: 'utf8' } as const
  return [
    ...Object.entries(named).flatMap(([name, key]) => (capabilities[key] ? [name] : [])),
    ...(expireDays === null
      ? []
      : [`EXPIRE ${expireDays === Infinity ? 'NEVER' : String(expireDays)}`]),
    ...((loginDelaySeconds ?? 0) === 0 ? [] : [`LOGIN-DELAY ${loginDelaySeconds}`]),
  ]
}
